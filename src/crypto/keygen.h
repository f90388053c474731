// Makes all keys of a cluster, offline, and writes them into one directory: cluster.pub, a secret
// file for each server and client, and each site's public key as PEM.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "common/ids.h"
#include "common/result.h"
#include "crypto/site_scheme.h"

namespace steward::crypto {

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
