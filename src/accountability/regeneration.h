// The state without what was tainted: which snapshot to begin with, what to execute again, what to
// leave out; and how long to keep snapshots and nodes for that.
//
// A snapshot "at s" is the state after all nodes before s; the one at 0 is the empty state. It is
// valid under a view of the state if nothing before s is excluded from that view. Regeneration
// takes the newest valid one and executes the permitted updates from there on in their original
// order. What comes out is a branch: whether it becomes the state is for the service to decide and
// to order.
//
// An update that was permitted may still end otherwise than it did originally, because it read what
// an excluded one had written without saying so. Those are reported.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "accountability/classification.h"
#include "common/bytes.h"

namespace steward::accountability {

enum class View {
  kClean,            // without corrupt and suspect updates
  kCleanAndSuspect,  // without corrupt ones
};

bool is_excluded(View view, Label label);

struct RegenerationPlan {
  Node snapshot = 0;
  Node upto = 0;                // one beyond the last
  std::vector<Node> excluded;   // of [snapshot, upto), in order; gates are not listed
  std::uint64_t permitted = 0;  // updates of [snapshot, upto)
};

// `snapshots` in any order; the empty state at 0 counts as one. kNotFound if no valid snapshot is
// recent enough: the updates that would have to be executed again are forgotten, or nobody knows
// what of them is tainted.
Result<RegenerationPlan> plan_regeneration(const Classification& labels, View view,
                                           std::span<const Node> snapshots);

// The service, as regeneration needs it.
class Replayer {
 public:
  virtual ~Replayer() = default;
  virtual Status restore(Node snapshot) = 0;
  virtual Result<Bytes> execute(Node update) = 0;          // the digest of its result
  virtual Result<Bytes> original_result(Node update) = 0;  // the digest that it had
};

struct Regenerated {
  RegenerationPlan plan;
  std::vector<Node> different;  // permitted, executed again, other result: undeclared dependencies
};

// Runs the plan. Stops at the first error of the replayer.
Result<Regenerated> regenerate(const Graph& graph, RegenerationPlan plan, Replayer& replayer);

// Keeps one to two epochs in memory. When an epoch ends, the state as of the end of the *previous*
// one becomes a snapshot: what goes wrong is mostly found within an epoch, and then that snapshot
// is still valid.
class Epochs {
 public:
  struct Step {
    Node snapshot_at = 0;    // keep the state as it was before this node
    Node forget_before = 0;  // nothing before it is needed in memory
  };

  // An epoch ends before `node`. kBadInput if the last one ended there or later.
  Result<Step> end_epoch(Node node);

  Node last_end() const { return last_end_; }

 private:
  Node last_end_ = 0;
};

}  // namespace steward::accountability
