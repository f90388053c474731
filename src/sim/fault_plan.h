// What goes wrong in a run, drawn from its seed: each run switches on a random subset of the kinds
// of faults, each at random strength, within what the cluster is to tolerate.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "sim/network.h"
#include "sim/random.h"
#include "steward/cluster_config.h"

namespace steward::sim {

struct SetNetwork {  // among all servers
  NetworkFaults faults;
};
struct Crash {
  ServerId server;
};
struct Restart {
  ServerId server;
};
struct RestartLoop {  // down, up, down, … while it is on
  ServerId server;
  Duration up{0};
  Duration down{0};
  bool on = true;
};
struct Pause {  // the machine stands still and keeps its memory, as after SIGSTOP
  ServerId server;
  bool on = true;
};
struct SlowCpu {
  ServerId server;
  std::uint32_t times = 1;  // as long for everything
};
struct SlowDisk {
  ServerId server;
  std::uint32_t times = 1;
};
struct SlowLinks {  // of a server, to and from all others
  ServerId server;
  std::uint32_t times = 1;
};
struct SetClock {
  ServerId server;
  std::uint32_t percent = 100;  // what it counts of the time that passes
};
struct JumpClock {
  ServerId server;
  Duration by{0};  // negative: set back
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
// No write and no sync of its disk succeeds: the server stops as soon as it notices, and is started
// when the disk works again.
struct FailDisk {
  ServerId server;
  bool on = true;
};
// The server stops, and what it stored is gone, damaged or as it was backed up last: unless as many
// of its site lie, or have lost their memory and were not readmitted yet, as may be faulty. Then it
// only stops. Damaged data is refused when the server is started, and put aside. Restart starts it.
struct LoseDisk {
  enum class How { kWiped, kDamaged, kRolledBack };
  ServerId server;
  How how = How::kWiped;
};
struct Block {  // nothing gets from any of these to any of those; the way back is not touched
  std::vector<ServerId> from;
  std::vector<ServerId> to;
  bool on = true;
};
// What a server may be caught at.
enum class Deed { kProposes, kVotes, kPrepares, kExecutes, kLeaves, kOpens };
// `by` this server alone: the messages from which the deed follows reach none of the others.
struct Trap {
  Deed deed = Deed::kExecutes;
  std::optional<ServerIndex> by = {};
  bool operator==(const Trap&) const = default;
};
// Lies in wait for the servers of a site. Whoever is the first of them to do something new that a
// trap is for, one trap after the other, is cut off just then, so that the others find out what it
// did from nobody, or too late. Who was caught goes free at the next, so that never more than one
// is held: then what it knows meets what the others did meanwhile.
struct Ambush {
  enum class How {
    kCutOff,         // nobody of the site hears another while it is dark, and the one caught nobody
    kCrash,          // the same, and the one caught is down
    kRestartOthers,  // the one caught hears nobody, and the others are down while it is dark
    kForget,         // nobody hears another while it is dark, and the one caught starts anew with
                     // an empty disk, if its site can bear it (LoseDisk)
  };
  SiteId site = 0;
  std::vector<Trap> traps;
  std::uint32_t times = 1;  // the first trap shuts when its deed is done anew so often
  How how = How::kCutOff;
  Duration late{0};   // after the deed
  Duration dark{0};   // the next trap is laid at the end of it
  Duration alone{0};  // of who is caught, at most
  bool on = true;
  bool operator==(const Ambush&) const = default;
};
using Fault = std::variant<SetNetwork, Crash, Restart, RestartLoop, Pause, SlowCpu, SlowDisk,
                           SlowLinks, SetClock, JumpClock, CutSite, Block, Backup, Wipe, Rollback,
                           FailDisk, LoseDisk, Ambush>;

// What ends it; nullopt for what has no end.
std::optional<Fault> ended(const Fault& fault);

// A fault and its end.
struct Episode {
  Duration from{0};
  Duration until{0};
  bool kept = false;  // goes on in the liveness phase; `until` does not count
  Fault fault;
};

struct FaultPlan {
  std::vector<Episode> episodes;  // in order of `from`
  // Servers that are not healed for the liveness phase: at most f of a site, or all of at most F
  // sites.
  std::set<ServerId> outside;
};

// The kinds of faults that a run may draw from.
struct FaultKinds {
  bool loss = true;
  bool delay = true;
  bool duplication = true;
  bool corruption = true;
  bool crashes = true;
  bool restart_loops = true;
  bool pauses = true;
  bool slow_cpus = true;
  bool slow_disks = true;
  bool failing_disks = true;
  bool lost_disks = true;  // wiped, damaged, rolled back
  bool slow_links = true;
  bool partitions = true;  // of servers, whole, in part and one-way
  bool clocks = true;      // that drift and jump
  bool cuts = true;        // of sites
  bool storms = true;      // that hit all servers at once, and stop the cluster for a while
  bool ambushes = true;    // where f > 0; they, too, stop a site for a while
};
inline constexpr FaultKinds kNoFaults{false, false, false, false, false, false, false, false, false,
                                      false, false, false, false, false, false, false, false};

// Within `duration`, but for what is kept. But for storms and the dark of an ambush, at most f
// servers of a site suffer of outages at once, and at most F sites are cut.
FaultPlan make_fault_plan(const ClusterConfig& config, const FaultKinds& kinds, Duration duration,
                          Random random);

// As people read it in a trace.
std::string to_string(Deed deed);
std::string to_string(const Fault& fault);
std::string to_string(const Episode& episode);

}  // namespace steward::sim
