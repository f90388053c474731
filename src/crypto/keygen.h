// Makes all keys of a cluster, offline, and writes them into one directory: cluster.pub, a secret
// file for each server and client, and each site's public key as PEM.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "common/ids.h"
#include "common/result.h"

namespace steward::crypto {

struct SiteKeySpec {
  std::uint32_t servers = 0;
  std::uint32_t threshold = 1;       // q for a pbft site, 1 for the scheme "plain"
  std::string scheme = "rsa-shoup";  // or "plain"
  std::uint32_t rsa_bits = 3072;     // what an operator may ask for is the cluster file's rule
};

struct ClusterKeySpec {
  std::string cluster;
  std::vector<SiteKeySpec> sites;
  std::vector<std::string> clients;  // letters, digits, '.', '_' and '-'; at most 64; distinct
};

// Which site's key is being searched, and how many prime candidates were tried for it (0: begun).
// Called from several threads, one at a time.
using KeygenProgress = std::function<void(SiteId site, std::uint64_t candidates)>;

// Creates `directory` (mode 0700) when it is missing; refuses one that holds any file in the way.
// cluster.pub is written last: where it stands, the set is complete.
Status generate_cluster_keys(const ClusterKeySpec& spec, const std::string& directory,
                             const KeygenProgress& progress = {});

}  // namespace steward::crypto
