// The dealer of threshold RSA keys (SPEC 1.1): runs once, offline, where the cluster's keys are
// made. It knows the whole secret key while it runs and wipes it.
#pragma once

#include <functional>

#include "crypto/rsa_shoup.h"

namespace steward::crypto {

// p = 2p' + 1 and q = 2q' + 1 with p', q' prime.
struct SafePrimes {
  Bn p;
  Bn q;
};

// Called while primes are searched, with the number of candidates tried so far; never by two
// threads at once, but not on the caller's thread.
using PrimeProgress = std::function<void(std::uint64_t candidates)>;

// Two safe primes of half the modulus' size each, searched on two threads: seconds for 2048 bits,
// up to minutes for 4096. `modulus_bits` is a multiple of 16 from kMinModulusBits on.
Result<SafePrimes> generate_safe_primes(std::size_t modulus_bits,
                                        const PrimeProgress& progress = {});

struct RsaShoupDeal {
  RsaShoupPublicKeyPtr public_key;
  std::vector<SecretBytes> shares;  // encoded, by server index
};

// The caller vouches that the primes are safe; that they are distinct, of equal size and 3 mod 4 is
// checked.
Result<RsaShoupDeal> deal_rsa_shoup(const SafePrimes& primes, std::uint32_t threshold,
                                    std::uint32_t servers);

// New shares, by a fresh polynomial, of the secret key that the primes give. `constants` are the
// parts of the public key but for the share keys, n the product of the primes.
Result<RsaShoupDeal> deal_rsa_shoup_shares(const SafePrimes& primes, RsaShoupParts constants,
                                           std::uint32_t servers);

}  // namespace steward::crypto
