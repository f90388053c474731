// Makes all keys of a cluster, offline, and writes them into one directory: a folder for each
// party, with all that the party needs and nothing of anybody else's (key_files.h), and for
// everybody cluster.pub, fingerprints.txt and each site's public key as PEM where its scheme has
// one.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "common/ids.h"
#include "common/result.h"
#include "crypto/secret_file.h"
#include "crypto/site_scheme.h"

namespace steward::crypto {

struct ClusterKeySpec {
  std::string cluster;
  std::vector<SiteKeySpec> sites;
  std::vector<std::string> clients;    // names (is_key_name), distinct
  std::vector<std::string> operators;  // likewise: clients that may give orders
};

// Which site's key is being searched, and how many prime candidates were tried for it (0: begun).
// Called from several threads, one at a time.
using KeygenProgress = std::function<void(SiteId site, std::uint64_t candidates)>;

// Creates `directory` (mode 0700) when it is missing; refuses one that is not empty. Secret files
// are protected with `protection`, unless it is null. cluster.pub is written last: where it stands,
// the set is complete.
Status generate_cluster_keys(const ClusterKeySpec& spec, const std::string& directory,
                             const FileSecretPtr& protection = nullptr,
                             const KeygenProgress& progress = {});

}  // namespace steward::crypto
