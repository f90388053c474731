// The non-interactive proof of Shoup's section 3.3 that log_v(v_i) = log_(x^4)(x_i^2), shared by
// the prover (rsa_shoup_share.cc) and the verifier (rsa_shoup_combine.cc). A proof is c ‖ z, both
// of fixed size.
#pragma once

#include "crypto/rsa_shoup.h"

namespace steward::crypto {

inline constexpr std::size_t kChallengeBytes = 32;  // L1 = 256 bits

// Bits of the blinding number r: L + 2 L1. The statistical zero knowledge rests on this length.
inline std::size_t blinding_bits(const RsaShoupPublicKey& key) {
  return key.share_bits() + 16 * kChallengeBytes;
}

// z = s c + r needs one bit more than r.
inline std::size_t response_bytes(const RsaShoupPublicKey& key) {
  return (blinding_bits(key) + 1 + 7) / 8;
}

struct ProofStatement {
  ServerIndex signer = 0;
  Bn base;           // x^4
  Bn share_squared;  // x_i^2
};

// c, over the whole public key (so: the site's identity), the signer and the transcript.
Digest share_challenge(const RsaShoupPublicKey& key, const ProofStatement& statement,
                       const BIGNUM* commitment_v, const BIGNUM* commitment_x);

ProofStatement proof_statement(const RsaShoupPublicKey& key, BytesView message, ServerIndex signer,
                               const BIGNUM* share, BN_CTX* context);

}  // namespace steward::crypto
