#include "cli/server_setup.h"

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>

#include "cli/cluster_keys.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/process.h"
#include "common/log.h"
#include "runtime/server_host.h"
#include "service/kv/kv_store.h"
#include "steward/cluster_config.h"
#include "storage/rocks_store.h"

namespace steward::cli {
namespace {

// Equal on all servers of the cluster, and not known to those who are not part of it.
kv::HashKey hash_key(const crypto::KeyDirectory& directory) {
  const crypto::Digest digest =
      crypto::sha256_parts({"steward/kv pages", directory.cluster_id().view()});
  kv::HashKey key{};
  std::copy_n(digest.bytes.begin(), key.size(), key.begin());
  return key;
}

Result<ServerId> check_id(const ClusterConfig& config, const ServerFlags& flags) {
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

// Somebody else's lock is kUnavailable to the store, but no connection that could not be made.
Result<std::unique_ptr<storage::RocksStore>> open_store(const std::string& path) {
  auto store = storage::RocksStore::open(path);
  if (!store && store.error().code == ErrorCode::kUnavailable) {
    return Error{ErrorCode::kIo, store.error().message};
  }
  return store;
}

Result<runtime::ServerHostOptions> prepare(const ServerFlags& flags, const WrapStateMachine& wrap) {
  runtime::ServerHostOptions options;
  auto config = load_cluster_config(flags.cluster);
  if (!config) return config.error();
  const auto id = check_id(*config, flags);
  if (!id) return id.error();
  auto own = load_server_of(*config, flags.keys, *id, make_unlock(flags.unlock));
  if (!own) return own.error();
  options.config = std::move(*config);
  options.self = *id;
  options.seed = Bytes(own->keys.signer->copy_secret_seed().view());
  options.signer = std::move(own->keys.signer);
  options.site_key_share = std::move(own->keys.site_share);
  options.replace_share = [file = own->keys.share_file](const crypto::SecretBytes& share) {
    return file->replace(share);
  };
  options.directory = std::make_shared<crypto::KeyDirectory>(std::move(own->cluster.directory));
  options.state_machine = std::make_unique<kv::KvStore>(hash_key(*options.directory));
  if (wrap) options.state_machine = wrap(std::move(options.state_machine));
  options.verify_threads = flags.threads;
  return options;
}

// Damaged data ends with what to do about it, in the same line.
Error with_advice(Error error, std::size_t servers) {
  if (error.code != ErrorCode::kCorrupt) return error;
  error.message += servers == 1
                       ? "; its site has no other server that could give it back, so that it "
                         "cannot be repaired: see docs/operations.md"
                       : "; look after the disk, then start the server with --repair: that moves "
                         "the directory aside and fetches everything from the site's other servers";
  return error;
}

using Host = std::unique_ptr<runtime::ServerHost>;

Result<Host> start_host(const ServerFlags& flags, runtime::ServerHostOptions options) {
  const std::size_t servers = options.config.sites[flags.site].servers.size();
  auto store = open_store(flags.data);
  if (!store) return with_advice(store.error(), servers);
  options.store = std::move(*store);
  auto host = runtime::ServerHost::start(std::move(options));
  if (!host) return with_advice(host.error(), servers);
  return host;
}

// With an empty directory in the place of the damaged one the server knows that it has forgotten
// what it promised, and does not vote until the others have readmitted it.
Status put_aside(const ServerFlags& flags, const Error& why) {
  const auto aside = storage::RocksStore::set_aside(flags.data);
  if (!aside) return aside.error();
  log::warning("{}", why.message);
  log::warning("repairing: the damaged data is now in {}; remove it when nobody needs it any more",
               *aside);
  return {};
}

}  // namespace

void add_server_options(CLI::App& verb, ServerFlags& flags) {
  add_cluster_option(verb, flags.cluster);
  add_keys_option(verb, flags.keys);
  add_unlock_options(verb, flags.unlock);
  verb.add_option("--site", flags.site, "Number of the site, from 0")->required();
  verb.add_option("--server", flags.server, "Number of the server in the site, from 0")->required();
  verb.add_option("--data", flags.data, "Directory for its log and state; made when missing")
      ->envname("STEWARD_DATA")
      ->required();
  verb.add_flag("--repair", flags.repair,
                "Move damaged data aside and fetch all from the site's other servers");
  verb.add_option("--threads", flags.threads, "Threads that check and make signatures")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  verb.add_option("--log-file", flags.log_file, "Log to this file");
  verb.add_flag("--verbose", flags.verbose, "Log more");
}

int run_server(const ServerFlags& flags, const WrapStateMachine& wrap) {
  block_stop_signals();
  log::configure(flags.verbose ? log::Level::kDebug : log::Level::kInfo,
                 fmt::format("server {}.{}", flags.site, flags.server), flags.log_file);
  std::atomic<bool> failed = false;
  SiteConfig site;
  const auto start = [&]() -> Result<Host> {
    auto options = prepare(flags, wrap);
    if (!options) return options.error();
    site = options->config.sites[flags.site];
    options->on_fatal = [&failed](const Error& /*error*/) {
      failed = true;
      stop_waiting();
    };
    return start_host(flags, std::move(*options));
  };
  auto host = start();
  const bool damaged = !host && host.error().code == ErrorCode::kCorrupt;
  if (damaged && flags.repair && site.servers.size() > 1) {
    if (Status aside = put_aside(flags, host.error()); !aside) return report(aside.error());
    host = start();
  }
  if (!host) return report(host.error());
  const ServerConfig& address = site.servers[flags.server];
  log::info("listening on {}:{}, data in {}", address.host, address.port, flags.data);
  wait_for_stop_signal();
  host->reset();
  log::info("stopped");
  return failed ? kExitError : kExitOk;
}

}  // namespace steward::cli
