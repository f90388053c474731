// Proofs that two points of G1 have the same logarithm to two bases (Chaum and Pedersen, "Wallet
// Databases with Observers", Crypto '92), made non-interactive by hashing (Fiat and Shamir). A
// proof is the challenge and the response, 64 bytes.
#pragma once

#include "crypto/bls_group.h"

namespace steward::crypto {

inline constexpr std::size_t kDleqProofBytes = 2 * kScalarBytes;

// power_one = x · base_one and power_two = x · base_two. All are points of the group.
struct DleqStatement {
  G1 base_one;
  G1 power_one;
  G1 base_two;
  G1 power_two;
};

// `binding` says what the proof is for, beginning with a tag: it is good for nothing else.
// `entropy` need not be unpredictable to those who do not know `log`: the two are hashed together.
Bytes prove_equal_logs(const DleqStatement& statement, BytesView binding, const Scalar& log,
                       BytesView entropy);
bool verify_equal_logs(const DleqStatement& statement, BytesView binding, BytesView proof);

}  // namespace steward::crypto
