// The shortest run that still goes wrong in the way that a long one did.
#pragma once

#include <functional>

#include "sim/seeds.h"

namespace steward::sim {

struct Shortest {
  RunOptions options;
  FaultPlan plan;
  std::size_t tried = 0;  // runs
};

// How a run ends; the same for the same run.
using Attempt = std::function<Outcome(const RunOptions& options, const FaultPlan& plan)>;

// From a run whose first violation is of `kind`: fewer faults, less time, fewer users, shorter
// outages, a calmer network, as long as the first violation stays of that kind. Deterministic; at
// most `most` runs.
Shortest shorten(const RunOptions& options, const FaultPlan& plan, const std::string& kind,
                 const Attempt& attempt, std::size_t most = 400);

}  // namespace steward::sim
