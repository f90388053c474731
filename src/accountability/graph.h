// The Accountability Graph: which update rests on which, so that what a malicious client tainted
// can be told from what it did not (Section 4 of the specification; "Accountability Graph", AFRL
// report, Appendix B). This file holds the graph; classification.h says what is tainted.
//
// Model. A node is one update, by its position in the global order. What it depends on is given as
// *cells*, which are alternatives: the node holds while at least one cell is wholly untainted.
// (A or B) and C is the cells {A,C} and {B,C}. A node without cells depends on nothing; one with an
// empty cell needs nothing, which is the same. Deeper formulas are built from *gates*: nodes
// that are nobody's update. FIFO edges, from each update to its client's previous one, are always
// there and are never part of a cell, except under Causality::kNetwork.
//
// Representation. Nodes stand in segments of 65,536. A segment has three flat arrays: where each
// node's words begin, its client, and the words of all its nodes. A word is one dependency: 31 bits
// that say how far back it is, and a bit that ends a cell. Distances instead of numbers let the
// graph grow without end in 32-bit words, and make a segment independent of where it stands. A
// client has the list of its nodes in 32 bits each, which is the FIFO edges; its timestamps cost
// nothing while it counts 1, 2, 3, and 8 bytes a node otherwise. That is 12 bytes a node, 4 a
// dependency and 56 a client; nothing points from a dependency to its dependents.
//
// Nothing needs to. A dependency is always earlier, so the order of the nodes is a topological
// order, and one pass over the words in that order finds every tainted node: sequential
// reads, and a byte a node looked up. See classification.h.
//
// Cycles cannot be made: append() takes only earlier nodes. Every refusal leaves the graph as it
// was. Not thread-safe for writing; any number of threads may read.
#pragma once

#include <cstdint>
#include <deque>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "common/result.h"

namespace steward::accountability {

using Node = std::uint64_t;       // position in the order of all nodes, from 0; never reused
using Client = std::uint32_t;     // as add_client() numbered it, from 0
using Timestamp = std::uint64_t;  // a client's own count; greater with each of its updates

inline constexpr Client kGate = std::numeric_limits<Client>::max();  // the "client" of a gate

// Stands for a dependency that does not exist, or not as named. It is tainted for good: whoever
// maintains a graph beside others that do not must not refuse an update for it.
inline constexpr Node kUnresolvable = std::numeric_limits<Node>::max();

inline constexpr std::size_t kMaxCells = 64;            // of one node; more need gates
inline constexpr std::size_t kMaxDependencies = 16384;  // of one node, over all its cells
inline constexpr std::uint64_t kMaxDistance = (std::uint64_t{1} << 31) - 1;
inline constexpr std::uint32_t kMaxClients = 1U << 26;

enum class Causality {
  kDeclared,  // what updates say they depend on
  kNetwork,   // and, in each cell, the client's previous update: what a network can see
};

using Cell = std::vector<Node>;   // all of these
using Cells = std::vector<Cell>;  // any of these

// A node as it stands in the graph; valid until the graph changes.
struct NodeView {
  static constexpr std::uint32_t kEndsCell = std::uint32_t{1} << 31;

  Node node = 0;
  Client client = kGate;
  std::span<const std::uint32_t> words;

  bool is_gate() const { return client == kGate; }
  Node dependency(std::uint32_t word) const {
    const std::uint32_t distance = word & ~kEndsCell;
    return distance == 0 ? kUnresolvable : node - distance;
  }

  // Whether each cell has a dependency of which `tainted(Node)` says so. False without cells.
  template <class Tainted>
  bool rests_on(Tainted&& tainted) const {
    bool spoilt = false;
    for (const std::uint32_t word : words) {
      if (!spoilt) spoilt = tainted(dependency(word));
      if ((word & kEndsCell) == 0) continue;
      if (!spoilt) return false;
      spoilt = false;
    }
    return !words.empty();
  }

  Cells cells() const;
  bool is_malformed() const;  // names something unresolvable
};

// Whether a node `next` may have these cells: kBadInput for a dependency that is not earlier,
// kTooLarge beyond the limits above.
Status check_cells(const Cells& cells, Node next);

class Graph {
 public:
  explicit Graph(Causality causality = Causality::kDeclared) : causality_(causality) {}

  Result<Client> add_client();

  // The next update in the global order. kBadInput for an unknown client, a timestamp that is not
  // greater than the client's last one (so also for the same update twice), and a dependency that
  // is not earlier; kTooLarge beyond the limits above. O(dependencies).
  Result<Node> append(Client client, Timestamp time, const Cells& cells);

  // The same of a single cell, or of none if it is empty: without alternatives there is no need to
  // build Cells.
  Result<Node> append(Client client, Timestamp time, std::span<const Node> all_of);

  // A part of a formula: tainted as its cells say, made by nobody.
  Result<Node> append_gate(const Cells& cells);

  Node horizon() const { return horizon_; }  // the first that is still held
  Node end() const { return end_; }          // one beyond the last
  std::uint32_t clients() const { return static_cast<std::uint32_t>(clients_.size()); }
  std::uint64_t dependencies() const { return dependencies_; }  // held, over all nodes
  bool has_unresolvable() const { return has_unresolvable_; }   // in any node ever

  // From here on `node` is within [horizon, end), and `client` below clients(): checked.
  NodeView at(Node node) const;
  Timestamp time_of(Node node) const;             // 0 for gates
  std::optional<Node> previous(Node node) const;  // along the FIFO edge; nullopt if not held
  std::span<const std::uint32_t> nodes_of(Client client) const;  // lower 32 bits, in order
  std::optional<Node> find(Client client, Timestamp time) const;
  std::optional<Node> first_from(Client client, Timestamp time) const;  // first at or after `time`

  // Of the client's forgotten updates, the greatest timestamp; nullopt if none was forgotten.
  std::optional<Timestamp> forgotten_time(Client client) const;

  // Drops whole segments of nodes before `node`; the horizon is then at most `node`. What depends
  // on the dropped ones keeps saying so. O(nodes held).
  void forget_before(Node node);

  std::size_t memory_bytes() const;  // allocated by the arrays

  // Calls `visit(const NodeView&)` for each node of [from, end) in order.
  template <class Visit>
  void for_each(Node from, Visit&& visit) const {
    STEWARD_CHECK(from >= horizon_);
    for (Node base = from / kSegmentNodes * kSegmentNodes; base < end_; base += kSegmentNodes) {
      const Segment& segment = segment_of(base);
      std::size_t i = base < from ? from - base : 0;
      for (; i < segment.clients.size(); ++i) visit(segment.view(base, i));
    }
  }

 private:
  static constexpr std::size_t kSegmentNodes = 1 << 16;

  struct Segment {
    std::vector<std::uint32_t> begins;  // into words, by node
    std::vector<Client> clients;
    std::vector<std::uint32_t> words;

    NodeView view(Node base, std::size_t i) const {
      const std::size_t begin = begins[i];
      const std::size_t end = i + 1 < begins.size() ? begins[i + 1] : words.size();
      return {base + i, clients[i], std::span(words).subspan(begin, end - begin)};
    }
  };

  struct ClientNodes {
    std::vector<std::uint32_t> nodes;  // lower 32 bits; in order, so unambiguous from the horizon
    std::vector<Timestamp> times;      // empty while they are first, first + 1, first + 2, …
    Timestamp first = 0;               // of nodes.front()

    Timestamp time(std::size_t i) const { return times.empty() ? first + i : times[i]; }
    std::size_t lower_bound(Timestamp time) const;
    void add(Node node, Timestamp time);
  };

  // Of a client's forgotten updates, the last one. Apart, since most graphs forget nothing.
  struct Forgotten {
    Node node = kUnresolvable;  // there is none
    Timestamp time = 0;
  };

  const Segment& segment_of(Node node) const {
    return segments_[(node - horizon_) / kSegmentNodes];
  }
  Status check_update(Client client, Timestamp time) const;
  const Forgotten* forgotten_of(Client client) const;       // nullptr: none
  std::optional<Timestamp> last_time(Client client) const;  // of forgotten ones too
  std::optional<Node> predecessor_of(Client client) const;  // as a dependency of its next update
  Segment& open_segment();
  Node wide(std::uint32_t low) const {
    return horizon_ + static_cast<std::uint32_t>(low - static_cast<std::uint32_t>(horizon_));
  }
  std::size_t index_of(const ClientNodes& client, Node node) const;
  void add_words(Segment& segment, std::span<const Node> cell, std::optional<Node> predecessor);
  Node add_node(Segment& segment, std::size_t first_word, Client client);

  Causality causality_;
  std::deque<Segment> segments_;  // from the horizon on, which is a multiple of kSegmentNodes
  std::vector<ClientNodes> clients_;
  std::vector<Forgotten> forgotten_;  // by client; of those that there were when nodes were dropped
  Node horizon_ = 0;
  Node end_ = 0;
  std::uint64_t dependencies_ = 0;
  bool has_unresolvable_ = false;
};

}  // namespace steward::accountability
