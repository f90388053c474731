// Signatures that nobody can forge, for the simulator: microseconds instead of milliseconds, same
// interfaces, same sizes on the wire. Every signature is a keyed hash under a secret that only the
// authority's objects hold, so code that is not handed a Signer or a SiteKeyShare cannot sign. Not
// for the real world: whoever can verify holds the secret. Deterministic in the seed; thread-safe.
//
// Key shares can be renewed: a share depends on the sum (XOR) of the deals that led to its epoch,
// as a real one would, so those of different epochs do not combine. Deals hide nothing.
#pragma once

#include <string>

#include "crypto/sha256.h"
#include "crypto/share_renewal.h"
#include "crypto/signature.h"

namespace steward::crypto {

// A deal of `dealer`, right for all holders but those in `cheated`; for adversaries.
Bytes ideal_deal(BytesView entropy, std::uint32_t servers, const std::vector<ServerIndex>& cheated);

inline constexpr char kIdealScheme[] = "ideal";

struct IdealSite {
  SitePublicKeyPtr key;
  std::vector<SiteKeySharePtr> servers;  // by server index
};

class IdealAuthority {
 public:
  explicit IdealAuthority(std::uint64_t seed);

  // The signer of that name ("server 0.1", "client 7"): same name, same key.
  std::unique_ptr<Signer> signer(const std::string& name) const;
  std::shared_ptr<const SignatureVerifier> verifier() const;

  // A site key of which `threshold` of `servers` sign; `signature_bytes` (at least 32) sets the
  // size of signatures and shares, by default that of RSA-2048.
  IdealSite site(const std::string& name, std::uint32_t threshold, std::uint32_t servers,
                 std::size_t signature_bytes = 256) const;

 private:
  Digest secret_;
};

}  // namespace steward::crypto
