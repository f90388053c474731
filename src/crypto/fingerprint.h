// Public keys as people compare them, over a telephone or against a sheet of paper: the first 128
// bits of a SHA-256, in groups of four hexadecimal digits.
#pragma once

#include <string>

#include "crypto/key_files.h"

namespace steward::crypto {

// Of the identity key of a server or client: plain SHA-256 of its 32 bytes, so that any tool can
// compute it.
std::string fingerprint(BytesView public_key);

// Of what no renewal of shares changes: scheme and identity.
std::string fingerprint(const SitePublicKey& key);

// The whole sheet: the cluster's id, which covers all the rest, each site with its servers, each
// client.
std::string fingerprint_sheet(const ClusterKeys& cluster);

}  // namespace steward::crypto
