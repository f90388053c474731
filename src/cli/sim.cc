#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "cli/commands.h"
#include "cli/exit_code.h"
#include "sim/flat.h"
#include "sim/seeds.h"
#include "sim/shorten.h"
#include "steward/cluster_config.h"

namespace steward::cli {
namespace {

struct Flags {
  std::string cluster;
  std::vector<std::string> flat;
  std::optional<std::uint64_t> seed;
  std::string seeds;
  std::string crypto = "ideal";
  double duration_s = 20;
  std::uint32_t users = 4;
  std::uint32_t jobs = 1;
  bool calm = false;
  bool byzantine = false;
  bool json = false;
  bool shortest = false;
};

constexpr std::size_t kStoryLines = 40;

nlohmann::json to_json(const sim::Latency& latency) {
  return {{"count", latency.count},
          {"median_us", latency.median.count()},
          {"p99_us", latency.p99.count()},
          {"max_us", latency.max.count()}};
}

void print_json(const sim::Report& report) {
  nlohmann::json out = {{"seed", report.seed},
                        {"trace", fmt::format("{:016x}", report.trace_hash)},
                        {"passed", report.passed()},
                        {"violations", report.violations},
                        {"updates", report.updates},
                        {"sequences", report.sequences},
                        {"failed_requests", report.failed},
                        {"messages", report.messages},
                        {"simulated_us", report.simulated.count()}};
  for (const sim::Latency& site : report.update_latency) {
    out["update_latency"].push_back(to_json(site));
  }
  for (const sim::Latency& site : report.read_latency) {
    out["read_latency"].push_back(to_json(site));
  }
  for (const sim::LinkReport& link : report.links) {
    out["links"].push_back({{"from", link.from},
                            {"to", link.to},
                            {"bytes", link.bytes},
                            {"bytes_per_update", link.bytes_per_update}});
  }
  fmt::print("{}\n", out.dump(2));
}

// "A..B"; nullopt when it is not that.
std::optional<std::pair<std::uint64_t, std::uint64_t>> parse_range(const std::string& text) {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  char rest = 0;
  if (std::sscanf(text.c_str(), "%lu..%lu%c", &first, &last, &rest) != 2) return std::nullopt;
  if (first > last) return std::nullopt;
  return std::pair{first, last};
}

sim::RunOptions run_options(const Flags& flags) {
  sim::RunOptions options;
  options.world.crypto = flags.crypto == "real" ? sim::Crypto::kReal : sim::Crypto::kIdeal;
  options.duration = Duration(static_cast<std::int64_t>(flags.duration_s * 1e6));
  options.world.workload.users = flags.users;
  options.vary_load = !flags.calm;
  if (flags.calm) options.faults = sim::kNoFaults;
  options.byzantine = flags.byzantine;
  return options;
}

Result<std::vector<sim::Composition>> compositions(const Flags& flags) {
  std::vector<sim::Composition> out;
  for (const std::string& name : flags.flat) {
    auto config = sim::flat_cluster(name);
    if (!config) return config.error();
    out.push_back({"--flat " + name, std::move(*config)});
  }
  if (!out.empty()) return out;
  if (flags.cluster.empty()) return bad_input("name a cluster: --cluster FILE or --flat pbft/4");
  auto config = load_cluster_config(flags.cluster);
  if (!config) return config.error();
  out.push_back({"--cluster " + flags.cluster, std::move(*config)});
  return out;
}

int run_range(const Flags& flags, std::vector<sim::Composition> compositions) {
  const auto range = parse_range(flags.seeds);
  if (!range) return report(bad_input("--seeds takes a range like 1..200"));
  sim::Sweep sweep;
  sweep.compositions = std::move(compositions);
  sweep.options = run_options(flags);
  sweep.first = range->first;
  sweep.last = range->second;
  sweep.jobs = flags.jobs;
  sweep.replay = [&flags](const sim::Composition& composition, std::uint64_t seed) {
    return fmt::format("steward sim {} --seed {} --crypto {} --duration {} --users {}{}{}",
                       composition.arguments, seed, flags.crypto, flags.duration_s, flags.users,
                       flags.calm ? " --calm" : "", flags.byzantine ? " --byzantine" : "");
  };
  return sim::run_seeds(sweep, std::cout) ? kExitOk : kExitError;
}

// The shortest run that goes wrong like this one: its faults, then what came before the end.
int run_shortest(const ClusterConfig& config, const sim::RunOptions& options) {
  const sim::FaultPlan plan = sim::plan_of(config, options);
  const auto attempt = [&config](const sim::RunOptions& how, const sim::FaultPlan& what) {
    return sim::run_apart(config, how, what, false);
  };
  const sim::Outcome outcome = attempt(options, plan);
  if (outcome.passed()) {
    fmt::print("seed {} passes\n", options.world.seed);
    return kExitOk;
  }
  const sim::Shortest shortest = sim::shorten(options, plan, outcome.kind(), attempt);
  const sim::Outcome last = sim::run_apart(config, shortest.options, shortest.plan, true);
  fmt::print(
      "seed {}: {}\nshortest of {} runs: {:.3f} s under faults, up to {} users a site, {} of {} "
      "faults\n",
      options.world.seed, last.passed() ? "" : last.violations.front(), shortest.tried,
      to_ms(shortest.options.duration) / 1e3, shortest.options.world.workload.users,
      shortest.plan.episodes.size(), plan.episodes.size());
  for (const sim::Episode& episode : shortest.plan.episodes) {
    fmt::print("{}\n", sim::to_string(episode));
  }
  const std::size_t lines = last.told.size();
  fmt::print("the last {} things that happened:\n", std::min(lines, kStoryLines));
  for (std::size_t i = lines - std::min(lines, kStoryLines); i < lines; ++i) {
    fmt::print("{}\n", last.told[i]);
  }
  return kExitError;
}

int run(const Flags& flags) {
  auto chosen = compositions(flags);
  if (!chosen) return report(chosen.error());
  if (!flags.seeds.empty()) return run_range(flags, std::move(*chosen));
  if (chosen->size() > 1) return report(bad_input("one cluster for one seed; or give --seeds"));
  const ClusterConfig& config = chosen->front().config;
  sim::RunOptions options = run_options(flags);
  options.world.seed = flags.seed.value_or(1);
  if (flags.shortest) return run_shortest(config, options);
  const auto begun = std::chrono::steady_clock::now();
  const auto result = sim::run(config, options);
  if (!result) return report(result.error());
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begun;
  if (flags.json) {
    print_json(*result);
  } else {
    sim::print(*result, std::cout);
    fmt::print("{:.2f} s of real time: {:.0f} simulated seconds in one\n", taken.count(),
               to_ms(result->simulated) / 1e3 / taken.count());
  }
  return result->passed() ? kExitOk : kExitError;
}

}  // namespace

void add_sim(CLI::App& app, int& exit_code) {
  auto flags = std::make_shared<Flags>();
  CLI::App* verb = app.add_subcommand("sim",
                                      "Run a cluster in the deterministic simulator: the same "
                                      "servers in virtual time, under load,\n"
                                      "with faults drawn from the seed, every step checked; then a "
                                      "quorum is healed and must serve\n"
                                      "its clients in time; then all is healed and must come to "
                                      "rest. The same seed gives the same\n"
                                      "run, to the byte. Exit code 1 when anything went wrong.");
  verb->add_option("--cluster", flags->cluster, "The cluster file (TOML; docs/configuration.md)")
      ->envname("STEWARD_CLUSTER");
  verb->add_option("--flat", flags->flat,
                   "Instead: servers of one place under one protocol, like pbft/7 or paxos/3;\n"
                   "with --seeds several of them, with commas between")
      ->delimiter(',');
  auto* seed = verb->add_option("--seed", flags->seed, "One run, told in detail (default 1)");
  auto* seeds = verb->add_option("--seeds", flags->seeds,
                                 "Many runs: A..B; says how to replay those that fail")
                    ->excludes(seed);
  verb->add_flag("--shortest", flags->shortest,
                 "Of a seed that fails: the shortest run that fails alike, and what happens in it")
      ->excludes(seeds);
  verb->add_option("--jobs", flags->jobs, "Runs at once, each in a process of its own")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  verb->add_option("--duration", flags->duration_s, "Virtual seconds under load and faults")
      ->check(CLI::Range(0.1, 86400.0))
      ->capture_default_str();
  verb->add_option("--users", flags->users,
                   "Clients of each site, each with one request under way; a run with faults\n"
                   "draws up to so many")
      ->check(CLI::Range(1, 10000))
      ->capture_default_str();
  verb->add_option("--crypto", flags->crypto,
                   "'ideal': unforgeable by construction, with modelled cost; 'real': slow")
      ->check(CLI::IsMember({"ideal", "real"}))
      ->capture_default_str();
  verb->add_flag("--calm", flags->calm, "No faults");
  verb->add_flag("--byzantine", flags->byzantine,
                 "Up to f servers of each site of pbft lie, in ways drawn from the seed");
  verb->add_flag("--json", flags->json, "The report of one run as JSON")->excludes(seeds);
  verb->callback([flags, &exit_code] { exit_code = run(*flags); });
}

}  // namespace steward::cli
