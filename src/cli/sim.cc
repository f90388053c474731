#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "cli/commands.h"
#include "cli/exit_code.h"
#include "sim/run.h"
#include "steward/cluster_config.h"

namespace steward::cli {
namespace {

struct Flags {
  std::string cluster;
  std::optional<std::uint64_t> seed;
  std::string seeds;
  std::string crypto = "ideal";
  double duration_s = 20;
  std::uint32_t users = 4;
  bool calm = false;
  bool byzantine = false;
  bool json = false;
};

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
  if (flags.calm) options.faults = sim::kNoFaults;
  options.byzantine = flags.byzantine;
  return options;
}

int run(const Flags& flags) {
  const auto config = load_cluster_config(flags.cluster);
  if (!config) return report(config.error());
  sim::RunOptions options = run_options(flags);
  if (!flags.seeds.empty()) {
    const auto range = parse_range(flags.seeds);
    if (!range) return report(bad_input("--seeds takes a range like 1..200"));
    const auto replay = [&](std::uint64_t seed) {
      return fmt::format(
          "steward sim --cluster {} --seed {} --crypto {} --duration {} --users {}{}{}",
          flags.cluster, seed, flags.crypto, flags.duration_s, flags.users,
          flags.calm ? " --calm" : "", flags.byzantine ? " --byzantine" : "");
    };
    const bool passed =
        sim::run_seeds(*config, options, range->first, range->second, replay, std::cout);
    return passed ? kExitOk : kExitError;
  }
  options.world.seed = flags.seed.value_or(1);
  const auto result = sim::run(*config, options);
  if (!result) return report(result.error());
  if (flags.json) {
    print_json(*result);
  } else {
    sim::print(*result, std::cout);
  }
  return result->passed() ? kExitOk : kExitError;
}

}  // namespace

void add_sim(CLI::App& app, int& exit_code) {
  auto flags = std::make_shared<Flags>();
  CLI::App* verb = app.add_subcommand(
      "sim",
      "Run the cluster of a cluster file in the deterministic simulator: the same servers in\n"
      "virtual time, under load, with faults drawn from the seed, every step checked; then all is\n"
      "healed and must come to rest. The same seed gives the same run, to the byte.\n"
      "Exit code 1 when the checker found anything.");
  add_cluster_option(*verb, flags->cluster);
  auto* seed = verb->add_option("--seed", flags->seed, "One run, told in detail (default 1)");
  auto* seeds = verb->add_option("--seeds", flags->seeds,
                                 "Many runs: A..B; says how to replay those that fail")
                    ->excludes(seed);
  verb->add_option("--duration", flags->duration_s, "Virtual seconds under load and faults")
      ->check(CLI::Range(0.1, 86400.0))
      ->capture_default_str();
  verb->add_option("--users", flags->users, "Clients of each site, each with one request under way")
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
