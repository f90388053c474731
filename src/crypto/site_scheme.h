// The schemes of site keys by name: "rsa-shoup", "bls12-381", "ed25519-multi", "plain". Dealing is
// for the offline ceremony (keygen.h), decoding for whoever loads keys.
#pragma once

#include <functional>

#include "crypto/site_key.h"

namespace steward::crypto {

inline constexpr std::uint32_t kMaxSiteServers = 64;  // holders of one site key

struct SiteKeySpec {
  std::string scheme;
  std::uint32_t servers = 0;
  std::uint32_t threshold = 1;
  std::uint32_t rsa_bits = 3072;  // "rsa-shoup" only
};

struct SiteKeyDeal {
  SitePublicKeyPtr key;
  std::vector<SiteKeySharePtr> shares;  // by server index
};

// Does this name a scheme?
bool is_site_scheme(const std::string& scheme);

// What is wrong with a spec, if anything: unknown scheme, sizes, threshold.
Status check_site_key_spec(const SiteKeySpec& spec);

// How many candidates were tried in a search for primes (RSA only; others are at once). Called from
// several threads, one at a time.
using DealProgress = std::function<void(std::uint64_t candidates)>;

// Fresh keys from the system's randomness.
Result<SiteKeyDeal> deal_site_key(const SiteKeySpec& spec, const DealProgress& progress = {});

// New shares of the same key under the next epoch, made offline from those of any `threshold`
// servers (rsa_shoup_redeal.h). An error for keys of other schemes: BLS shares are renewed by their
// holders (share_renewal.h), and what has no shares of one secret has nothing to deal anew.
Result<SiteKeyDeal> redeal_site_key(const SitePublicKeyPtr& key,
                                    std::span<const SiteKeySharePtr> shares);

// Hostile bytes welcome.
Result<SitePublicKeyPtr> decode_site_key(const std::string& scheme, BytesView encoded);

// Refuses a share that does not belong to `key` (of the same epoch) and to `server`.
Result<SiteKeySharePtr> decode_site_share(const SitePublicKeyPtr& key, ServerIndex server,
                                          BytesView encoded);

}  // namespace steward::crypto
