#include "crypto/keygen.h"

#include <fmt/core.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/unlock.h"
#include "steward/cluster_config.h"

namespace steward::cli {
namespace {

struct Flags {
  std::string cluster;
  std::string out;
  std::vector<std::string> clients;
  std::vector<std::string> operators;
  bool ask_passphrase = false;
  std::string passphrase_file;
  std::string keyfile;
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

// Null when the keys are to be unprotected.
Result<crypto::FileSecretPtr> protection_of(const Flags& flags) {
  if (flags.ask_passphrase) return ask_new_passphrase();
  if (!flags.keyfile.empty()) return crypto::read_keyfile(flags.keyfile);
  if (flags.passphrase_file.empty()) return crypto::FileSecretPtr();
  return read_new_passphrase(flags.passphrase_file);
}

int run(const Flags& flags) {
  const auto config = load_cluster_config(flags.cluster);
  if (!config) return report(config.error());
  const auto protection = protection_of(flags);
  if (!protection) return report(protection.error());
  crypto::ClusterKeySpec spec;
  spec.cluster = config->name;
  spec.clients = flags.clients;
  spec.operators = flags.operators;
  spec.operators.emplace_back("operator");
  for (SiteId site = 0; site < config->sites.size(); ++site) {
    spec.sites.push_back(spec_of(*config, site));
    spec.clients.push_back("gateway-" + config->sites[site].name);
  }
  const Status status =
      crypto::generate_cluster_keys(spec, flags.out, *protection, show_progress(*config));
  if (isatty(STDERR_FILENO) != 0) fmt::print(stderr, "\n");
  if (!status) return report(status.error());
  fmt::print(
      "Keys of cluster '{0}' are in {1}, {2}.\n"
      "1. Print {1}/fingerprints.txt.\n"
      "2. Hand each server its folder server-SITE-SERVER, each gateway and operator its folder\n"
      "   client-NAME, nobody anything else. Each runs `steward keys show FOLDER` where the "
      "folder\n"
      "   arrived and compares the cluster id with the printed sheet, or over a telephone.\n"
      "3. Destroy {1}: nobody but a server may hold its part of a site's key.\n",
      config->name, flags.out,
      *protection == nullptr ? "not protected by a passphrase (see --passphrase)" : "protected");
  return kExitOk;
}

}  // namespace

void add_keygen(CLI::App& app, int& exit_code) {
  auto flags = std::make_shared<Flags>();
  CLI::App* verb = app.add_subcommand(
      "keygen",
      "Make all keys of a cluster, once, on a machine you trust: the key ceremony.\n"
      "Writes a folder for each server (server-SITE-SERVER) and each client (client-NAME) with "
      "all\n"
      "that it needs and nothing of anybody else's; and for everybody cluster.pub, each site's\n"
      "public key as PEM where its scheme has one, and fingerprints.txt to be printed.\n"
      "Clients are 'operator', one 'gateway-SITE' a site, and those given. A pbft site gets a key\n"
      "of which any quorum of its servers signs and fewer cannot, of the scheme in the cluster\n"
      "file. RSA searches safe primes: seconds at 2048 bits, minutes at 4096.");
  add_cluster_option(*verb, flags->cluster);
  verb->add_option("--out", flags->out, "Directory to make; one that is not empty is refused")
      ->required();
  verb->add_option("--client", flags->clients, "Name of one more client that may connect");
  verb->add_option("--operator", flags->operators, "Name of one more client that may give orders");
  auto* ask = verb->add_flag("--passphrase", flags->ask_passphrase,
                             "Protect all secret files with a passphrase asked for twice");
  auto* file = verb->add_option("--passphrase-file", flags->passphrase_file,
                                "… or with the first line of this file (mode 0600)");
  auto* keyfile = verb->add_option("--keyfile", flags->keyfile,
                                   "… or with the bytes of this file (mode 0600, at least 32)");
  ask->excludes(file)->excludes(keyfile);
  file->excludes(keyfile);
  verb->callback([flags, &exit_code] { exit_code = run(*flags); });
}

}  // namespace steward::cli
