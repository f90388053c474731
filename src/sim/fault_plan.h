// What goes wrong in a run, drawn from its seed: each run switches on a random subset of the kinds
// of faults, each at random strength, within what the cluster is to tolerate.
#pragma once

#include <variant>
#include <vector>

#include "sim/network.h"
#include "sim/random.h"
#include "steward/cluster_config.h"

namespace steward::sim {

struct SetNetwork {
  NetworkFaults faults;
};
struct Crash {
  ServerId server;
};
struct Restart {
  ServerId server;
};
struct CutSite {
  SiteId site = 0;
  bool cut = false;
};
// A copy of the disk is put aside. Wipe and Rollback stop the server and leave it an empty disk, or
// that copy; Restart starts it.
struct Backup {
  ServerId server;
};
struct Wipe {
  ServerId server;
};
struct Rollback {
  ServerId server;
};
using Fault = std::variant<SetNetwork, Crash, Restart, CutSite, Backup, Wipe, Rollback>;

struct PlannedFault {
  Duration at{0};
  Fault fault;
};

// The kinds of faults that a run may draw from.
struct FaultKinds {
  bool loss = true;
  bool delay = true;
  bool duplication = true;
  bool crashes = true;
  bool cuts = true;
};
inline constexpr FaultKinds kNoFaults{false, false, false, false, false};

// In order of time, within `duration`. At most f servers of a site are down at once and at most F
// sites cut or short of more than their f. Everything is healed in the end but the network, which
// the caller heals.
std::vector<PlannedFault> make_fault_plan(const ClusterConfig& config, const FaultKinds& kinds,
                                          Duration duration, Random random);

// As people read it in a trace.
std::string to_string(const Fault& fault);

}  // namespace steward::sim
