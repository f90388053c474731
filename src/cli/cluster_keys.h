// The keys that a verb starts from: the public ones of its cluster, and its own.
#pragma once

#include <string>

#include "crypto/key_files.h"
#include "steward/cluster_config.h"

namespace steward::cli {

// Reads cluster.pub from `directory`. kBadInput when it was not made for `config`, so that each
// server of `config` has a key in what is returned.
Result<crypto::ClusterKeys> load_keys_of(const ClusterConfig& config, const std::string& directory);

struct OwnServer {
  crypto::ClusterKeys cluster;
  crypto::ServerKeys keys;
};
struct OwnClient {
  crypto::ClusterKeys cluster;
  crypto::ClientKey key;
};

// `directory` is the party's folder, or the ceremony's directory with that folder in it. Refused
// when the folder is another party's.
Result<OwnServer> load_server_of(const ClusterConfig& config, const std::string& directory,
                                 ServerId id, const crypto::Unlock& unlock);
Result<OwnClient> load_client_of(const ClusterConfig& config, const std::string& directory,
                                 const std::string& name, const crypto::Unlock& unlock);

}  // namespace steward::cli
