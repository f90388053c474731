// Many runs, each in a process of its own: one that aborts on an invariant is a failed run like any
// other, and several go on at once.
#pragma once

#include <iosfwd>

#include "sim/run.h"

namespace steward::sim {

// What is known of a run afterwards.
struct Outcome {
  // "what kind: …", the first one first; kind "abort" for a run that ended its process.
  std::vector<std::string> violations;
  std::uint64_t updates = 0;
  Duration simulated{0};
  Duration longest_wait{0};       // see Report
  std::vector<std::string> told;  // WorldOptions::tell, the last of it

  bool passed() const { return violations.empty(); }
  std::string kind() const;  // of the first violation
};

// One run. With `tell` the outcome tells what happened. Never fails: what keeps a run from
// happening is a violation, too.
Outcome run_apart(const ClusterConfig& config, const RunOptions& options, const FaultPlan& plan,
                  bool tell);

// A cluster, and the arguments of `steward sim` that name it.
struct Composition {
  std::string arguments;
  ClusterConfig config;
};

struct Sweep {
  std::vector<Composition> compositions;
  RunOptions options;
  std::uint64_t first = 1;  // seeds of each composition
  std::uint64_t last = 1;
  std::uint32_t jobs = 1;  // runs at once
  // The command that replays one run.
  std::function<std::string(const Composition&, std::uint64_t seed)> replay;
};

// Tells `out` of each run that fails how to replay it, in the order of compositions and seeds, then
// how fast it went, and closes with the line "N passed, N failed". True when all passed.
bool run_seeds(const Sweep& sweep, std::ostream& out);

}  // namespace steward::sim
