// The keys of a simulated cluster: ideal signatures by default (crypto/ideal.h), real ones on
// request, of the scheme that the cluster file names. A simulated world has no secrets, so real RSA
// keys are made of well-known primes.
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
  std::vector<std::shared_ptr<const crypto::Signer>> clients;  // one a site; operators, too

  // A server's share from its file: the one it began with, or one that was renewed since.
  crypto::SiteKeySharePtr load_share(ServerId id, const crypto::SecretBytes& encoded) const;
};

// Deterministic in `seed`, but for real site keys.
Result<ClusterKeys> make_keys(const ClusterConfig& config, Crypto crypto, std::uint64_t seed);

}  // namespace steward::sim
