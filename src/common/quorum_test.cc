#include "common/quorum.h"

#include <gtest/gtest.h>

#include <bit>
#include <vector>

namespace steward {
namespace {

std::vector<std::uint32_t> subsets_of_size(std::uint32_t peers, std::uint32_t size) {
  std::vector<std::uint32_t> sets;
  for (std::uint32_t set = 0; set < (1U << peers); ++set) {
    if (static_cast<std::uint32_t>(std::popcount(set)) == size) sets.push_back(set);
  }
  return sets;
}

TEST(Quorum, KnownSizes) {
  EXPECT_EQ((Quorums{4, 1, true}.quorum()), 3U);
  EXPECT_EQ((Quorums{7, 2, true}.quorum()), 5U);
  EXPECT_EQ((Quorums{5, 1, true}.quorum()), 4U);  // 2f + 1 = 3 would be unsafe
  EXPECT_EQ((Quorums{6, 1, true}.quorum()), 4U);
  EXPECT_EQ((Quorums{1, 0, true}.quorum()), 1U);
  EXPECT_EQ((Quorums{1, 0, false}.quorum()), 1U);
  EXPECT_EQ((Quorums{3, 1, false}.quorum()), 2U);
  EXPECT_EQ((Quorums{4, 1, false}.quorum()), 3U);
}

// Every pair of quorums of every sound size up to 8, member by member: they share more peers than
// can be faulty in the way that matters, and a quorum is as small as that allows.
TEST(Quorum, AnyTwoMeetInACorrectPeer) {
  for (const bool byzantine : {false, true}) {
    for (std::uint32_t peers = 1; peers <= 8; ++peers) {
      for (std::uint32_t faults = 0; Quorums{peers, faults, byzantine}.sound(); ++faults) {
        const Quorums quorums{peers, faults, byzantine};
        const auto sets = subsets_of_size(peers, quorums.quorum());
        const std::uint32_t needed = byzantine ? faults + 1 : 1;
        std::uint32_t smallest = peers;
        for (const std::uint32_t a : sets) {
          for (const std::uint32_t b : sets) {
            smallest = std::min(smallest, static_cast<std::uint32_t>(std::popcount(a & b)));
          }
        }
        EXPECT_GE(smallest, needed) << peers << " peers, " << faults << " faults";
        EXPECT_LE(quorums.quorum(), peers - faults) << "the correct peers alone must suffice";
        if (2 * (quorums.quorum() - 1) >= peers) {
          EXPECT_LT(2 * (quorums.quorum() - 1) - peers, needed) << "a smaller quorum would do";
        }
      }
    }
  }
}

TEST(Quorum, OneCorrectOutnumbersTheFaulty) {
  for (std::uint32_t faults = 0; faults <= 5; ++faults) {
    EXPECT_EQ((Quorums{3 * faults + 1, faults, true}.one_correct()), faults + 1);
    EXPECT_EQ((Quorums{2 * faults + 1, faults, false}.one_correct()), 1U);
  }
}

TEST(Quorum, SoundnessIsExact) {
  for (std::uint32_t faults = 1; faults <= 5; ++faults) {
    EXPECT_FALSE((Quorums{3 * faults, faults, true}.sound()));
    EXPECT_TRUE((Quorums{3 * faults + 1, faults, true}.sound()));
    EXPECT_FALSE((Quorums{2 * faults, faults, false}.sound()));
    EXPECT_TRUE((Quorums{2 * faults + 1, faults, false}.sound()));
  }
}

}  // namespace
}  // namespace steward
