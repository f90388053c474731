#include "sim/flat.h"

#include <gtest/gtest.h>

namespace steward::sim {
namespace {

TEST(FlatCluster, IsOneSiteWithAsManyFaultsAsItsSizeAllows) {
  const auto config = flat_cluster("pbft/7");
  ASSERT_TRUE(config);
  ASSERT_EQ(config->sites.size(), 1U);
  EXPECT_EQ(config->sites[0].protocol, LocalProtocol::kPbft);
  EXPECT_EQ(config->sites[0].servers.size(), 7U);
  EXPECT_EQ(config->sites[0].faults, 2U);
  EXPECT_EQ(flat_cluster("paxos/5")->sites[0].faults, 2U);
  EXPECT_EQ(flat_cluster("pbft/10")->sites[0].faults, 3U);
}

TEST(FlatCluster, RefusesOtherNames) {
  for (const char* name : {"", "pbft", "pbft/", "pbft/x", "pbft/4x", "raft/3", "/4", "pbft/0",
                           "pbft/65", "pbft/4000000000", "pbft/99999999999999999999"}) {
    EXPECT_FALSE(flat_cluster(name)) << name;
  }
}

}  // namespace
}  // namespace steward::sim
