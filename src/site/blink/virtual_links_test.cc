#include "site/blink/virtual_links.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>
#include <vector>

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

enum class Kind { kByzantine, kBenign };

struct Side {
  Kind kind;
  std::uint32_t faults;

  std::uint32_t size() const { return (kind == Kind::kByzantine ? 3 : 2) * faults + 1; }
};

// Which servers are faulty, for each way in which as many are as may be.
std::vector<std::vector<char>> placements(const Side& side) {
  std::vector<char> faulty(side.size(), 0);
  std::fill(faulty.end() - side.faults, faulty.end(), 1);
  std::vector<std::vector<char>> all;
  do {
    all.push_back(faulty);
  } while (std::next_permutation(faulty.begin(), faulty.end()));
  return all;
}

// What is true of the links of one cycle of the order because of one of their two servers.
std::vector<std::vector<char>> along(const std::vector<VirtualLink>& cycle, const Side& side,
                                     ServerIndex VirtualLink::*end) {
  std::vector<std::vector<char>> all;
  for (const std::vector<char>& faulty : placements(side)) {
    std::vector<char>& links = all.emplace_back();
    for (const VirtualLink& link : cycle) links.push_back(faulty[link.*end]);
  }
  return all;
}

struct Outcome {
  std::uint32_t correct = 0;  // virtual links of the cycle, at least
  std::uint32_t links = 0;
  std::uint32_t longest = 0;  // run of faulty ones, across the end of the cycle too
};

Outcome worst(const Side& from, const Side& to) {
  const std::uint32_t length = std::lcm(from.size(), to.size()) * std::max(from.size(), to.size());
  std::vector<VirtualLink> cycle;
  for (std::uint32_t i = 0; i < length; ++i) {
    cycle.push_back(virtual_link(from.size(), to.size(), i));
  }
  Outcome out{length, length, 0};
  const auto peers = along(cycle, to, &VirtualLink::peer);
  for (const auto& forwarder : along(cycle, from, &VirtualLink::forwarder)) {
    for (const auto& peer : peers) {
      std::uint32_t run = 0;
      std::uint32_t first = length;  // correct link
      std::uint32_t correct = 0;
      for (std::uint32_t i = 0; i < length; ++i) {
        if (forwarder[i] == 0 && peer[i] == 0) {
          first = std::min(first, i);
          ++correct;
          run = 0;
        } else {
          out.longest = std::max(out.longest, ++run);
        }
      }
      out.longest = std::max(out.longest, run + first);
      out.correct = std::min(out.correct, correct);
    }
  }
  return out;
}

// The bounds of section 5: `larger` is the site of more servers. Table 1 gives its second one for
// larger benign sites too; the text has the tighter one.
std::uint32_t vl_max(const Side& larger, const Side& smaller) {
  const std::uint32_t f = larger.faults;
  if (larger.kind == Kind::kBenign) return std::max(2 * f - 1, 5 * f / 3);
  if (smaller.kind == Kind::kBenign) return std::max(5 * f / 2, 3 * f - 2);
  return 2 * f;
}

// Table 1, for each placement of as many faulty servers as may be, with sites of all sizes up to
// F = 4, whichever of the two is the larger and whichever sends.
void expect_table(Kind from, Kind to, std::uint32_t correct_part, std::uint32_t of) {
  for (std::uint32_t fa = 1; fa <= 4; ++fa) {
    for (std::uint32_t fb = 1; fb <= 4; ++fb) {
      const Side a{from, fa};
      const Side b{to, fb};
      const Outcome out = worst(a, b);
      const bool a_larger = a.size() >= b.size();
      const std::uint32_t bound = a_larger ? vl_max(a, b) : vl_max(b, a);
      EXPECT_LE(out.longest, bound) << a.size() << " to " << b.size();
      EXPECT_GE(out.correct * of, out.links * correct_part) << a.size() << " to " << b.size();
    }
  }
}

TEST(VirtualLinks, BetweenByzantineSites) {
  expect_table(Kind::kByzantine, Kind::kByzantine, 4, 9);
}

TEST(VirtualLinks, FromAByzantineToABenignSite) {
  expect_table(Kind::kByzantine, Kind::kBenign, 1, 3);
}

TEST(VirtualLinks, FromABenignToAByzantineSite) {
  expect_table(Kind::kBenign, Kind::kByzantine, 1, 3);
}

// The last row: from whatever pair the site has come to, a forwarder that is down is replaced, and
// else the peer.
TEST(VirtualLinks, BetweenBenignSites) {
  for (std::uint32_t fa = 1; fa <= 4; ++fa) {
    for (std::uint32_t fb = 1; fb <= 4; ++fb) {
      SiteConfig from;
      from.protocol = LocalProtocol::kPaxos;
      from.servers.resize(Side{Kind::kBenign, fa}.size());
      SiteConfig to = from;
      to.servers.resize(Side{Kind::kBenign, fb}.size());
      std::uint64_t longest = 0;
      for (const auto& down : placements({Kind::kBenign, fa})) {
        for (const auto& gone : placements({Kind::kBenign, fb})) {
          for (std::uint64_t forwarders = 0; forwarders < from.servers.size(); ++forwarders) {
            for (std::uint64_t peers = 0; peers < to.servers.size(); ++peers) {
              Replaced replaced{forwarders + peers, forwarders};
              for (;; ++replaced.links) {
                const VirtualLink link = virtual_link(from, to, replaced);
                if (down[link.forwarder] == 0 && gone[link.peer] == 0) break;
                if (down[link.forwarder] != 0) ++replaced.forwarders;
              }
              longest = std::max(longest, replaced.links - forwarders - peers);
            }
          }
        }
      }
      EXPECT_EQ(longest, fa + fb);
    }
  }
}

// The order of all pairs does for the other three kinds of links, and for these sizes alike.
TEST(VirtualLinks, TheOrderIsChosenByWhatServersMayDo) {
  SiteConfig pbft;
  pbft.servers.resize(4);
  SiteConfig paxos;
  paxos.protocol = LocalProtocol::kPaxos;
  paxos.servers.resize(3);
  const Replaced replaced{5, 2};
  EXPECT_EQ(virtual_link(pbft, paxos, replaced), virtual_link(4, 3, 5));
  EXPECT_EQ(virtual_link(paxos, pbft, replaced), virtual_link(3, 4, 5));
  EXPECT_EQ(virtual_link(pbft, pbft, replaced), virtual_link(4, 4, 5));
  EXPECT_EQ(virtual_link(paxos, paxos, replaced), (VirtualLink{2, 0}));
  EXPECT_EQ(virtual_links(pbft, paxos), 12U);
  EXPECT_EQ(virtual_links(paxos, paxos), 6U);
}

}  // namespace
}  // namespace steward::site::blink
