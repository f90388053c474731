#include "crypto/rsa_shoup_redeal.h"

#include <algorithm>

#include "crypto/rsa_shoup_lagrange.h"

namespace steward::crypto {
namespace {

Status check_shares(const RsaShoupPublicKey& key, std::span<const RsaShoupKeySharePtr> shares) {
  if (key.threshold() < 2) {
    return bad_input("with threshold 1 each share is the whole secret: make a new key instead");
  }
  if (key.epoch() == UINT64_MAX) return bad_input("this site key has no further epoch");
  std::vector<ServerIndex> seen;
  for (const RsaShoupKeySharePtr& share : shares) {
    const std::string whose = "the key share of server " + std::to_string(share->server());
    if (share->key_id() != key.id()) {
      return bad_input(whose + " belongs to another site key, or to another epoch of it");
    }
    if (std::find(seen.begin(), seen.end(), share->server()) != seen.end()) {
      return bad_input(whose + " is given twice");
    }
    seen.push_back(share->server());
  }
  if (shares.size() < key.threshold()) {
    return bad_input("dealing this key anew needs the shares of " +
                     std::to_string(key.threshold()) + " servers, not " +
                     std::to_string(shares.size()));
  }
  return {};
}

// |e N - 1|, with N = Σ λ_j s_j over the first `threshold` shares: a multiple of m.
Bn multiple_of_order(const RsaShoupPublicKey& key, std::span<const RsaShoupKeySharePtr> shares,
                     BN_CTX* context) {
  std::vector<std::uint32_t> points;
  for (const RsaShoupKeySharePtr& share : shares) points.push_back(share->server() + 1);
  Bn sum = bn_secret();
  BN_zero(sum.get());
  for (std::size_t i = 0; i < shares.size(); ++i) {
    const Lagrange lambda = lagrange_at_zero(points[i], points, key.servers());
    const Bn term = bn_secret();
    bn_check(BN_mul(term.get(), lambda.magnitude.get(), shares[i]->secret(), context));
    BN_set_negative(term.get(), lambda.negative ? 1 : 0);
    bn_check(BN_add(sum.get(), sum.get(), term.get()));
  }
  bn_check(BN_mul_word(sum.get(), kRsaExponent));
  bn_check(BN_sub_word(sum.get(), 1));
  BN_set_negative(sum.get(), 0);
  return sum;
}

bool is_safe_prime(const BIGNUM* number, BN_CTX* context) {
  const Bn half = bn_secret();
  bn_check(BN_rshift1(half.get(), number));
  return BN_is_odd(number) && BN_check_prime(half.get(), context, nullptr) == 1 &&
         BN_check_prime(number, context, nullptr) == 1;
}

// n's factors, by a multiple of m as the header tells; an error when it is none.
Result<SafePrimes> factor(const RsaShoupPublicKey& key, Bn multiple, BN_CTX* context) {
  const Error failed = bad_input(
      "the key shares do not belong to a key made by this program: they agree with its "
      "share keys, and not with its modulus");
  if (BN_is_zero(multiple.get())) return failed;
  while (!BN_is_odd(multiple.get())) bn_check(BN_rshift1(multiple.get(), multiple.get()));
  const BIGNUM* n = key.parts().n.get();
  const Bn root = key.secret_power(key.parts().u.get(), multiple.get(), context);
  bn_check(BN_sub_word(root.get(), 1));

  SafePrimes primes{bn_secret(), bn_secret()};
  const Bn rest = bn_secret();
  bn_check(BN_gcd(primes.p.get(), root.get(), n, context));
  bn_check(BN_div(primes.q.get(), rest.get(), n, primes.p.get(), context));
  if (!BN_is_zero(rest.get()) || BN_num_bits(primes.p.get()) != BN_num_bits(primes.q.get()) ||
      !is_safe_prime(primes.p.get(), context) || !is_safe_prime(primes.q.get(), context)) {
    return failed;
  }
  return primes;
}

}  // namespace

Result<RsaShoupDeal> redeal_rsa_shoup(const RsaShoupPublicKeyPtr& key,
                                      std::span<const RsaShoupKeySharePtr> shares) {
  if (Status status = check_shares(*key, shares); !status) return status.error();
  const BnContext context = bn_context();
  Bn multiple = multiple_of_order(*key, shares.first(key->threshold()), context.get());
  const Result<SafePrimes> primes = factor(*key, std::move(multiple), context.get());
  if (!primes) return primes.error();

  RsaShoupParts constants;
  constants.threshold = key->threshold();
  constants.epoch = key->epoch() + 1;
  constants.n = bn_copy(key->parts().n.get());
  constants.u = bn_copy(key->parts().u.get());
  constants.v = bn_copy(key->parts().v.get());
  return deal_rsa_shoup_shares(*primes, std::move(constants), key->servers());
}

}  // namespace steward::crypto
