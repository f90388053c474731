// Whole simulated runs: a cluster, a workload, a fault plan drawn from the seed, the checker all
// the time, then a liveness phase in which everything is healed and must come to rest.
#pragma once

#include <functional>
#include <iosfwd>

#include "sim/world.h"

namespace steward::sim {

struct RunOptions {
  WorldOptions world;
  Duration duration{20'000'000};  // under load and faults, virtual
  FaultKinds faults;
  bool byzantine = false;  // up to f servers of each site attack from the start, healed or not
  Duration settle{120'000'000};  // bound of the liveness phase, virtual
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
  std::vector<PlannedFault> faults;
  std::vector<std::string> byzantine;  // who attacks, and how
  std::uint64_t updates = 0;           // executed
  Sequence sequences = 0;
  std::uint64_t failed = 0;             // requests that clients gave up
  std::vector<Latency> update_latency;  // by site
  std::vector<Latency> read_latency;
  std::vector<LinkReport> links;
  std::uint64_t messages = 0;
  std::uint64_t events = 0;
  std::size_t max_backlog = 0;  // jobs and writes waiting at one server
  std::uint64_t max_queued_events = 0;
  std::size_t max_link_backlog_bytes = 0;
  Duration simulated{0};

  bool passed() const { return violations.empty(); }
};

// What happened in `world` so far.
Report report_of(const World& world);

// Fails for a configuration whose keys cannot be made.
Result<Report> run(const ClusterConfig& config, const RunOptions& options);

// Runs the seeds first … last, tells `out` of each that fails how to replay it (`replay` gives the
// command), and closes with the line "N passed, N failed". True when all passed.
bool run_seeds(const ClusterConfig& config, RunOptions options, std::uint64_t first,
               std::uint64_t last, const std::function<std::string(std::uint64_t)>& replay,
               std::ostream& out);

// As people read it.
void print(const Report& report, std::ostream& out);

}  // namespace steward::sim
