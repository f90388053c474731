// The liveness phase of a run: a core of servers is well and connected, others are not, and every
// request of the core's clients has to be answered in time.
#pragma once

#include <set>

#include "sim/world.h"

namespace steward::sim {

// How long a correct client waits at most while, in each of enough sites, a quorum of servers is
// well and connected. From the time-outs of the cluster file; the .cc has the derivation.
Duration progress_bound(const ClusterConfig& config);

// Heals all servers but those outside, lets clients ask for `load` and then waits for their
// answers. False, and a violation, as soon as a client of a site in the core has waited for
// `bound` since it asked or since the healing, whichever was later.
bool demand_progress(World& world, const std::set<ServerId>& outside, Duration load,
                     Duration bound);

}  // namespace steward::sim
