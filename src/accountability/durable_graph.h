// The Accountability Graph for more updates than memory holds, and across restarts: a graph and its
// labels in one, kept in an Archive. It answers as Graph and Classification do (classification.h
// says what marks and labels mean), for declared dependencies; it forgets nothing.
//
// Representation. Nodes stand in segments (segment.h). One that is full is written and leaves
// memory; a pass loads those that it needs, one after the other. In memory stay a byte for each
// node, its label and own marks, because dependencies reach anywhere; 32 bytes for each client; and
// two segments. Labels are not written: they follow from the nodes and the marks, and open() finds
// them again in its one pass over everything, in which all that was written is checked.
//
// Durability. A full segment, and a mark with all before it, are durable when the call returns;
// other updates when flush() returned or a later one made them so. After a crash the graph ends at
// some earlier durable_end(), and whoever feeds it goes on from there.
//
// Errors of the archive are final: everything later fails alike, until it is opened again. A
// refusal of what is asked for leaves the graph as it was.
//
// Not thread-safe. Deterministic: the same updates and marks in the same order give the same
// records.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "accountability/archive.h"
#include "accountability/catalogue.h"
#include "accountability/classification.h"
#include "accountability/segment.h"

namespace steward::accountability {

inline constexpr std::uint32_t kMaxSegmentNodes = 1U << 16;

struct DurableOptions {
  // Of a graph that is new; from 1. Less where updates have hundreds of dependencies: a segment is
  // 4 bytes for each of them in memory, and one record.
  std::uint32_t segment_nodes = kMaxSegmentNodes;
};

class DurableGraph {
 public:
  // `archive` outlives it and is used by it alone. An empty archive becomes a new graph. kCorrupt,
  // with what is wrong, if records are lost or not what was written.
  static Result<std::unique_ptr<DurableGraph>> open(Archive& archive,
                                                    const DurableOptions& options = {},
                                                    const ImportProgress& progress = {});

  // As those of Graph.
  Result<Client> add_client();
  Result<Node> append(Client client, Timestamp time, const Cells& cells);
  Result<Node> append_gate(const Cells& cells);

  Status flush();

  Node end() const { return tail_.end(); }
  Node durable_end() const { return durable_end_; }
  std::uint32_t clients() const { return static_cast<std::uint32_t>(clients_.size()); }

  // As those of Classification. A mark on a node takes a pass over what comes after it, one on a
  // client over everything, unless it has done nothing yet that it concerns.
  Status mark(const Mark& mark);
  Status withdraw(const Mark& mark);
  const std::set<Mark>& marks() const { return marks_; }

  Label label(Node node) const;  // of a node before end(): checked
  const Counts& counts() const { return counts_; }

  // Loads the node's segment. `node` is before end(): checked.
  Result<Cells> cells_of(Node node);

  std::size_t memory_bytes() const;  // allocated by the arrays

 private:
  struct ClientState {
    std::optional<Timestamp> last;  // of its updates
    std::optional<Timestamp> from;  // malicious from this timestamp
  };

  struct Origin {
    Client client = kGate;
    Timestamp time = 0;
  };

  DurableGraph(Archive& archive, std::uint32_t segment_nodes)
      : archive_(archive), segment_nodes_(segment_nodes) {}

  Status restore(BytesView header, const ImportProgress& progress);
  Status restore_segment(Node first, Node end);
  Status restore_marks(BytesView bytes, Node end);
  Status restore_node(const Segment& segment, std::size_t i);
  Result<Segment> load(Node first) const;
  Result<const Segment*> segment_with(Node node);
  Status commit();
  Status fail(const Error& error);

  Result<Node> add(Client client, Timestamp time, const Cells& cells);
  void take_label(const NodeView& view, Timestamp time, std::uint8_t own_marks);
  std::uint8_t label_of(const NodeView& view, Timestamp time) const;
  void count(const NodeView& view, std::uint8_t state, bool add);
  Status relabel(Node from);
  void relabel(const Segment& segment, Node from);

  Result<Origin> origin_of(const Mark& mark);   // refuses what cannot be marked so
  Node enter(const Mark& mark, Origin origin);  // the first node whose own marks changed
  Node take_back(const Mark& mark, Origin origin);
  Node update_malice(Client client, Node first);

  Archive& archive_;
  std::uint32_t segment_nodes_;
  Segment tail_;                   // not full
  std::optional<Segment> loaded_;  // the last one that cells_of() or a mark asked for
  std::vector<std::uint8_t> states_;
  std::vector<ClientState> clients_;
  // The timestamps that marks give for a client, each with how many marks give it.
  std::map<std::pair<Client, Timestamp>, std::uint32_t> malice_;
  std::set<Mark> marks_;
  Counts counts_;
  Node durable_end_ = 0;
  std::optional<Error> failed_;
};

}  // namespace steward::accountability
