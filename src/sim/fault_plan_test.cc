#include "sim/fault_plan.h"

#include <gtest/gtest.h>

#include <set>

#include "sim/testing/clusters.h"

namespace steward::sim {
namespace {

TEST(FaultPlan, NeverMoreThanTheClusterTolerates) {
  std::size_t crashes = 0;
  std::size_t cuts = 0;
  const ClusterConfig config = test_cluster(3, 7);  // f = 2 in each site, F = 1
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    std::map<SiteId, std::set<ServerIndex>> down;
    std::set<SiteId> cut;
    Duration last{0};
    for (const PlannedFault& planned : make_fault_plan(config, {}, 60s, Random(seed))) {
      EXPECT_GE(planned.at, last);
      last = planned.at;
      if (const auto* crash = std::get_if<Crash>(&planned.fault)) {
        ++crashes;
        EXPECT_TRUE(down[crash->server.site].insert(crash->server.server).second);
        EXPECT_LE(down[crash->server.site].size(), 2U);
      } else if (const auto* restart = std::get_if<Restart>(&planned.fault)) {
        EXPECT_EQ(down[restart->server.site].erase(restart->server.server), 1U);
      } else if (const auto* each = std::get_if<CutSite>(&planned.fault)) {
        if (each->cut) ++cuts;
        EXPECT_TRUE(each->cut ? cut.insert(each->site).second : cut.erase(each->site) == 1);
        EXPECT_LE(cut.size(), 1U);
      }
    }
    EXPECT_LT(last, 60s);
    EXPECT_TRUE(cut.empty());
    for (const auto& [site, servers] : down) EXPECT_TRUE(servers.empty());
  }
  EXPECT_GT(crashes, 100U);
  EXPECT_GT(cuts, 100U);
}

TEST(FaultPlan, OnlyTheKindsAskedFor) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const auto plan = make_fault_plan(test_cluster(3, 4), kNoFaults, 60s, Random(seed));
    ASSERT_EQ(plan.size(), 1U);
    const auto& network = std::get<SetNetwork>(plan[0].fault).faults;
    EXPECT_EQ(network.loss_ppm + network.duplicate_ppm + network.spike_ppm, 0U);
    EXPECT_EQ(network.jitter, Duration(0));
  }
}

}  // namespace
}  // namespace steward::sim
