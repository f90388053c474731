// Deals a site's key anew, offline (SPEC 1.1, R1): a new polynomial for the same secret, so that
// shares stolen before and shares stolen after do not add up, and the same public key for everybody
// who verifies signatures. Nothing secret is kept between ceremonies: the shares of any `threshold`
// servers, brought together for the moment, are enough.
//
// How. Let N = Σ λ_j s_j over the integers, λ_j as in rsa_shoup_lagrange.h. The shares are
// s_j = f(j) / l! mod m, so N = d mod m, where m = p'q' and d e = 1 mod m. Hence e N - 1 is a
// multiple of m, not zero since e > 1, and so is its odd part t, since m is odd; t / p' and
// t / q' are odd. For any g prime to n then g^t = (g^p')^odd = (g|p) mod p by Euler, and likewise
// (g|q) mod q. The key's u has (u|n) = -1, so its two symbols differ, and u^t - 1 is divisible by
// exactly one of the primes: gcd(u^t - 1, n) factors n. No luck is involved. The factors are
// checked to be safe primes, m and d computed from them as when the key was first made, and d is
// split by a fresh uniform polynomial of degree k-1. n, e, u and v stay; the share keys v_i, and
// the epoch, which is one higher, change.
//
// Why it heals. A uniform polynomial mod m through (0, d) gives at k-1 points values that are
// uniform and independent of d (differences of points are below p' and q', hence invertible). The
// old and the new polynomial are independent but for d: k-1 shares of the one and k-1 of the other
// together tell nothing of d. It heals as far as the old shares are destroyed: `threshold` old ones
// still are the key.
//
// Old and new shares do not combine: key shares name the epoch and are refused under another
// public key; signature shares of mixed epochs give no valid signature.
#pragma once

#include <span>

#include "crypto/rsa_shoup_dealer.h"

namespace steward::crypto {

using RsaShoupKeySharePtr = std::shared_ptr<const RsaShoupKeyShare>;

// `shares`: at least `threshold`, of distinct servers, all of the epoch of `key`; decoding has
// checked each against its share key. Errors: too few shares; one that is foreign, of another epoch
// or given twice (its server is named); threshold 1, where each share is the whole secret and a new
// polynomial changes nothing. It holds the site's whole secret while it runs, and wipes it.
Result<RsaShoupDeal> redeal_rsa_shoup(const RsaShoupPublicKeyPtr& key,
                                      std::span<const RsaShoupKeySharePtr> shares);

}  // namespace steward::crypto
