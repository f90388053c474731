// What a dealer of bls_renewal.cc makes its deal from; apart, so that tests can deal wrongly.
#pragma once

#include "crypto/bls.h"

namespace steward::crypto {

struct BlsDealSecrets {
  Scalar log;                      // r, of R = r·g1
  std::vector<Scalar> polynomial;  // δ from the coefficient of X^0 (0) on; as many as the threshold
  std::vector<Scalar> subshares;   // by holder: δ(1), δ(2), …
};

// `entropy` blinds the proof.
Bytes seal_bls_deal(const BlsPublicKey& key, const Deal& dealer_and_context,
                    const BlsDealSecrets& secrets, BytesView entropy);

}  // namespace steward::crypto
