// The public keys that a verb starts from.
#pragma once

#include <string>

#include "crypto/key_files.h"
#include "steward/cluster_config.h"

namespace steward::cli {

// Reads cluster.pub from `directory`. kBadInput when it was not made for `config`, so that each
// server of `config` has a key in what is returned.
Result<crypto::ClusterKeys> load_keys_of(const ClusterConfig& config, const std::string& directory);

}  // namespace steward::cli
