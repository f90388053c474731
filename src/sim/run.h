// Whole simulated runs: a cluster, a workload, a fault plan drawn from the seed, the checker all
// the time; then a liveness phase in which a core of the cluster is well and has to serve its
// clients in time; then everything is healed and must come to rest.
#pragma once

#include <functional>
#include <iosfwd>
#include <optional>

#include "sim/world.h"

namespace steward::sim {

struct RunOptions {
  WorldOptions world;
  Duration duration{20'000'000};  // under load and faults, virtual
  FaultKinds faults;
  bool byzantine = false;  // up to f servers of each site attack from the start, healed or not
  // The seed also draws how many users there are, up to the workload's, how long they think, and
  // how short the local windows and the patience with a leader and how long the local links are.
  bool vary_load = false;
  Duration load{5'000'000};        // of the liveness phase, virtual
  std::optional<Duration> bound;   // of the liveness phase; nullopt: progress_bound()
  std::optional<Duration> settle;  // until all rests when all is healed; nullopt: the same
  bool stop_at_violation = false;  // within 50 ms of virtual time
  // Asked every 50 ms of virtual time under faults, for checks of the caller's own.
  std::function<void(World&)> probe;
};

struct Latency {
  std::size_t count = 0;
  Duration median{0};
  Duration p99{0};
  Duration max{0};
};
Latency summarize(std::vector<Duration> latencies);

struct LinkReport {
  SiteId from = 0;
  SiteId to = 0;
  std::uint64_t bytes = 0;
  double bytes_per_update = 0;
};

struct Report {
  std::uint64_t seed = 0;
  std::uint64_t trace_hash = 0;
  std::vector<std::string> violations;
  FaultPlan plan;
  std::vector<std::string> byzantine;  // who attacks, and how
  std::uint64_t updates = 0;           // executed
  Sequence sequences = 0;
  std::uint64_t failed = 0;             // requests that clients gave up
  std::vector<Latency> update_latency;  // by site
  std::vector<Latency> read_latency;
  std::vector<LinkReport> links;
  std::uint64_t damaged = 0;          // messages on their way
  std::uint64_t damaged_refused = 0;  // by the verifier, which TLS does not leave alone
  std::uint64_t messages = 0;
  std::uint64_t events = 0;
  std::size_t max_backlog = 0;  // jobs and writes waiting at one server
  std::uint64_t max_queued_events = 0;
  std::size_t max_link_backlog_bytes = 0;
  LostDisks lost_disks;
  Duration longest_wait{0};  // of a client in the liveness phase, and what it may be
  Duration bound{0};
  Duration simulated{0};

  bool passed() const { return violations.empty(); }
};

// What happened in `world` so far.
Report report_of(const World& world);

// The faults of the run that `options` describe.
FaultPlan plan_of(const ClusterConfig& config, const RunOptions& options);

// Fails for a configuration whose keys cannot be made.
Result<Report> run(const ClusterConfig& config, const RunOptions& options);
Result<Report> run(const ClusterConfig& config, const RunOptions& options, FaultPlan plan);

// As people read it.
void print(const Report& report, std::ostream& out);

}  // namespace steward::sim
