#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <memory>

#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/process.h"
#include "common/log.h"
#include "crypto/key_files.h"
#include "runtime/server_host.h"
#include "service/kv/kv_store.h"
#include "steward/cluster_config.h"
#include "storage/rocks_store.h"

namespace steward::cli {
namespace {

struct Flags {
  std::string cluster;
  std::string keys;
  std::string data;
  std::string log_file;
  std::uint32_t site = 0;
  std::uint32_t server = 0;
  std::uint32_t threads = 1;
  bool verbose = false;
};

// Equal on all servers of the cluster, and not known to those who are not part of it.
kv::HashKey hash_key(const crypto::KeyDirectory& directory) {
  const crypto::Digest digest =
      crypto::sha256_parts({"steward/kv pages", directory.cluster_id().view()});
  kv::HashKey key{};
  std::copy_n(digest.bytes.begin(), key.size(), key.begin());
  return key;
}

Result<ServerId> check_id(const ClusterConfig& config, const Flags& flags) {
  if (flags.site >= config.sites.size()) {
    return bad_input(fmt::format("--site {}: the cluster has sites 0 to {}", flags.site,
                                 config.sites.size() - 1));
  }
  const std::size_t servers = config.sites[flags.site].servers.size();
  if (flags.server >= servers) {
    return bad_input(fmt::format("--server {}: site {} has servers 0 to {}", flags.server,
                                 config.sites[flags.site].name, servers - 1));
  }
  return ServerId{flags.site, flags.server};
}

Status check_keys(const ClusterConfig& config, const crypto::ClusterKeys& keys) {
  bool same = keys.cluster == config.name && keys.directory.sites.size() == config.sites.size();
  for (std::size_t i = 0; same && i < config.sites.size(); ++i) {
    same = keys.directory.sites[i].servers.size() == config.sites[i].servers.size();
  }
  if (same) return {};
  return bad_input("the keys were made for another cluster than the cluster file describes");
}

Result<runtime::ServerHostOptions> prepare(const Flags& flags) {
  runtime::ServerHostOptions options;
  auto config = load_cluster_config(flags.cluster);
  if (!config) return config.error();
  const auto id = check_id(*config, flags);
  if (!id) return id.error();
  auto cluster = crypto::load_cluster_keys(crypto::cluster_keys_path(flags.keys));
  if (!cluster) return cluster.error();
  const Status match = check_keys(*config, *cluster);
  if (!match) return match.error();
  auto own = crypto::load_server_keys(crypto::server_key_path(flags.keys, *id), *cluster);
  if (!own) return own.error();
  auto store = storage::RocksStore::open(flags.data);
  if (!store) return store.error();
  options.config = std::move(*config);
  options.self = *id;
  options.seed = Bytes(own->signer->copy_secret_seed().view());
  options.signer = std::move(own->signer);
  options.site_key_share = std::move(own->site_share);
  options.directory = std::make_shared<crypto::KeyDirectory>(std::move(cluster->directory));
  options.state_machine = std::make_unique<kv::KvStore>(hash_key(*options.directory));
  options.store = std::move(*store);
  options.verify_threads = flags.threads;
  return options;
}

int run(const Flags& flags) {
  block_stop_signals();
  log::configure(flags.verbose ? log::Level::kDebug : log::Level::kInfo,
                 fmt::format("server {}.{}", flags.site, flags.server), flags.log_file);
  auto options = prepare(flags);
  if (!options) return report(options.error());
  const ServerConfig address = options->config.sites[flags.site].servers[flags.server];
  std::atomic<bool> failed = false;
  options->on_fatal = [&failed](const Error& /*error*/) {
    failed = true;
    stop_waiting();
  };
  auto host = runtime::ServerHost::start(std::move(*options));
  if (!host) return report(host.error());
  log::info("listening on {}:{}, data in {}", address.host, address.port, flags.data);
  wait_for_stop_signal();
  host->reset();
  log::info("stopped");
  return failed ? kExitError : kExitOk;
}

}  // namespace

void add_server(CLI::App& app, int& exit_code) {
  auto flags = std::make_shared<Flags>();
  CLI::App* verb = app.add_subcommand(
      "server",
      "Run one server of the cluster, until SIGTERM or SIGINT.\n"
      "Started again on the same --data it recovers: it replays its log, fetches what it missed\n"
      "from its peers and takes part again. It logs to standard error unless --log-file.");
  add_cluster_option(*verb, flags->cluster);
  add_keys_option(*verb, flags->keys);
  verb->add_option("--site", flags->site, "Number of the site, from 0")->required();
  verb->add_option("--server", flags->server, "Number of the server in the site, from 0")
      ->required();
  verb->add_option("--data", flags->data, "Directory for its log and state; made when missing")
      ->envname("STEWARD_DATA")
      ->required();
  verb->add_option("--threads", flags->threads, "Threads that check and make signatures")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  verb->add_option("--log-file", flags->log_file, "Log to this file");
  verb->add_flag("--verbose", flags->verbose, "Log more");
  verb->callback([flags, &exit_code] { exit_code = run(*flags); });
}

}  // namespace steward::cli
