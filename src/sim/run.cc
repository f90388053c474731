#include "sim/run.h"

#include <fmt/format.h>

#include <algorithm>
#include <ostream>

namespace steward::sim {
namespace {

std::string text(const Latency& latency) {
  if (latency.count == 0) return "none";
  return fmt::format("{}, median {:.1f} ms, p99 {:.1f} ms, longest {:.1f} ms", latency.count,
                     to_ms(latency.median), to_ms(latency.p99), to_ms(latency.max));
}

}  // namespace

Latency summarize(std::vector<Duration> latencies) {
  if (latencies.empty()) return {};
  std::sort(latencies.begin(), latencies.end());
  const auto at = [&latencies](std::size_t percent) {
    return latencies[(latencies.size() - 1) * percent / 100];
  };
  return {latencies.size(), at(50), at(99), latencies.back()};
}

Report report_of(const World& world) {
  Report report;
  report.trace_hash = world.trace_hash();
  report.violations = world.checker().violations();
  report.updates = world.checker().updates_executed();
  report.sequences = world.checker().agreed();
  for (const auto& clients : world.all_clients()) {
    report.failed += clients->failed();
    report.update_latency.push_back(summarize(clients->update_latencies()));
    report.read_latency.push_back(summarize(clients->read_latencies()));
  }
  for (const auto& [link, bytes] : world.network().wide_bytes()) {
    const double per_update = static_cast<double>(bytes) /
                              static_cast<double>(std::max<std::uint64_t>(report.updates, 1));
    report.links.push_back({link.first, link.second, bytes, per_update});
  }
  report.messages = world.network().delivered();
  report.events = world.events().executed();
  report.max_backlog = world.max_backlog();
  report.max_queued_events = world.max_queued_events();
  report.max_link_backlog_bytes = world.network().max_backlog_bytes();
  report.simulated = world.now();
  return report;
}

Result<Report> run(const ClusterConfig& config, const RunOptions& options) {
  auto made = World::make(config, options.world);
  if (!made) return made.error();
  World& world = **made;
  // Apart from the world's own numbers, so that a run without faults is the same run otherwise.
  auto plan = make_fault_plan(config, options.faults, options.duration,
                              Random(options.world.seed ^ 0xfa017ULL));
  std::vector<std::string> byzantine;
  if (options.byzantine) byzantine = world.corrupt_at_random();
  world.schedule(plan);
  world.start_clients();
  world.run_for(options.duration);
  world.heal();
  world.stop_clients();
  (void)world.settle(options.settle);  // what went wrong is among the violations
  Report report = report_of(world);
  report.seed = options.world.seed;
  report.faults = std::move(plan);
  report.byzantine = std::move(byzantine);
  return report;
}

bool run_seeds(const ClusterConfig& config, RunOptions options, std::uint64_t first,
               std::uint64_t last, const std::function<std::string(std::uint64_t)>& replay,
               std::ostream& out) {
  std::uint64_t passed = 0;
  std::uint64_t failed = 0;
  for (std::uint64_t seed = first; seed <= last; ++seed) {
    options.world.seed = seed;
    const auto report = run(config, options);
    if (report && report->passed()) {
      ++passed;
      continue;
    }
    ++failed;
    out << "seed " << seed
        << " failed: " << (report ? report->violations.front() : report.error().message)
        << "\n  replay: " << replay(seed) << std::endl;
  }
  out << passed << " passed, " << failed << " failed" << std::endl;
  return failed == 0;
}

void print(const Report& report, std::ostream& out) {
  const double seconds = static_cast<double>(report.simulated.count()) / 1e6;
  out << fmt::format("seed {}: trace {:016x}, {:.1f} simulated seconds, {} messages, {} events\n",
                     report.seed, report.trace_hash, seconds, report.messages, report.events);
  for (const std::string& line : report.byzantine) out << "  " << line << '\n';
  for (const PlannedFault& planned : report.faults) {
    out << fmt::format("  {:10.3f} s  {}\n", static_cast<double>(planned.at.count()) / 1e6,
                       to_string(planned.fault));
  }
  out << fmt::format("{} updates in {} batches, {} requests given up\n", report.updates,
                     report.sequences, report.failed);
  for (std::size_t site = 0; site < report.update_latency.size(); ++site) {
    out << fmt::format("site {}: updates {}\n        reads {}\n", site,
                       text(report.update_latency[site]), text(report.read_latency[site]));
  }
  for (const LinkReport& link : report.links) {
    out << fmt::format("link {} to {}: {} bytes, {:.0f} for each update\n", link.from, link.to,
                       link.bytes, link.bytes_per_update);
  }
  out << fmt::format("most that waited: {} jobs at a server, {} events, {} bytes on a link\n",
                     report.max_backlog, report.max_queued_events, report.max_link_backlog_bytes);
  for (const std::string& violation : report.violations) out << "VIOLATION " << violation << '\n';
}

}  // namespace steward::sim
