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

Result<OwnServer> load_server_of(const ClusterConfig& config, const std::string& directory,
                                 ServerId id, const crypto::Unlock& unlock) {
  auto cluster = load_keys_of(config, directory);
  if (!cluster) return cluster.error();
  const auto folder = crypto::find_server_folder(directory, id);
  if (!folder) return folder.error();
  auto keys = crypto::load_server_keys(*folder, *cluster, unlock);
  if (!keys) return keys.error();
  if (keys->id != id) {
    return bad_input(crypto::server_key_path(*folder) + " is the key of server " +
                     to_string(keys->id) + ", not of server " + to_string(id));
  }
  return OwnServer{std::move(*cluster), std::move(*keys)};
}

Result<OwnClient> load_client_of(const ClusterConfig& config, const std::string& directory,
                                 const std::string& name, const crypto::Unlock& unlock) {
  auto cluster = load_keys_of(config, directory);
  if (!cluster) return cluster.error();
  const auto folder = crypto::find_client_folder(directory, name);
  if (!folder) return folder.error();
  auto key = crypto::load_client_key(*folder, *cluster, unlock);
  if (!key) return key.error();
  if (key->name != name) {
    return bad_input(crypto::client_key_path(*folder) + " is the key of client '" + key->name +
                     "', not of '" + name + "': see --client");
  }
  return OwnClient{std::move(*cluster), std::move(*key)};
}

}  // namespace steward::cli
