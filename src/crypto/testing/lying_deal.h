// A deal of a BLS share renewal whose dealer cheats one holder; for tests.
#pragma once

#include "crypto/bls_deal.h"
#include "crypto/secret.h"

namespace steward::crypto::testing {

// Means well but for what it tells `victim`: off by `error`.
inline Deal lying_deal(const BlsPublicKey& key, ServerIndex dealer, const Bytes& context,
                       ServerIndex victim, const Scalar& error = Scalar(1)) {
  Deal deal{dealer, context, {}};
  BlsDealSecrets secrets;
  secrets.log = Scalar::random();
  secrets.polynomial.resize(key.threshold());
  for (std::uint32_t t = 1; t < key.threshold(); ++t) secrets.polynomial[t] = Scalar::random();
  for (std::uint64_t x = 1; x <= key.servers(); ++x) {
    Scalar value;
    for (auto a = secrets.polynomial.rbegin(); a != secrets.polynomial.rend(); ++a) {
      value = value * Scalar(x) + *a;
    }
    secrets.subshares.push_back(value);
  }
  secrets.subshares[victim] = secrets.subshares[victim] + error;
  deal.deal = seal_bls_deal(key, deal, secrets, SecretBytes::random(32).view());
  return deal;
}

}  // namespace steward::crypto::testing
