// `steward keys verify`: is everything in a folder of keys what it should be?
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>

#include "cli/exit_code.h"
#include "cli/keys.h"
#include "cli/unlock.h"
#include "crypto/key_files.h"

namespace steward::cli {
namespace {

constexpr char kTestMessage[] = "steward keys verify";

struct Flags {
  std::string directory;
  UnlockFlags unlock;
};

// What was found in one go over the files; the first mistake ends it.
class Check {
 public:
  Check(const std::string& directory, const UnlockFlags& flags)
      : directory_(directory), unlock_(make_unlock(flags)) {}

  Status run() {
    auto cluster = crypto::load_cluster_keys(crypto::cluster_keys_path(directory_));
    if (!cluster) return cluster.error();
    cluster_ = std::move(*cluster);
    std::error_code failed;
    const bool server = std::filesystem::exists(crypto::server_key_path(directory_), failed);
    const bool client = std::filesystem::exists(crypto::client_key_path(directory_), failed);
    if (server) {
      if (Status status = check_server(directory_, std::nullopt); !status) return status;
    }
    if (client) {
      if (Status status = check_client(directory_, ""); !status) return status;
    }
    return server || client ? Status() : check_ceremony();
  }

 private:
  Status check_ceremony() {
    const crypto::KeyDirectory& all = cluster_.directory;
    for (SiteId site = 0; site < all.sites.size(); ++site) {
      shares_.clear();
      for (ServerIndex server = 0; server < all.sites[site].servers.size(); ++server) {
        const ServerId id{site, server};
        const std::string folder = crypto::server_folder(directory_, id);
        if (Status status = check_party(folder); !status) return status;
        if (Status status = check_server(folder, id); !status) return status;
      }
      if (Status status = check_combinations(site); !status) return status;
    }
    for (const std::string& name : cluster_.client_names) {
      const std::string folder = crypto::client_folder(directory_, name);
      if (Status status = check_party(folder); !status) return status;
      if (Status status = check_client(folder, name); !status) return status;
    }
    return {};
  }

  // Its cluster.pub is that of the ceremony.
  Status check_party(const std::string& folder) const {
    const std::string path = crypto::cluster_keys_path(folder);
    const auto own = crypto::load_cluster_keys(path);
    if (!own) return own.error();
    if (own->directory.cluster_id() == cluster_.directory.cluster_id()) return {};
    return bad_input(path + " is of another cluster than " + crypto::cluster_keys_path(directory_));
  }

  Status check_server(const std::string& folder, std::optional<ServerId> expected) {
    const auto keys = crypto::load_server_keys(folder, cluster_, unlock_);
    if (!keys) return keys.error();
    if (expected && keys->id != *expected) {
      return bad_input(folder + " holds the keys of server " + to_string(keys->id));
    }
    const crypto::SitePublicKey& site = *cluster_.directory.sites[keys->id.site].site;
    crypto::SignatureShare share{keys->id.server, keys->site_share->share(kTestMessage)};
    if (!site.shares_prove_themselves()) {
      share.proof = keys->site_share->prove(kTestMessage, share.share);
    }
    if (keys->site_share->epoch() != site.epoch()) {
      fmt::print(
          "server {}: its identity is right; its share is of epoch {}, renewed since\n"
          "  cluster.pub was made (epoch {}): the running site checks it\n",
          to_string(keys->id), keys->site_share->epoch(), site.epoch());
      return {};
    }
    if (!site.verify_share(kTestMessage, share)) {
      return bad_input(crypto::share_path(folder) + " does not sign for its site's key");
    }
    shares_.push_back(std::move(share));
    fmt::print("server {}: its identity and its share of the site's key are right\n",
               to_string(keys->id));
    return {};
  }

  Status check_client(const std::string& folder, const std::string& expected) {
    const auto key = crypto::load_client_key(folder, cluster_, unlock_);
    if (!key) return key.error();
    if (!expected.empty() && key->name != expected) {
      return bad_input(folder + " holds the key of client " + key->name);
    }
    fmt::print("client {}: its identity is right\n", key->name);
    return {};
  }

  // Every run of k neighbours, around the end too: each server takes part, and in each place.
  Status check_combinations(SiteId id) const {
    const crypto::SitePublicKey& site = *cluster_.directory.sites[id].site;
    const std::size_t count = shares_.size();
    if (count < site.threshold()) return {};
    for (std::size_t first = 0; first < count; ++first) {
      std::vector<crypto::SignatureShare> some;
      for (std::size_t i = 0; i < site.threshold(); ++i) {
        some.push_back(shares_[(first + i) % count]);
      }
      const auto signature = site.combine(kTestMessage, some);
      if (!signature) return signature.error();
      if (!site.verify(kTestMessage, *signature)) {
        return bad_input(fmt::format("site {}: {} right shares from server {} on do not combine",
                                     id, site.threshold(), first));
      }
    }
    fmt::print(
        "site {}: {} of {} shares make its signature, whichever run of servers they are of\n", id,
        site.threshold(), count);
    return {};
  }

  const std::string directory_;
  const crypto::Unlock unlock_;
  crypto::ClusterKeys cluster_;
  std::vector<crypto::SignatureShare> shares_;  // of the site that is looked at
};

}  // namespace

void add_keys_verify(CLI::App& keys, int& exit_code) {
  auto flags = std::make_shared<Flags>();
  CLI::App* verb = keys.add_subcommand(
      "verify",
      "Check a party's folder: permissions, that it is of the cluster, that the identity is the "
      "one\n"
      "in cluster.pub, that the share really signs for the site's key. With the ceremony's\n"
      "directory: all parties, and that the shares of each site combine. Exit code 3 when\n"
      "something is wrong.");
  verb->add_option("DIR", flags->directory, "A party's folder, or the ceremony's directory")
      ->required();
  add_unlock_options(*verb, flags->unlock);
  verb->callback([flags, &exit_code] {
    const Status status = Check(flags->directory, flags->unlock).run();
    if (status) fmt::print("all is well\n");
    exit_code = status ? kExitOk : report(status.error());
  });
}

}  // namespace steward::cli
