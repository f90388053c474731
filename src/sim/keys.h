// The keys of a simulated cluster: ideal signatures by default (crypto/ideal.h), real ones on
// request. A simulated world has no secrets, so real RSA keys are made of well-known primes.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "common/result.h"
#include "crypto/key_directory.h"
#include "steward/cluster_config.h"

namespace steward::sim {

enum class Crypto { kIdeal, kReal };

struct ClusterKeys {
  std::shared_ptr<const crypto::KeyDirectory> directory;
  std::map<ServerId, std::shared_ptr<const crypto::Signer>> servers;
  std::map<ServerId, crypto::SiteKeySharePtr> shares;
  std::vector<std::shared_ptr<const crypto::Signer>> clients;  // one a site
};

// Deterministic in `seed`, but for the polynomials of real threshold keys.
Result<ClusterKeys> make_keys(const ClusterConfig& config, Crypto crypto, std::uint64_t seed);

}  // namespace steward::sim
