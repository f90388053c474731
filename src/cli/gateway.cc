#include "gateway/gateway.h"

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <chrono>
#include <csignal>
#include <memory>
#include <optional>

#include "cli/cluster_keys.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/unlock.h"
#include "common/log.h"
#include "gateway/cluster_backend.h"
#include "steward/cluster_config.h"

namespace steward::cli {
namespace {

struct Flags {
  std::string cluster;
  std::string keys;
  UnlockFlags unlock;
  std::string client;
  std::uint32_t site = 0;
  std::string host;
  std::optional<std::uint16_t> port;
  bool linearizable = false;
  bool verbose = false;
};

std::uint64_t now_ns() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
}

Result<gateway::ClusterBackendOptions> prepare(const Flags& flags) {
  gateway::ClusterBackendOptions options;
  auto config = load_cluster_config(flags.cluster);
  if (!config) return config.error();
  if (flags.site >= config->sites.size()) {
    return bad_input(fmt::format("--site {}: the cluster has sites 0 to {}", flags.site,
                                 config->sites.size() - 1));
  }
  auto own = load_client_of(*config, flags.keys, flags.client, make_unlock(flags.unlock));
  if (!own) return own.error();
  options.config = std::move(*config);
  options.site = flags.site;
  options.seed = Bytes(own->key.signer->copy_secret_seed().view());
  options.signer = std::move(own->key.signer);
  options.directory = std::make_shared<crypto::KeyDirectory>(std::move(own->cluster.directory));
  options.first_session = now_ns();
  return options;
}

int run(const Flags& flags) {
  auto options = prepare(flags);
  if (!options) return report(options.error());
  const SiteConfig site = options->config.sites[flags.site];
  log::configure(flags.verbose ? log::Level::kDebug : log::Level::kInfo, "gateway " + site.name);
  boost::asio::io_context context;
  boost::asio::signal_set signals(context, SIGINT, SIGTERM);
  signals.async_wait([&](const boost::system::error_code&, int) { context.stop(); });
  auto backend = gateway::ClusterBackend::open(context, std::move(*options));
  if (!backend) return report(backend.error());
  gateway::GatewayOptions listen;
  listen.host = flags.host.empty() ? site.gateway_host : flags.host;
  listen.port = flags.port.value_or(site.gateway_port);
  listen.linearizable_reads = flags.linearizable;
  auto gateway = gateway::Gateway::listen(context, listen, **backend);
  if (!gateway) return report(gateway.error());
  log::info("redis clients are welcome at {}:{}", listen.host, (*gateway)->port());
  context.run();
  gateway->reset();
  log::info("stopped");
  return kExitOk;
}

}  // namespace

void add_gateway(CLI::App& app, int& exit_code) {
  auto flags = std::make_shared<Flags>();
  CLI::App* verb = app.add_subcommand(
      "gateway",
      "Run a verifying gateway, until SIGTERM or SIGINT: Redis clients in front (RESP2 and "
      "RESP3),\n"
      "the servers of one site behind. It signs what its clients write, and believes only answers\n"
      "that f+1 servers agree on. Run it where its clients are, never on a server's machine.");
  add_cluster_option(*verb, flags->cluster);
  add_keys_option(*verb, flags->keys);
  add_unlock_options(*verb, flags->unlock);
  verb->add_option("--site", flags->site, "Number of the site whose servers it asks")->required();
  verb->add_option("--client", flags->client, "Name of the client whose key it signs with")
      ->envname("STEWARD_CLIENT")
      ->required();
  verb->add_option("--host", flags->host, "Address to listen at (default: the cluster file's)");
  verb->add_option("--port", flags->port, "Port to listen at (default: the cluster file's)")
      ->envname("STEWARD_GATEWAY_PORT");
  verb->add_flag("--linearizable", flags->linearizable,
                 "Order reads like writes, unless a client says CONFIG SET steward-read local");
  verb->add_flag("--verbose", flags->verbose, "Log more");
  verb->callback([flags, &exit_code] { exit_code = run(*flags); });
}

}  // namespace steward::cli
