#include "sim/run.h"

#include <fmt/format.h>

#include <algorithm>
#include <ostream>
#include <set>

#include "sim/liveness.h"

namespace steward::sim {
namespace {

constexpr Duration kProbeInterval{50'000};
constexpr std::uint64_t kFullLoad = 32;  // one run in so many
constexpr Duration kShortestThought{10'000};
constexpr Duration kLongestThought{200'000};
constexpr Duration kShortestPatience{200'000};
constexpr Duration kLongestWay{10'000};         // between servers of a site
constexpr std::uint32_t kSmallestBatch = 512;   // bytes
constexpr std::uint32_t kShortestInterval = 4;  // sequences between checkpoints

std::string text(const Latency& latency) {
  if (latency.count == 0) return "none";
  return fmt::format("{}, median {:.1f} ms, p99 {:.1f} ms, longest {:.1f} ms", latency.count,
                     to_ms(latency.median), to_ms(latency.p99), to_ms(latency.max));
}

// Messages for one update, as so many times those of a site of four: the more, the less often users
// ask, so that runs of all clusters take about as long.
std::int64_t weight(const ClusterConfig& config) {
  std::size_t pairs = 0;
  for (const SiteConfig& site : config.sites) {
    const bool lies = site.protocol == LocalProtocol::kPbft;
    pairs += site.servers.size() * (lies ? site.servers.size() : 1);
  }
  return 1 + static_cast<std::int64_t>(pairs / 16);
}

WorldOptions with_drawn_load(const ClusterConfig& config, const RunOptions& options) {
  WorldOptions world = options.world;
  Random random(options.world.seed ^ 0x10adULL);
  world.workload.users = 1 + static_cast<std::uint32_t>(random.below(world.workload.users));
  // Some runs as fast as it goes.
  if (random.below(kFullLoad) == 0) return world;
  world.workload.think = random.between(kShortestThought, kLongestThought) * weight(config);
  return world;
}

// Most runs have short windows, little patience and longer ways, so that checkpoints, snapshots and
// new leaders come often in the little that a run orders, and find much of it under way.
ClusterConfig with_drawn_limits(ClusterConfig config, const RunOptions& options) {
  Random random(options.world.seed ^ 0x817d0ULL);
  OrderingConfig& ordering = config.ordering;
  if (random.below(4) == 0) return config;
  const std::uint32_t interval = kShortestInterval << random.below(5);
  const std::uint32_t window = 1 + static_cast<std::uint32_t>(random.below(ordering.local_window));
  ordering.checkpoint_interval = std::min(ordering.checkpoint_interval, interval);
  ordering.local_window = window;
  // A full window takes batches that are full.
  ordering.max_batch_bytes = std::min(ordering.max_batch_bytes, kSmallestBatch << random.below(7));
  Duration& patience = config.timeouts.view_change;
  patience = random.between(std::min(patience, kShortestPatience), patience);
  Duration& latency = config.topology.local.latency;
  latency = random.between(latency, std::max(latency, kLongestWay));
  return config;
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
  report.damaged = world.network().damaged();
  for (const auto& [id, machine] : world.machines()) {
    report.damaged_refused += machine->damaged_refused();
  }
  report.messages = world.network().delivered();
  report.events = world.events().executed();
  report.max_backlog = world.max_backlog();
  report.lost_disks = world.lost_disks();
  report.max_queued_events = world.max_queued_events();
  report.max_link_backlog_bytes = world.network().max_backlog_bytes();
  report.simulated = world.now();
  return report;
}

FaultPlan plan_of(const ClusterConfig& config, const RunOptions& options) {
  // Apart from the world's own numbers, so that a run without faults is the same run otherwise.
  return make_fault_plan(config, options.faults, options.duration,
                         Random(options.world.seed ^ 0xfa017ULL));
}

Result<Report> run(const ClusterConfig& config, const RunOptions& options) {
  return run(config, options, plan_of(config, options));
}

Result<Report> run(const ClusterConfig& config, const RunOptions& options, FaultPlan plan) {
  auto made = options.vary_load ? World::make(with_drawn_limits(config, options),
                                              with_drawn_load(config, options))
                                : World::make(config, options.world);
  if (!made) return made.error();
  World& world = **made;
  std::vector<std::string> byzantine;
  if (options.byzantine) byzantine = world.corrupt_at_random();
  world.schedule(plan);
  world.start_clients();
  const auto stopped = [&] {
    return options.stop_at_violation && !world.checker().violations().empty();
  };
  while (world.now() < options.duration && !stopped()) {
    world.run_for(std::min(kProbeInterval, options.duration - world.now()));
    if (options.probe) options.probe(world);
  }
  const Duration bound = options.bound.value_or(progress_bound(config, options.duration));
  // Those who lie are already as many as may be faulty.
  const std::set<ServerId> outside =
      world.bearable(options.byzantine ? std::set<ServerId>() : plan.outside);
  std::optional<Duration> longest_wait;
  if (!stopped()) {
    const Demand demand{options.load, bound, fairness_allowance(config)};
    longest_wait = demand_progress(world, outside, demand);
  }
  // What goes wrong is among the violations.
  if (longest_wait && !stopped()) {
    world.heal();
    (void)world.settle(options.settle.value_or(bound));
  }
  Report report = report_of(world);
  report.longest_wait = longest_wait.value_or(Duration(0));
  report.bound = bound;
  report.seed = options.world.seed;
  report.plan = std::move(plan);
  report.byzantine = std::move(byzantine);
  return report;
}

void print(const Report& report, std::ostream& out) {
  const double seconds = static_cast<double>(report.simulated.count()) / 1e6;
  out << fmt::format("seed {}: trace {:016x}, {:.1f} simulated seconds, {} messages, {} events\n",
                     report.seed, report.trace_hash, seconds, report.messages, report.events);
  for (const std::string& line : report.byzantine) out << "  " << line << '\n';
  for (const Episode& episode : report.plan.episodes) out << to_string(episode) << '\n';
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
  out << fmt::format("longest wait with enough servers well: {:.1f} s, allowed are {:.0f} s\n",
                     to_ms(report.longest_wait) / 1e3, to_ms(report.bound) / 1e3);
  out << fmt::format("most that waited: {} jobs at a server, {} events, {} bytes on a link\n",
                     report.max_backlog, report.max_queued_events, report.max_link_backlog_bytes);
  if (report.damaged > 0) {
    out << fmt::format("{} messages damaged on their way, {} of them refused by the verifier\n",
                       report.damaged, report.damaged_refused);
  }
  const LostDisks& lost = report.lost_disks;
  if (lost.wiped + lost.damaged + lost.rolled_back > 0) {
    out << fmt::format("disks lost: {} wiped, {} damaged, {} rolled back\n", lost.wiped,
                       lost.damaged, lost.rolled_back);
  }
  for (const std::string& violation : report.violations) out << "VIOLATION " << violation << '\n';
}

}  // namespace steward::sim
