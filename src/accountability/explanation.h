// Why a node is tainted, and how one node comes to rest on another.
//
// All of it walks backwards, from a node to its dependencies, within the nodes that the graph
// holds. A walk is O(n + d) and takes 4 bytes a node between its ends. Thread-safe as long as
// nobody writes to the graph or the classification.
#pragma once

#include <vector>

#include "accountability/classification.h"

namespace steward::accountability {

enum class Cause {
  kNone,          // it is not tainted
  kMarked,        // a mark says that it is bad
  kClient,        // its client is malicious from its time or an earlier one
  kDependencies,  // each of its cells holds a tainted node
  kForgotten,     // it is beyond the horizon, where it was tainted or nothing is known
};

struct Step {
  Node node = 0;
  Label label = Label::kNotAffected;
  Cause cause = Cause::kNone;
  // With kDependencies, of each cell one that is tainted, in the order of the cells: a corrupt one
  // if there is, else the first. kUnresolvable may be among them.
  std::vector<Node> witnesses;
};

struct Proof {
  std::vector<Step> steps;  // of the node first; each witness has a step of its own
  bool cut_short = false;   // there are more steps than were asked for
};

// A complete reason for `node`'s label, breadth first, of at most `max_steps` steps.
Proof explain(const Classification& labels, Node node, std::size_t max_steps = 1000);

// The shortest chain of tainted nodes from `node` to a corrupt one, both included, each resting on
// the next. Empty if `node` is not tainted, or only by what is forgotten or unresolvable.
std::vector<Node> taint_path(const Classification& labels, Node node);

// The shortest chain of dependencies from `node` to `origin`, both included, alternatives counting
// as dependencies. Empty if there is none. Both are held: checked.
std::vector<Node> dependency_path(const Graph& graph, Node node, Node origin);

}  // namespace steward::accountability
