#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>

#include "accountability/risk.h"
#include "cli/curve.h"
#include "cli/exit_code.h"
#include "cli/graph.h"

namespace steward::cli {

using namespace accountability;

namespace {

struct Flags {
  std::string folder;
  std::size_t top = 20;
  bool clients = false;
  bool json = false;
  std::string svg;
};

std::vector<Seed> item_seeds(const Catalogue& catalogue) {
  std::vector<Seed> out;
  for (const Item& item : catalogue.items) out.push_back({item.own});
  return out;
}

// All that each client ever made.
std::vector<Seed> client_seeds(const Catalogue& catalogue) {
  std::vector<Seed> out(catalogue.clients.size());
  catalogue.graph.for_each(0, [&out](const NodeView& view) {
    if (!view.is_gate()) out[view.client].push_back(view.node);
  });
  return out;
}

std::vector<std::uint64_t> radii_of(const Catalogue& catalogue, const std::vector<Seed>& seeds,
                                    bool without_alternatives) {
  const ImportProgress show =
      show_graph_progress(without_alternatives ? "without alternatives" : "with alternatives   ");
  RiskOptions options;
  options.without_alternatives = without_alternatives;
  if (show) options.progress = [&](std::size_t done) { show(done, seeds.size()); };
  return blast_radii(catalogue.graph, seeds, catalogue.weights(), options);
}

int rank(const Flags& flags) {
  const auto catalogue = load_catalogue(flags.folder);
  if (!catalogue) return report(catalogue.error());
  const auto seeds = flags.clients ? client_seeds(*catalogue) : item_seeds(*catalogue);
  const auto radii = radii_of(*catalogue, seeds, false);
  const auto without = radii_of(*catalogue, seeds, true);
  std::vector<std::size_t> order(seeds.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&radii](std::size_t a, std::size_t b) { return radii[a] > radii[b]; });
  order.resize(std::min(order.size(), flags.top));
  const auto name_of = [&](std::size_t i) {
    return flags.clients ? catalogue->clients[i] : catalogue->items[i].name;
  };
  if (flags.json) {
    nlohmann::json answer = nlohmann::json::array();
    for (const std::size_t i : order) {
      answer.push_back({{"name", name_of(i)},
                        {"tainted", radii[i]},
                        {"saved_by_alternatives", without[i] - radii[i]}});
    }
    fmt::print("{}\n", answer.dump(2));
    return kExitOk;
  }
  fmt::print("of {} items\n{:>9}  {:>8}  {:>9}  {}\n", catalogue->items.size(), "tainted", "share",
             "saved", flags.clients ? "if this client is malicious" : "if this is bad");
  for (const std::size_t i : order) {
    fmt::print("{:>9}  {:>6.1f} %  {:>9}  {}\n", radii[i],
               100.0 * static_cast<double>(radii[i]) / static_cast<double>(catalogue->items.size()),
               without[i] - radii[i], name_of(i));
  }
  return kExitOk;
}

// How many of `sorted` are at most each of its values: a step for each different one.
Curve distribution(const std::string& name, std::vector<std::uint64_t> radii) {
  std::sort(radii.begin(), radii.end());
  Curve out{name, {}};
  for (std::size_t i = 0; i < radii.size(); ++i) {
    if (i + 1 < radii.size() && radii[i + 1] == radii[i]) continue;
    out.points.push_back({static_cast<double>(radii[i]),
                          static_cast<double>(i + 1) / static_cast<double>(radii.size())});
  }
  return out;
}

int cdf(const Flags& flags) {
  const auto catalogue = load_catalogue(flags.folder);
  if (!catalogue) return report(catalogue.error());
  const auto seeds = flags.clients ? client_seeds(*catalogue) : item_seeds(*catalogue);
  const Curve with = distribution("with alternatives", radii_of(*catalogue, seeds, false));
  const Curve without = distribution("without alternatives", radii_of(*catalogue, seeds, true));
  if (!flags.svg.empty()) {
    const std::string unit = flags.clients ? "clients" : "items";
    std::ofstream out(flags.svg);
    out << draw_curves({"How much one bad one taints", "items tainted (logarithmic)",
                        "share of " + unit + " that taint at most so many"},
                       {with, without});
    out.close();
    if (!out) return report({ErrorCode::kIo, "cannot write " + flags.svg});
    fmt::print("{}\n", flags.svg);
    return kExitOk;
  }
  fmt::print("alternatives,tainted,share\n");
  for (const Curve* curve : {&with, &without}) {
    for (const auto& [tainted, share] : curve->points) {
      fmt::print("{},{:.0f},{:.6f}\n", curve == &with ? "with" : "without", tainted, share);
    }
  }
  return kExitOk;
}

}  // namespace

void add_graph_rank(CLI::App& graph, int& exit_code) {
  auto flags = std::make_shared<Flags>();
  CLI::App* verb = graph.add_subcommand(
      "rank",
      "The items, or clients, that would taint the most; and how many more without alternatives\n"
      "(\"saved\"). Exact: every one is tried.");
  add_graph_folder_option(*verb, flags->folder);
  verb->add_option("--top", flags->top, "How many")->capture_default_str();
  verb->add_flag("--clients", flags->clients, "Clients, malicious from their first update on");
  verb->add_flag("--json", flags->json, "The answer as JSON");
  verb->callback([flags, &exit_code] { exit_code = rank(*flags); });
}

void add_graph_cdf(CLI::App& graph, int& exit_code) {
  auto flags = std::make_shared<Flags>();
  CLI::App* verb = graph.add_subcommand(
      "cdf",
      "Which share of the items, or clients, taints at most how many items: the cumulative\n"
      "distribution, as CSV or as a picture.");
  add_graph_folder_option(*verb, flags->folder);
  verb->add_flag("--clients", flags->clients, "Of clients, malicious from their first update on");
  verb->add_option("--svg", flags->svg, "Draw it into this file instead");
  verb->callback([flags, &exit_code] { exit_code = cdf(*flags); });
}

}  // namespace steward::cli
