#include "crypto/rsa_shoup_lagrange.h"

namespace steward::crypto {

Lagrange lagrange_at_zero(std::uint32_t point, std::span<const std::uint32_t> points,
                          std::size_t servers) {
  Lagrange lambda{bn_word(1), false};
  for (std::size_t factor = 2; factor <= servers; ++factor) {
    bn_check(BN_mul_word(lambda.magnitude.get(), factor));
  }
  for (const std::uint32_t other : points) {
    if (other != point) bn_check(BN_mul_word(lambda.magnitude.get(), other));
  }
  // λ is an integer, so each division on the way to it is exact.
  for (const std::uint32_t other : points) {
    if (other == point) continue;
    const std::uint32_t distance = other > point ? other - point : point - other;
    STEWARD_CHECK(BN_div_word(lambda.magnitude.get(), distance) == 0);
    if (other < point) lambda.negative = !lambda.negative;
  }
  return lambda;
}

}  // namespace steward::crypto
