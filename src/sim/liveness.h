// The liveness phase of a run: a core of servers is well and connected, others are not, and every
// request of the core's clients has to be answered in time, and none much later than most.
#pragma once

#include <optional>
#include <set>

#include "sim/world.h"

namespace steward::sim {

// How long a correct client waits at most while, in each of enough sites, a quorum of servers is
// well and connected, after they were not for `outage`. From the time-outs of the cluster file;
// docs/protocols.md, section 2, has the derivation.
Duration progress_bound(const ClusterConfig& config, Duration outage);

// How long one may wait who asks when all are well while others are served: as long as it takes to
// notice f leaders of each site on its way that pass over it.
Duration fairness_allowance(const ClusterConfig& config);

struct Demand {
  Duration load{0};       // clients ask for so long
  Duration bound{0};      // see progress_bound
  Duration allowance{0};  // see fairness_allowance
};

// Heals all servers but those outside, lets clients ask for the load, and on until all that they
// asked in this time has been answered, and then waits for the last answers. Returns how long one
// has waited at most, since it asked or since the healing, whichever was later. Nullopt, and a
// violation, as soon as a client of a site in the core has waited too long, or much longer than
// most.
std::optional<Duration> demand_progress(World& world, const std::set<ServerId>& outside,
                                        const Demand& demand);

}  // namespace steward::sim
