// `steward keys redeal`: new shares of the same RSA key, offline.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/cluster_keys.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/keys.h"
#include "cli/unlock.h"
#include "crypto/key_file_io.h"
#include "crypto/rsa_shoup_redeal.h"

namespace steward::cli {
namespace {

struct Flags {
  std::string cluster;
  std::string keys;
  std::string out;
  std::uint32_t site = 0;
  UnlockFlags unlock;
};

Error cannot_redeal(const std::string& scheme) {
  if (scheme == "bls12-381") {
    return bad_input(
        "shares of scheme bls12-381 are renewed by the servers themselves while the cluster runs: "
        "set crypto.refresh_interval, or give the order as an operator");
  }
  return bad_input("the servers of a site of scheme " + scheme +
                   " have no shares of one secret, so there is nothing to deal anew: a stolen key "
                   "takes a new ceremony (steward keygen)");
}

struct Gathered {
  std::vector<crypto::RsaShoupKeySharePtr> shares;
  crypto::SealingKeyPtr protection;
  std::string missing;  // why the last one is not among them
};

Gathered gather(const Flags& flags, const crypto::ClusterKeys& cluster, std::size_t servers) {
  Gathered out;
  const crypto::Unlock unlock = make_unlock(flags.unlock);
  for (ServerIndex server = 0; server < servers; ++server) {
    const std::string path =
        crypto::share_path(crypto::server_folder(flags.keys, {flags.site, server}));
    const auto file = crypto::ShareFile::open(path, cluster, unlock);
    if (!file) {
      out.missing = file.error().message;
      continue;
    }
    const auto share = std::dynamic_pointer_cast<const crypto::RsaShoupKeyShare>((*file)->share());
    if (share) out.shares.push_back(share);
    if (out.protection == nullptr) out.protection = (*file)->protection();
  }
  return out;
}

Status write(const Flags& flags, const crypto::ClusterKeys& cluster,
             const crypto::RsaShoupDeal& deal, const crypto::SealingKeyPtr& protection) {
  if (Status status = crypto::make_new_directory(flags.out); !status) return status;
  for (ServerIndex server = 0; server < deal.shares.size(); ++server) {
    const ServerId id{flags.site, server};
    const std::string folder = crypto::server_folder(flags.out, id);
    if (Status status = crypto::make_new_directory(folder); !status) return status;
    const auto share =
        crypto::RsaShoupKeyShare::decode(deal.public_key, deal.shares[server].view());
    if (!share) return share.error();
    Status status =
        crypto::ShareFile::create(crypto::share_path(folder), cluster, id, **share, protection);
    if (!status) return status;
    status = crypto::write_cluster_keys(crypto::cluster_keys_path(folder), cluster);
    if (!status) return status;
  }
  return crypto::write_cluster_keys(crypto::cluster_keys_path(flags.out), cluster);
}

int run(const Flags& flags) {
  const auto config = load_cluster_config(flags.cluster);
  if (!config) return report(config.error());
  if (flags.site >= config->sites.size()) {
    return report(bad_input(fmt::format("--site {}: the cluster has sites 0 to {}", flags.site,
                                        config->sites.size() - 1)));
  }
  auto cluster = load_keys_of(*config, flags.keys);
  if (!cluster) return report(cluster.error());
  crypto::SiteKeys& site = cluster->directory.sites[flags.site];
  const auto key = std::dynamic_pointer_cast<const crypto::RsaShoupPublicKey>(site.site);
  if (!key) return report(cannot_redeal(site.site->scheme()));
  const Gathered gathered = gather(flags, *cluster, site.servers.size());
  if (gathered.shares.size() < key->threshold()) {
    return report(
        bad_input(fmt::format("{} usable share files of site {} in {}, and {} are needed{}",
                              gathered.shares.size(), flags.site, flags.keys, key->threshold(),
                              gathered.missing.empty() ? "" : "; " + gathered.missing)));
  }
  const auto deal = crypto::redeal_rsa_shoup(key, gathered.shares);
  if (!deal) return report(deal.error());
  site.site = deal->public_key;
  if (Status status = write(flags, *cluster, *deal, gathered.protection); !status) {
    return report(status.error());
  }
  fmt::print(
      "New shares of site {0}, epoch {1}, are in {2}. The site's public key is the same.\n"
      "Stop the servers of the site; put into each one's folder the cluster.pub and site.share of\n"
      "{2}/server-{0}-I; start them again. Old and new shares do not combine: change a quorum\n"
      "without delay. Then destroy the old share files, those that were gathered too: {3} of them\n"
      "are still the whole key.\n",
      flags.site, deal->public_key->epoch(), flags.out, key->threshold());
  return kExitOk;
}

}  // namespace

void add_keys_redeal(CLI::App& keys, int& exit_code) {
  auto flags = std::make_shared<Flags>();
  CLI::App* verb = keys.add_subcommand(
      "redeal",
      "Deal the shares of a site's RSA key anew, offline, so that shares stolen before and after "
      "do\n"
      "not add up. The site's public key and the cluster's id stay. Bring together, on a machine\n"
      "you trust, cluster.pub and the folders server-SITE-I with the site.share of a quorum.\n"
      "New share files are protected like the first of the old ones.");
  add_cluster_option(*verb, flags->cluster);
  verb->add_option("--keys", flags->keys, "Directory with cluster.pub and the servers' folders")
      ->required();
  verb->add_option("--site", flags->site, "Number of the site, from 0")->required();
  verb->add_option("--out", flags->out, "Directory to make")->required();
  add_unlock_options(*verb, flags->unlock);
  verb->callback([flags, &exit_code] { exit_code = run(*flags); });
}

}  // namespace steward::cli
