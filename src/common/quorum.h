// All quorum arithmetic (SPEC 0). Never a literal 2f+1 elsewhere.
#pragma once

#include <cstdint>

namespace steward {

struct Quorums {
  std::uint32_t peers = 1;   // n
  std::uint32_t faults = 0;  // f
  bool byzantine = false;    // may faulty peers lie, or only crash?

  // Any two quorums meet in a correct peer: ceil((n+f+1)/2) under lies, a majority under crashes.
  constexpr std::uint32_t quorum() const {
    return byzantine ? (peers + faults + 2) / 2 : peers / 2 + 1;
  }
  // At least one correct peer among so many.
  constexpr std::uint32_t one_correct() const { return byzantine ? faults + 1 : 1; }
  // Enough peers for the faults?
  constexpr bool sound() const {
    return byzantine ? peers >= 3 * faults + 1 : peers >= 2 * faults + 1;
  }
};

}  // namespace steward
