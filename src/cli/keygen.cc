#include "crypto/keygen.h"

#include <fmt/core.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "cli/commands.h"
#include "cli/exit_code.h"
#include "steward/cluster_config.h"

namespace steward::cli {
namespace {

struct Flags {
  std::string cluster;
  std::string out;
  std::vector<std::string> clients;
};

crypto::SiteKeySpec spec_of(const ClusterConfig& config, SiteId id) {
  const SiteConfig& site = config.sites[id];
  crypto::SiteKeySpec spec;
  spec.scheme = site_scheme(config, id);
  spec.servers = static_cast<std::uint32_t>(site.servers.size());
  spec.rsa_bits = config.crypto.rsa_bits;
  // Servers that only crash hold the site's key whole.
  if (site.protocol == LocalProtocol::kPbft) spec.threshold = site.quorums().quorum();
  return spec;
}

// One line that is rewritten on a terminal; one line a site elsewhere.
crypto::KeygenProgress show_progress(const ClusterConfig& config) {
  const bool terminal = isatty(STDERR_FILENO) != 0;
  return [&config, terminal](SiteId site, std::uint64_t candidates) {
    const std::string& name = config.sites[site].name;
    if (terminal) {
      fmt::print(stderr, "\rsite {} ({} of {}): searching safe primes, {} candidates tried   ",
                 name, site + 1, config.sites.size(), candidates);
    } else if (candidates == 0) {
      fmt::print(stderr, "site {} ({} of {})\n", name, site + 1, config.sites.size());
    }
  };
}

int run(const Flags& flags) {
  const auto config = load_cluster_config(flags.cluster);
  if (!config) return report(config.error());
  crypto::ClusterKeySpec spec;
  spec.cluster = config->name;
  spec.clients = flags.clients;
  spec.clients.emplace_back("operator");
  for (SiteId site = 0; site < config->sites.size(); ++site) {
    spec.sites.push_back(spec_of(*config, site));
    spec.clients.push_back("gateway-" + config->sites[site].name);
  }
  const Status status = crypto::generate_cluster_keys(spec, flags.out, show_progress(*config));
  if (isatty(STDERR_FILENO) != 0) fmt::print(stderr, "\n");
  if (!status) return report(status.error());
  fmt::print(
      "Keys of cluster '{}' are in {}.\n"
      "Give each server cluster.pub and its own server-SITE-SERVER.key, each gateway cluster.pub\n"
      "and its client key, nobody else anything secret; then delete this directory.\n",
      config->name, flags.out);
  return kExitOk;
}

}  // namespace

void add_keygen(CLI::App& app, int& exit_code) {
  auto flags = std::make_shared<Flags>();
  CLI::App* verb = app.add_subcommand(
      "keygen",
      "Make all keys of a cluster, once, on a machine you trust.\n"
      "Writes cluster.pub (public), a secret file per server and per client, and each site's\n"
      "public key as PEM. Clients are 'operator', one 'gateway-SITE' a site, and --client more.\n"
      "A pbft site gets a threshold key: any quorum of its servers signs, fewer cannot.");
  add_cluster_option(*verb, flags->cluster);
  verb->add_option("--out", flags->out, "Directory to create; files in the way are not replaced")
      ->required();
  verb->add_option("--client", flags->clients, "Name of one more client that may connect");
  verb->callback([flags, &exit_code] { exit_code = run(*flags); });
}

}  // namespace steward::cli
