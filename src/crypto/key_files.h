// A cluster's keys on disk, all JSON: `cluster.pub` with every public key, and one secret file each
// for servers and clients (mode 0600, refused when looser). Secret files name the cluster they
// belong to and are checked against its public keys when loaded.
#pragma once

#include <string>

#include "crypto/ed25519.h"
#include "crypto/key_directory.h"

namespace steward::crypto {

struct ClusterKeys {
  std::string cluster;                    // its name
  std::vector<std::string> client_names;  // parallel to directory.clients
  KeyDirectory directory;
};

struct ServerKeys {
  ServerId id;
  std::unique_ptr<Ed25519Signer> signer;
  SiteKeySharePtr site_share;
};

struct ClientKey {
  std::string name;
  std::size_t index = 0;  // in directory.clients
  std::unique_ptr<Ed25519Signer> signer;
};

// Names within a key directory.
std::string cluster_keys_path(const std::string& directory);             // cluster.pub
std::string server_key_path(const std::string& directory, ServerId id);  // server-S-I.key
std::string client_key_path(const std::string& directory,
                            const std::string& name);                  // client-NAME.key
std::string site_pem_path(const std::string& directory, SiteId site);  // site-S.pem

Result<ClusterKeys> load_cluster_keys(const std::string& path);
Result<ServerKeys> load_server_keys(const std::string& path, const ClusterKeys& cluster);
Result<ClientKey> load_client_key(const std::string& path, const ClusterKeys& cluster);

// None of these replaces a file.
Status write_cluster_keys(const std::string& path, const ClusterKeys& cluster);
Status write_server_keys(const std::string& path, const ClusterKeys& cluster, ServerId id,
                         const Ed25519Signer& signer, BytesView site_share);
Status write_client_key(const std::string& path, const ClusterKeys& cluster,
                        const std::string& name, const Ed25519Signer& signer);

}  // namespace steward::crypto
