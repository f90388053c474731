#include "site/blink/virtual_links.h"

#include <gtest/gtest.h>

#include <numeric>
#include <set>

namespace steward::site::blink {
namespace {

// Property 3 of the paper: any aligned block of A'·B' virtual links uses every pair exactly once.
TEST(VirtualLinks, EveryBlockCoversEveryPairOnce) {
  for (std::uint32_t a = 1; a <= 10; ++a) {
    for (std::uint32_t b = 1; b <= 10; ++b) {
      for (std::uint64_t block = 0; block < 3; ++block) {
        std::set<std::pair<ServerIndex, ServerIndex>> seen;
        for (std::uint64_t i = 0; i < a * b; ++i) {
          const VirtualLink link = virtual_link(a, b, block * a * b + i);
          EXPECT_LT(link.forwarder, a);
          EXPECT_LT(link.peer, b);
          seen.insert({link.forwarder, link.peer});
        }
        EXPECT_EQ(seen.size(), a * b) << a << "x" << b << " block " << block;
      }
    }
  }
}

// Longest run of virtual links that touch a faulty server, over two full cycles.
std::uint64_t longest_faulty_run(std::uint32_t a, std::uint32_t b, std::uint32_t bad_a,
                                 std::uint32_t bad_b) {
  std::uint64_t longest = 0;
  std::uint64_t run = 0;
  const std::uint64_t cycle = std::lcm(std::uint64_t{a}, std::uint64_t{b}) * std::max(a, b);
  for (std::uint64_t i = 0; i < 2 * cycle; ++i) {
    const VirtualLink link = virtual_link(a, b, i);
    const bool faulty = (bad_a >> link.forwarder & 1) != 0 || (bad_b >> link.peer & 1) != 0;
    run = faulty ? run + 1 : 0;
    longest = std::max(longest, run);
  }
  return longest;
}

// VL_max of Table 1 for Byzantine sites on both sides: at most 2 F_A links in a row are faulty,
// whichever f servers of each site are.
TEST(VirtualLinks, FaultyRunsBetweenByzantineSitesAreAtMostTwiceF) {
  for (const auto& [fa, fb] : {std::pair{1U, 1U}, {2U, 1U}, {2U, 2U}, {1U, 2U}}) {
    const std::uint32_t a = 3 * fa + 1;
    const std::uint32_t b = 3 * fb + 1;
    for (std::uint32_t bad_a = 0; bad_a < 1U << a; ++bad_a) {
      if (__builtin_popcount(bad_a) != static_cast<int>(fa)) continue;
      for (std::uint32_t bad_b = 0; bad_b < 1U << b; ++bad_b) {
        if (__builtin_popcount(bad_b) != static_cast<int>(fb)) continue;
        EXPECT_LE(longest_faulty_run(a, b, bad_a, bad_b), 2 * std::max(fa, fb));
      }
    }
  }
}

}  // namespace
}  // namespace steward::site::blink
