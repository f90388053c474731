// A cluster's keys on disk, all JSON. Each party, a server or a client, has a folder of its own:
//   cluster.pub   every public key (public)
//   server.key    a server's identity; and site.share, its share of the site's key (share_file.h)
//   client.key    a client's identity
// Secret files have mode 0600 (looser ones are refused), may be protected (secret_file.h), name the
// cluster they belong to, and are checked against its public keys when loaded. The ceremony
// (keygen.h) makes one directory with the folders of all parties in it.
#pragma once

#include <string>

#include "crypto/ed25519.h"
#include "crypto/key_directory.h"
#include "crypto/secret_file.h"
#include "crypto/share_file.h"

namespace steward::crypto {

struct ClusterKeys {
  std::string cluster;                    // its name
  std::vector<std::string> client_names;  // parallel to directory.clients
  KeyDirectory directory;
};

struct ServerKeys {
  ServerId id;
  std::unique_ptr<Ed25519Signer> signer;
  SiteKeySharePtr site_share;  // of the epoch of cluster.pub; or later, when shares were renewed
  std::shared_ptr<const ShareFile> share_file;
};

struct ClientKey {
  std::string name;
  std::size_t index = 0;  // in directory.clients
  std::unique_ptr<Ed25519Signer> signer;
};

// Names of clusters and clients: 1 to 64 letters, digits, '.', '_' or '-'.
bool is_key_name(const std::string& name);

// Names within a party's folder, or in the ceremony's directory.
std::string cluster_keys_path(const std::string& folder);              // cluster.pub
std::string server_key_path(const std::string& folder);                // server.key
std::string share_path(const std::string& folder);                     // site.share
std::string client_key_path(const std::string& folder);                // client.key
std::string site_pem_path(const std::string& directory, SiteId site);  // site-S.pem
std::string fingerprints_path(const std::string& directory);           // fingerprints.txt
std::string server_folder(const std::string& directory, ServerId id);  // server-S-I
std::string client_folder(const std::string& directory, const std::string& name);  // client-NAME

// The party's folder: `directory` itself, or the folder of the party's name within it.
Result<std::string> find_server_folder(const std::string& directory, ServerId id);
Result<std::string> find_client_folder(const std::string& directory, const std::string& name);

Result<ClusterKeys> load_cluster_keys(const std::string& path);
// The folder's server and client, whoever it is.
Result<ServerKeys> load_server_keys(const std::string& folder, const ClusterKeys& cluster,
                                    const Unlock& unlock);
Result<ClientKey> load_client_key(const std::string& folder, const ClusterKeys& cluster,
                                  const Unlock& unlock);

// None of these replaces a file. `protection` may be null.
Status write_cluster_keys(const std::string& path, const ClusterKeys& cluster);
Status write_server_key(const std::string& path, const ClusterKeys& cluster, ServerId id,
                        const Ed25519Signer& signer, const SealingKeyPtr& protection);
Status write_client_key(const std::string& path, const ClusterKeys& cluster,
                        const std::string& name, const Ed25519Signer& signer,
                        const SealingKeyPtr& protection);

// What a file of this folder says about itself, to anybody: nothing in it has been checked.
struct KeyFileFacts {
  SecretLabel label;  // "format", "cluster", "cluster_id", "site", "server", "epoch", "name"
  bool is_protected = false;
  SecretKind protected_by = SecretKind::kPassphrase;
};
Result<KeyFileFacts> read_key_file_facts(const std::string& path);

// Puts the secret file at `path` under another protection, or under none.
Status protect_key_file(const std::string& path, const Unlock& unlock,
                        const SealingKeyPtr& protection);

}  // namespace steward::crypto
