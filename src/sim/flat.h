// Clusters without sites, by name: one group of servers that order updates among themselves.
#pragma once

#include <string>

#include "steward/cluster_config.h"

namespace steward::sim {

// "pbft/7": seven servers in one place under PBFT, of which two may lie; "paxos/5" likewise. As
// many faults as the number of servers allows, the defaults of a cluster file for the rest. Fails
// for what does not read like this or is not allowed.
Result<ClusterConfig> flat_cluster(const std::string& name);

}  // namespace steward::sim
