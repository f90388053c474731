// Interpolation at zero over the integers, for combining shares of signatures and of the secret.
#pragma once

#include <cstdint>
#include <span>

#include "crypto/bn.h"

namespace steward::crypto {

// The sign and size of the integer λ = l! · Π_{t≠j} t / (t - j).
struct Lagrange {
  Bn magnitude;
  bool negative = false;
};

// λ of `point` j among `points` (server indices plus one, distinct, j included), of l servers.
Lagrange lagrange_at_zero(std::uint32_t point, std::span<const std::uint32_t> points,
                          std::size_t servers);

}  // namespace steward::crypto
