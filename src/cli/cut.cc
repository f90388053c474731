#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/operator_client.h"

namespace steward::cli {
namespace {

struct Flags {
  OperatorOptions connection;
  std::uint32_t site = 0;
  bool heal = false;
};

// Servers of the site are told to cut all other sites, so every server needs one message only: both
// directions pass the servers of the cut site.
int run(const Flags& flags) {
  const auto config = load_cluster_config(flags.connection.cluster);
  if (!config) return report(config.error());
  if (!config->topology.shape) {
    return report(
        bad_input("this cluster's links are not emulated (topology.shape is off), so "
                  "they cannot be cut from here"));
  }
  if (flags.site >= config->sites.size()) {
    return report(bad_input(fmt::format("--site {}: the cluster has sites 0 to {}", flags.site,
                                        config->sites.size() - 1)));
  }
  wire::ClientMessage request;
  wire::CutRequest* cut = request.mutable_cut_request();
  cut->set_id(1);
  cut->set_cut(!flags.heal);
  for (SiteId other = 0; other < config->sites.size(); ++other) {
    if (other != flags.site) cut->add_sites(other);
  }
  std::vector<ServerId> servers;
  for (const ServerId id : all_servers(*config)) {
    if (id.site == flags.site) servers.push_back(id);
  }
  const auto answers = ask_servers(flags.connection, *config, servers, request,
                                   [](const auto& message) { return message.has_cut_reply(); });
  if (!answers) return report(answers.error());
  if (answers->empty()) return report({ErrorCode::kUnavailable, "no server of the site answers"});
  fmt::print("site {} is {} ({} of {} servers answered)\n", config->sites[flags.site].name,
             flags.heal ? "connected again" : "cut off", answers->size(), servers.size());
  return kExitOk;
}

}  // namespace

void add_cut(CLI::App& app, int& exit_code) {
  auto flags = std::make_shared<Flags>();
  CLI::App* verb = app.add_subcommand(
      "cut",
      "Cut a site off from all others, or heal it: for demonstrations and tests, on clusters "
      "whose\n"
      "wide-area links are emulated (topology.shape). Connections stay up; messages are dropped.");
  add_operator_options(*verb, flags->connection);
  verb->add_option("--site", flags->site, "Number of the site, from 0")->required();
  verb->add_flag("--heal", flags->heal, "Connect it again");
  verb->callback([flags, &exit_code] { exit_code = run(*flags); });
}

}  // namespace steward::cli
