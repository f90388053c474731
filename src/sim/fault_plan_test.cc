#include "sim/fault_plan.h"

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <set>

#include "sim/testing/clusters.h"

namespace steward::sim {
namespace {

constexpr Duration kLong = 60s;

// The server that an episode of this kind is about; nullopt for the others.
std::optional<ServerId> victim(const Fault& fault) {
  if (const auto* crash = std::get_if<Crash>(&fault)) return crash->server;
  if (const auto* loop = std::get_if<RestartLoop>(&fault)) return loop->server;
  if (const auto* pause = std::get_if<Pause>(&fault)) return pause->server;
  if (const auto* cpu = std::get_if<SlowCpu>(&fault)) return cpu->server;
  if (const auto* disk = std::get_if<SlowDisk>(&fault)) return disk->server;
  if (const auto* failing = std::get_if<FailDisk>(&fault)) return failing->server;
  if (const auto* lost = std::get_if<LoseDisk>(&fault)) return lost->server;
  if (const auto* links = std::get_if<SlowLinks>(&fault)) return links->server;
  if (const auto* clock = std::get_if<SetClock>(&fault)) return clock->server;
  return std::nullopt;
}

TEST(FaultPlan, NeverMoreThanTheClusterTolerates) {
  std::set<std::size_t> seen;
  std::size_t cuts = 0;
  const ClusterConfig config = test_cluster(3, 7);  // f = 2 in each site, F = 1
  FaultKinds kinds;
  kinds.storms = false;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const FaultPlan plan = make_fault_plan(config, kinds, kLong, Random(seed));
    Duration last{0};
    for (const Episode& one : plan.episodes) {
      seen.insert(one.fault.index());
      EXPECT_GE(one.from, last);
      last = one.from;
      if (one.kept) continue;
      EXPECT_LT(one.until, kLong);
      const auto* cut = std::get_if<CutSite>(&one.fault);
      if (cut != nullptr) ++cuts;
      const auto own = victim(one.fault);
      std::set<ServerId> suffering;
      for (const Episode& other : plan.episodes) {
        if (other.kept || other.from > one.from || other.until <= one.from) continue;
        EXPECT_FALSE(cut != nullptr && &one != &other &&
                     std::holds_alternative<CutSite>(other.fault));
        const auto its = victim(other.fault);
        if (own && its && own->site == its->site) suffering.insert(*its);
      }
      EXPECT_LE(suffering.size(), 2U);
    }
  }
  EXPECT_GT(cuts, 100U);
  EXPECT_EQ(seen.size(), std::variant_size_v<Fault> - 3)
      << "all kinds but Restart, and disks that are lost whatever else is, are drawn";
}

TEST(FaultPlan, KeepsFaultsOutsideOfACoreOnly) {
  const ClusterConfig config = test_cluster(4, 4);
  std::size_t kept = 0;
  std::set<SiteId> lost;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const FaultPlan plan = make_fault_plan(config, {}, kLong, Random(seed));
    std::map<SiteId, std::size_t> outside;
    for (const ServerId& server : plan.outside) ++outside[server.site];
    std::size_t whole = 0;
    for (const auto& [site, servers] : outside) {
      EXPECT_TRUE(servers == 1 || servers == 4);
      if (servers == 1) continue;
      ++whole;
      lost.insert(site);
    }
    EXPECT_LE(whole, 1U);
    for (const Episode& one : plan.episodes) {
      if (!one.kept) continue;
      const auto server = victim(one.fault);
      EXPECT_TRUE(!server || plan.outside.contains(*server));
      if (server) ++kept;
    }
  }
  EXPECT_GT(kept, 100U);
  EXPECT_EQ(lost.size(), 4U) << "the first leader site as well as others";
}

TEST(FaultPlan, OnlyTheKindsAskedFor) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const auto plan = make_fault_plan(test_cluster(3, 4), kNoFaults, kLong, Random(seed));
    ASSERT_EQ(plan.episodes.size(), 1U);
    EXPECT_TRUE(plan.outside.empty());
    const auto& network = std::get<SetNetwork>(plan.episodes[0].fault).faults;
    EXPECT_EQ(network.loss_ppm + network.duplicate_ppm + network.spike_ppm + network.corrupt_ppm,
              0U);
    EXPECT_EQ(network.jitter, Duration(0));
  }
}

TEST(FaultPlan, StormsHitAll) {
  FaultKinds kinds = kNoFaults;
  kinds.storms = true;
  std::size_t all_down = 0;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    std::set<ServerId> down;
    for (const Episode& one :
         make_fault_plan(test_cluster(1, 4), kinds, 20s, Random(seed)).episodes) {
      if (const auto* crash = std::get_if<Crash>(&one.fault)) down.insert(crash->server);
    }
    if (down.size() == 4) ++all_down;
  }
  EXPECT_GT(all_down, 5U);
}

TEST(FaultPlan, AmbushesAreOneAfterTheOtherAndChangeNoOtherFault) {
  FaultKinds without;
  without.ambushes = false;
  const ClusterConfig config = test_cluster(1, 4);
  std::size_t runs = 0;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    FaultPlan plan = make_fault_plan(config, {}, 10s, Random(seed));
    Duration free{0};
    std::size_t laid = 0;
    std::erase_if(plan.episodes, [&](const Episode& one) {
      const auto* ambush = std::get_if<Ambush>(&one.fault);
      if (ambush == nullptr) return false;
      EXPECT_GE(one.from, free);
      EXPECT_LT(one.until, 10s);
      EXPECT_FALSE(ambush->traps.empty());
      EXPECT_FALSE(std::get<Ambush>(*ended(one.fault)).on);
      free = one.until;
      ++laid;
      return true;
    });
    if (laid > 0) ++runs;
    const FaultPlan other = make_fault_plan(config, without, 10s, Random(seed));
    ASSERT_EQ(plan.episodes.size(), other.episodes.size());
    for (std::size_t i = 0; i < plan.episodes.size(); ++i) {
      EXPECT_EQ(to_string(plan.episodes[i]), to_string(other.episodes[i]));
    }
  }
  EXPECT_GT(runs, 10U);
  EXPECT_LT(runs, 40U);
}

}  // namespace
}  // namespace steward::sim
