#include "cli/cluster_keys.h"

namespace steward::cli {

Result<crypto::ClusterKeys> load_keys_of(const ClusterConfig& config,
                                         const std::string& directory) {
  auto keys = crypto::load_cluster_keys(crypto::cluster_keys_path(directory));
  if (!keys) return keys;
  bool same = keys->cluster == config.name && keys->directory.sites.size() == config.sites.size();
  for (std::size_t i = 0; same && i < config.sites.size(); ++i) {
    same = keys->directory.sites[i].servers.size() == config.sites[i].servers.size();
  }
  if (same) return keys;
  return bad_input("the keys in " + directory +
                   " were made for another cluster than the cluster file describes");
}

}  // namespace steward::cli
