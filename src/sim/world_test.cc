#include "sim/world.h"

#include <gtest/gtest.h>

#include "sim/testing/clusters.h"

namespace steward::sim {
namespace {

TEST(World, AClusterAnswersAndItsServersAgree) {
  auto world = *World::make(test_cluster(3, 4), WorldOptions{});
  world->start_clients();
  world->run_for(3s);
  world->stop_clients();
  EXPECT_TRUE(world->settle(30s));
  EXPECT_EQ(world->checker().violations(), std::vector<std::string>{});
  EXPECT_GT(world->checker().updates_executed(), 100U);
  for (SiteId site = 0; site < 3; ++site) {
    EXPECT_GT(world->clients(site).update_latencies().size(), 10U);
    EXPECT_GT(world->clients(site).read_latencies().size(), 2U);
  }
}

}  // namespace
}  // namespace steward::sim
