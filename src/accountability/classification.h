// What is tainted: labels of all nodes of a graph under a set of marks.
//
// Marks. They come from outside: an intrusion detector, a person.
//   kCorruptUpdate  the update is bad and its client malicious: all that the client did from then
//   on kClientFrom     the client is malicious from this timestamp on, whether it has acted or not
//   kHonestBad      the update is bad, its client made a mistake: nothing else of it
//   kCleared        somebody looked: the update is right although what it rests on is not. It stops
//                   the taint, unless it is corrupt itself.
//
// Labels. Corrupt: a mark says so, directly or through its client's FIFO edges, which no cell can
// make good. Suspect: not corrupt nor cleared, and each of its cells holds a tainted (corrupt
// or suspect) node. Not affected: the rest. Being suspect makes no client malicious.
//
// How. A node's label is a function of the marks and of the labels of earlier nodes only. So
// the labels are right from the first node on if they are recomputed, in order, from the first one
// whose own marks changed: this is the propagation for a new mark and for a withdrawn one alike.
// There is no counter or visited flag that a withdrawal would have to undo, so withdrawn is the
// same as never marked, and the order of marks cannot matter. Cost: O(n + d) over the nodes and
// dependencies from the mark on, one byte a node. A worklist over dependents would do less for a
// mark with few dependents, and need twice the memory for the way back; the whole pass over 4
// million updates takes less than people notice (docs/accountability.md).
//
// Limits. A mark that reaches before the graph's horizon cannot be followed there: the result is
// then unbounded(), and everything that rests on forgotten nodes counts as suspect. Labels that
// forgotten nodes had are remembered where they were tainted, also after their mark is withdrawn.
//
// Not thread-safe. Deterministic.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "accountability/graph.h"

namespace steward::accountability {

enum class Label : std::uint8_t { kNotAffected = 0, kSuspect = 1, kCorrupt = 2 };

const char* to_string(Label label);

enum class MarkKind : std::uint8_t { kCorruptUpdate, kClientFrom, kHonestBad, kCleared };

struct Mark {
  MarkKind kind = MarkKind::kCorruptUpdate;
  Node node = 0;       // all but kClientFrom
  Client client = 0;   // kClientFrom
  Timestamp from = 0;  // kClientFrom

  friend auto operator<=>(const Mark&, const Mark&) = default;
};

constexpr Mark corrupt_update(Node node) { return {MarkKind::kCorruptUpdate, node, 0, 0}; }
constexpr Mark honest_bad(Node node) { return {MarkKind::kHonestBad, node, 0, 0}; }
constexpr Mark cleared(Node node) { return {MarkKind::kCleared, node, 0, 0}; }
constexpr Mark client_from(Client client, Timestamp from) {
  return {MarkKind::kClientFrom, 0, client, from};
}

struct Counts {  // of updates; gates are none
  std::uint64_t not_affected = 0;
  std::uint64_t suspect = 0;
  std::uint64_t corrupt = 0;

  friend bool operator==(const Counts&, const Counts&) = default;
};

class Classification {
 public:
  // `graph` outlives it. Whoever adds to the graph, or forgets, calls catch_up() afterwards. A node
  // that was never labelled may not be forgotten: checked.
  explicit Classification(const Graph& graph);

  // Labels the nodes that are new, and lets go of those that the graph forgot. O(new ones).
  void catch_up();

  // Idempotent. kNotFound for a node that was never or is no longer there, or an unknown client;
  // kBadInput for a gate that is to have a malicious client.
  Status mark(const Mark& mark);

  // kNotFound if it is not marked so, or if the node is forgotten and was marked corrupt or
  // cleared: nobody can look again at what rested on it.
  Status withdraw(const Mark& mark);

  // Several at once, for the cost of one.
  Status mark_all(const std::vector<Mark>& marks);

  Label label(Node node) const;                     // forgotten nodes too
  const Counts& counts() const { return counts_; }  // of the nodes that are held
  const Graph& graph() const { return graph_; }

  // In order. The value says whether the mark reached before the horizon when it was made.
  const std::map<Mark, bool>& marks() const { return marks_; }
  bool unbounded() const { return beyond_ != 0; }

  // Of the client's updates, those from here on are corrupt; nullopt: none.
  std::optional<Timestamp> malicious_from(Client client) const;
  bool is_marked(Node node, MarkKind kind) const;  // kHonestBad or kCleared

  // Whether forgotten nodes were tainted. No snapshot from there on is without them.
  bool is_tainted_before_horizon() const { return !tainted_before_.empty(); }

  std::size_t memory_bytes() const;

 private:
  static constexpr std::uint8_t kLabelBits = 3;
  static constexpr std::uint8_t kHonestBadBit = 4;
  static constexpr std::uint8_t kClearedBit = 8;
  static constexpr std::uint64_t kNever = kUnresolvable;

  struct ClientState {
    std::optional<Timestamp> from;  // malicious from this timestamp
    Node first_corrupt = kNever;    // its first node at or after that
  };

  Status check(const Mark& mark) const;
  Node enter(const Mark& mark);            // bookkeeping; the first node whose own marks changed
  Node set_malicious_from(Client client);  // from the marks; the first node that this may change
  bool reaches_forgotten(const Mark& mark) const;
  bool is_tainted(Node node) const;
  std::uint8_t label_of(const NodeView& view) const;
  void relabel(Node from);
  void forget();
  void count(const NodeView& view, std::uint8_t state, bool add);

  const Graph& graph_;
  std::vector<std::uint8_t> states_;  // label and own marks, from base_ on
  std::vector<ClientState> clients_;
  // The earliest timestamps that marks give for a client, each with how many marks give it.
  std::map<std::pair<Client, Timestamp>, std::uint32_t> malice_;
  std::map<Mark, bool> marks_;
  std::vector<Node> tainted_before_;  // forgotten nodes that were tainted then, in order
  Node base_ = 0;
  std::uint64_t beyond_ = 0;  // marks whose value is true
  Counts counts_;
};

}  // namespace steward::accountability
