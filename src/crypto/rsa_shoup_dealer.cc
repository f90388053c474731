#include "crypto/rsa_shoup_dealer.h"

#include <mutex>
#include <thread>

namespace steward::crypto {
namespace {

struct ProgressCounter {
  const PrimeProgress& report;
  std::mutex mutex;
  std::uint64_t candidates = 0;
};

int count_candidate(int stage, int /*round*/, BN_GENCB* callback) {
  constexpr int kCandidateFound = 0;
  if (stage != kCandidateFound) return 1;
  auto* counter = static_cast<ProgressCounter*>(BN_GENCB_get_arg(callback));
  const std::lock_guard lock(counter->mutex);
  ++counter->candidates;
  if (counter->report) counter->report(counter->candidates);
  return 1;
}

void search_safe_prime(BIGNUM* prime, std::size_t bits, ProgressCounter& counter) {
  struct Free {
    void operator()(BN_GENCB* callback) const { BN_GENCB_free(callback); }
  };
  const std::unique_ptr<BN_GENCB, Free> callback(BN_GENCB_new());
  STEWARD_CHECK(callback);
  BN_GENCB_set(callback.get(), count_candidate, &counter);
  bn_check(
      BN_generate_prime_ex(prime, static_cast<int>(bits), 1, nullptr, nullptr, callback.get()));
}

Bn random_below(const BIGNUM* limit) {
  Bn number = bn_secret();
  bn_check(BN_priv_rand_range(number.get(), limit));
  return number;
}

// The order m = p'q' of the squares, and the secret exponent d = 1/e mod m.
struct DealerSecrets {
  Bn order;
  Bn exponent;
};

DealerSecrets dealer_secrets(const SafePrimes& primes, BN_CTX* context) {
  DealerSecrets secrets{bn_secret(), bn_secret()};
  const Bn half_p = bn_secret();
  const Bn half_q = bn_secret();
  bn_check(BN_rshift1(half_p.get(), primes.p.get()));
  bn_check(BN_rshift1(half_q.get(), primes.q.get()));
  bn_check(BN_mul(secrets.order.get(), half_p.get(), half_q.get(), context));
  STEWARD_CHECK(BN_mod_inverse(secrets.exponent.get(), bn_word(kRsaExponent).get(),
                               secrets.order.get(), context));
  return secrets;
}

// 1 / l! mod m.
Bn inverse_factorial(std::uint32_t servers, const BIGNUM* order, BN_CTX* context) {
  const Bn factorial = bn_word(1);
  for (std::uint32_t factor = 2; factor <= servers; ++factor) {
    bn_check(BN_mul_word(factorial.get(), factor));
  }
  Bn inverse = bn_secret();
  STEWARD_CHECK(BN_mod_inverse(inverse.get(), factorial.get(), order, context));
  return inverse;
}

// s_i = f(i) / l! mod m for i = 1 … l, where f is random of degree k-1 with f(0) = d.
std::vector<Bn> split(const DealerSecrets& secrets, std::uint32_t threshold, std::uint32_t servers,
                      BN_CTX* context) {
  const BIGNUM* order = secrets.order.get();
  std::vector<Bn> coefficients;
  coefficients.push_back(bn_secret());
  STEWARD_CHECK(BN_copy(coefficients[0].get(), secrets.exponent.get()));
  for (std::uint32_t i = 1; i < threshold; ++i) coefficients.push_back(random_below(order));

  const Bn scale = inverse_factorial(servers, order, context);
  std::vector<Bn> shares;
  for (std::uint32_t point = 1; point <= servers; ++point) {
    const Bn at = bn_word(point);
    Bn value = bn_secret();
    BN_zero(value.get());
    for (auto coefficient = coefficients.rbegin(); coefficient != coefficients.rend();
         ++coefficient) {
      bn_check(BN_mod_mul(value.get(), value.get(), at.get(), order, context));
      bn_check(BN_mod_add(value.get(), value.get(), coefficient->get(), order, context));
    }
    bn_check(BN_mod_mul(value.get(), value.get(), scale.get(), order, context));
    shares.push_back(std::move(value));
  }
  return shares;
}

// The smallest number of Jacobi symbol -1: Shoup asks for no more, and nothing up the sleeve.
Bn smallest_nonresidue(const BIGNUM* n, BN_CTX* context) {
  Bn u = bn_word(2);
  while (BN_kronecker(u.get(), n, context) != -1) bn_check(BN_add_word(u.get(), 1));
  return u;
}

// Safe primes beyond 5 are 3 mod 4. Without that m would be even, and n not as the proofs need it.
bool may_be_safe(const BIGNUM* prime) {
  return BN_num_bits(prime) > 3 && BN_is_bit_set(prime, 0) && BN_is_bit_set(prime, 1);
}

}  // namespace

Result<SafePrimes> generate_safe_primes(std::size_t modulus_bits, const PrimeProgress& progress) {
  if (modulus_bits < kMinModulusBits || modulus_bits > kMaxModulusBits || modulus_bits % 16 != 0) {
    return bad_input("an RSA modulus of " + std::to_string(modulus_bits) +
                     " bits is not possible here: use 2048, 3072 or 4096");
  }
  SafePrimes primes{bn_secret(), bn_secret()};
  ProgressCounter counter{progress, {}, 0};
  std::thread other([&] { search_safe_prime(primes.q.get(), modulus_bits / 2, counter); });
  search_safe_prime(primes.p.get(), modulus_bits / 2, counter);
  other.join();
  return primes;
}

Result<RsaShoupDeal> deal_rsa_shoup(const SafePrimes& primes, std::uint32_t threshold,
                                    std::uint32_t servers) {
  if (BN_cmp(primes.p.get(), primes.q.get()) == 0) return bad_input("the two primes are equal");
  if (BN_num_bits(primes.p.get()) != BN_num_bits(primes.q.get()) || !may_be_safe(primes.p.get()) ||
      !may_be_safe(primes.q.get())) {
    return bad_input("the two primes are not safe primes of equal size");
  }
  const BnContext context = bn_context();
  RsaShoupParts parts;
  parts.threshold = threshold;
  parts.n = bn_new();
  bn_check(BN_mul(parts.n.get(), primes.p.get(), primes.q.get(), context.get()));
  parts.u = smallest_nonresidue(parts.n.get(), context.get());
  parts.v = bn_new();
  bn_check(
      BN_mod_sqr(parts.v.get(), random_below(parts.n.get()).get(), parts.n.get(), context.get()));
  return deal_rsa_shoup_shares(primes, std::move(parts), servers);
}

Result<RsaShoupDeal> deal_rsa_shoup_shares(const SafePrimes& primes, RsaShoupParts constants,
                                           std::uint32_t servers) {
  RsaShoupParts parts = std::move(constants);
  if (servers == 0 || servers > kMaxShares || parts.threshold == 0 || parts.threshold > servers) {
    return bad_input("a threshold key needs 1 to 64 servers and a threshold among them");
  }
  const BnContext context = bn_context();
  const DealerSecrets secrets = dealer_secrets(primes, context.get());
  const std::vector<Bn> shares = split(secrets, parts.threshold, servers, context.get());
  for (const Bn& share : shares) {
    Bn share_key = bn_new();
    bn_check(BN_mod_exp_mont_consttime(share_key.get(), parts.v.get(), share.get(), parts.n.get(),
                                       context.get(), nullptr));
    parts.share_keys.push_back(std::move(share_key));
  }
  Result<RsaShoupPublicKeyPtr> key = RsaShoupPublicKey::from_parts(std::move(parts));
  if (!key) return key.error();

  RsaShoupDeal deal{*key, {}};
  for (ServerIndex server = 0; server < servers; ++server) {
    deal.shares.push_back(RsaShoupKeyShare::encode(**key, server, shares[server].get()));
  }
  return deal;
}

}  // namespace steward::crypto
