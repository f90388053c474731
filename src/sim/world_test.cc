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

class WorldFaults : public testing::Test {
 protected:
  void SetUp() override {
    WorldOptions options;
    options.workload.think = 20ms;
    world_ = *World::make(test_cluster(1, 4), options);
    world_->start_clients();
    world_->run_for(1s);
  }
  Sequence executed(ServerIndex server) { return world_->machine({0, server}).server().executed(); }
  // Whether this server takes part in what the others do now.
  bool goes_along(ServerIndex server) {
    const Sequence before = executed(server);
    world_->run_for(1s);
    return executed(server) > before;
  }

  std::unique_ptr<World> world_;
};

TEST_F(WorldFaults, WhoCrashedTwiceIsRestartedTwice) {
  world_->inject(Crash{{0, 3}});
  world_->inject(Crash{{0, 3}});
  world_->inject(Restart{{0, 3}});
  EXPECT_FALSE(world_->machine({0, 3}).running());
  world_->inject(Restart{{0, 3}});
  EXPECT_TRUE(world_->machine({0, 3}).running());
}

TEST_F(WorldFaults, ARestartLoopGoesUpAndDownUntilItEnds) {
  const RestartLoop loop{{0, 3}, 200ms, 100ms};
  world_->inject(loop);
  EXPECT_FALSE(world_->machine({0, 3}).running());
  world_->run_for(150ms);
  EXPECT_TRUE(world_->machine({0, 3}).running());
  world_->run_for(200ms);
  EXPECT_FALSE(world_->machine({0, 3}).running());
  world_->inject(*ended(loop));
  EXPECT_TRUE(world_->machine({0, 3}).running());
  world_->run_for(2s);
  EXPECT_TRUE(world_->machine({0, 3}).running());
}

TEST_F(WorldFaults, APausedServerStandsStillAndGoesOn) {
  world_->inject(Pause{{0, 3}});
  EXPECT_FALSE(goes_along(3));
  world_->inject(Pause{{0, 3}, false});
  EXPECT_TRUE(goes_along(3));
}

TEST_F(WorldFaults, AServerThatHearsNobodyIsLeftBehind) {
  const Block deaf{{{0, 0}, {0, 1}, {0, 2}}, {{0, 3}}};
  world_->inject(deaf);
  EXPECT_FALSE(goes_along(3));
  EXPECT_TRUE(goes_along(2));
  world_->inject(*ended(deaf));
  EXPECT_TRUE(goes_along(3));
}

TEST_F(WorldFaults, HealsAllButThoseOutside) {
  for (ServerIndex server = 0; server < 4; ++server) world_->inject(Crash{{0, server}});
  world_->inject(SetNetwork{{.loss_ppm = 1'000'000}});
  world_->heal_all_but({{0, 3}});
  EXPECT_FALSE(world_->machine({0, 3}).running());
  EXPECT_TRUE(goes_along(1));
  world_->inject(Restart{{0, 3}});
  world_->run_for(1s);
  EXPECT_FALSE(goes_along(3)) << "all that is sent to it is lost";
  world_->heal();
  world_->run_for(1s);
  EXPECT_TRUE(goes_along(3));
}

TEST_F(WorldFaults, AServerStopsWhenItsDiskFailsAndGoesOnWithWhatWasDurable) {
  const FailDisk failing{{0, 3}};
  world_->inject(failing);
  world_->run_for(1s);
  EXPECT_FALSE(world_->machine({0, 3}).running());
  world_->inject(*ended(failing));
  EXPECT_TRUE(world_->machine({0, 3}).running());
  world_->run_for(1s);
  EXPECT_TRUE(world_->machine({0, 3}).server().voting());
  EXPECT_TRUE(goes_along(3));
}

TEST_F(WorldFaults, HealingMendsDisks) {
  world_->inject(FailDisk{{0, 3}});
  world_->run_for(1s);
  world_->heal();
  world_->run_for(1s);
  EXPECT_TRUE(goes_along(3));
}

TEST_F(WorldFaults, DamagedDataIsRefusedAndPutAside) {
  const LoseDisk damaged{{0, 3}, LoseDisk::How::kDamaged};
  world_->inject(damaged);
  EXPECT_GT(world_->machine({0, 3}).disk_bytes(), 0U);
  world_->inject(*ended(damaged));
  EXPECT_TRUE(world_->machine({0, 3}).running());
  EXPECT_FALSE(world_->machine({0, 3}).server().voting()) << "it has forgotten what it promised";
  EXPECT_EQ(world_->checker().violations(), std::vector<std::string>{});
}

TEST_F(WorldFaults, NoMoreDisksAreLostThanASiteCanBear) {
  const LoseDisk one{{0, 3}};
  const LoseDisk other{{0, 2}};
  world_->inject(one);
  EXPECT_EQ(world_->machine({0, 3}).disk_bytes(), 0U);
  world_->inject(other);
  EXPECT_FALSE(world_->machine({0, 2}).running());
  EXPECT_GT(world_->machine({0, 2}).disk_bytes(), 0U);
  world_->inject(*ended(one));
  world_->inject(*ended(other));
  world_->run_for(1s);
  EXPECT_TRUE(world_->machine({0, 2}).server().voting());
  ASSERT_FALSE(world_->machine({0, 3}).server().voting());
  EXPECT_EQ(world_->bearable({{0, 0}}), std::set<ServerId>{});
  EXPECT_EQ(world_->bearable({{0, 3}}), (std::set<ServerId>{{0, 3}}));
}

TEST_F(WorldFaults, DamagedMessagesAreRefusedAndCounted) {
  world_->inject(SetNetwork{{.corrupt_ppm = 50'000}});
  world_->run_for(2s);
  std::uint64_t refused = 0;
  for (const auto& [id, machine] : world_->machines()) refused += machine->damaged_refused();
  EXPECT_GT(refused, 10U);
  EXPECT_LE(refused, world_->network().damaged());
  world_->stop_clients();
  world_->heal();
  EXPECT_TRUE(world_->settle(30s));
  EXPECT_EQ(world_->checker().violations(), std::vector<std::string>{});
}

}  // namespace
}  // namespace steward::sim
