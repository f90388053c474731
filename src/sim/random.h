// Pseudo-random numbers of the simulator: SplitMix64 and integer arithmetic only, so that a seed
// gives the same run in every build and on every machine.
#pragma once

#include <cstdint>

#include "common/time.h"

namespace steward::sim {

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    state_ += 0x9e3779b97f4a7c15ULL;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }

  // 0 … bound - 1; `bound` is not zero and far below 2^64, so that its bias does not matter.
  std::uint64_t below(std::uint64_t bound) { return next() % bound; }

  bool chance(std::uint32_t per_million) {
    return per_million != 0 && below(1'000'000) < per_million;
  }

  // Both ends included.
  Duration between(Duration low, Duration high) {
    return low + Duration(below(static_cast<std::uint64_t>((high - low).count()) + 1));
  }

  // An independent generator: what one part of the world draws does not shift another's numbers.
  Random fork() { return Random(next()); }

 private:
  std::uint64_t state_;
};

}  // namespace steward::sim
