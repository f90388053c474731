// Single faults, one at a time; swarm_test.cc mixes them.
#include <gtest/gtest.h>

#include <algorithm>

#include "sim/testing/clusters.h"
#include "sim/world.h"

namespace steward::sim {
namespace {

class Faults : public testing::Test {
 protected:
  void make(const ClusterConfig& config, std::uint32_t users = 8) {
    WorldOptions options;
    options.workload.users = users;
    world_ = *World::make(config, options);
    world_->start_clients();
  }

  std::uint64_t updates() const { return world_->checker().updates_executed(); }

  void finish() {
    world_->stop_clients();
    EXPECT_TRUE(world_->settle(60s));
    EXPECT_EQ(world_->checker().violations(), std::vector<std::string>{});
    EXPECT_GT(world_->checker().digests_compared(), 0U);
  }

  std::unique_ptr<World> world_;
};

TEST_F(Faults, ServersThatDoNotLeadMayStop) {
  make(test_cluster(3, 4));
  world_->run_for(2s);
  for (SiteId site = 0; site < 3; ++site) world_->inject(Crash{{site, 3}});
  const std::uint64_t before = updates();
  world_->run_for(5s);
  EXPECT_GT(updates(), before + 100);
  finish();
}

TEST_F(Faults, AServerThatWasAwayCatchesUpByBatches) {
  make(test_cluster(3, 4));
  world_->run_for(2s);
  world_->inject(Crash{{0, 2}});
  world_->run_for(1s);
  world_->inject(Restart{{0, 2}});
  finish();
}

TEST_F(Faults, AServerThatWasAwayForLongCatchesUpBySnapshot) {
  ClusterConfig config = test_cluster(3, 4);
  config.ordering.checkpoint_interval = 16;
  make(config);
  world_->run_for(1s);
  world_->inject(Crash{{1, 1}});
  world_->run_for(20s);
  world_->inject(Restart{{1, 1}});
  world_->run_for(5s);
  EXPECT_GT(world_->machine({1, 1}).server().executed() + 64, world_->checker().agreed());
  finish();
}

TEST_F(Faults, LeadersThatStopComeBack) {
  make(test_cluster(3, 4));
  world_->run_for(2s);
  for (SiteId site = 0; site < 3; ++site) world_->inject(Crash{{site, 0}});
  world_->run_for(3s);
  for (SiteId site = 0; site < 3; ++site) world_->inject(Restart{{site, 0}});
  world_->run_for(5s);
  const std::uint64_t before = updates();
  world_->run_for(5s);
  EXPECT_GT(updates(), before + 100);
  finish();
}

// One leader of each site after the other stops for good or for a while; updates go on, though the
// clients' servers and the leader site are among those it happens to.
class Leaders : public Faults {
 protected:
  ServerId leader_of(SiteId site) const {
    View view = 0;
    for (const auto& [id, machine] : world_->machines()) {
      if (id.site == site && machine->running()) {
        view = std::max(view, View{machine->server().status().local_view()});
      }
    }
    const auto servers = static_cast<View>(4 - (paxos_ ? 1 : 0));
    return {site, static_cast<ServerIndex>(view % servers)};
  }

  void in_turn() {
    for (int round = 0; round < 4; ++round) {
      world_->run_for(3s);
      std::vector<ServerId> down;
      for (SiteId site = 0; site < 3; ++site) down.push_back(leader_of(site));
      for (const ServerId id : down) world_->inject(Crash{id});
      world_->run_for(15s);
      const std::uint64_t before = updates();
      world_->run_for(5s);
      EXPECT_GT(updates(), before + 50) << "in round " << round << " nobody took over";
      for (const ServerId id : down) {
        EXPECT_NE(leader_of(id.site), id);
        world_->inject(Restart{id});
      }
    }
    finish();
  }

  bool paxos_ = false;
};

TEST_F(Leaders, OfPbftSitesAreReplaced) {
  make(test_cluster(3, 4));
  in_turn();
}

TEST_F(Leaders, OfPaxosSitesAreReplaced) {
  paxos_ = true;
  make(test_cluster(3, 3, LocalProtocol::kPaxos));
  in_turn();
}

TEST_F(Leaders, NoneIsReplacedWithoutNeed) {
  make(test_cluster(3, 4));
  world_->run_for(10s);
  world_->stop_clients();
  world_->run_for(60s);
  for (const auto& [id, machine] : world_->machines()) {
    EXPECT_EQ(machine->server().status().local_view(), 0U);
  }
  finish();
}

TEST_F(Faults, EverythingAtOnceComesBack) {
  make(test_cluster(3, 4));
  world_->run_for(3s);
  std::vector<ServerId> all;
  for (const auto& [id, machine] : world_->machines()) all.push_back(id);
  for (const ServerId id : all) world_->inject(Crash{id});
  world_->run_for(1s);
  for (const ServerId id : all) world_->inject(Restart{id});
  world_->run_for(5s);
  const std::uint64_t before = updates();
  world_->run_for(5s);
  EXPECT_GT(updates(), before + 100);
  finish();
}

TEST_F(Faults, ACutSiteServesReadsAndCatchesUpOnItsReturn) {
  make(test_cluster(3, 4));
  world_->run_for(2s);
  world_->inject(CutSite{2, true});
  const std::uint64_t before = updates();
  world_->run_for(10s);
  EXPECT_GT(updates(), before + 200) << "the others go on";
  EXPECT_LT(world_->machine({2, 0}).server().executed() + 20, world_->checker().agreed());
  world_->inject(CutSite{2, false});
  world_->run_for(10s);
  EXPECT_GT(world_->machine({2, 0}).server().executed() + 20, world_->checker().agreed());
  finish();
}

TEST_F(Faults, ALyingServerNeverGetsPastAClient) {
  make(test_cluster(3, 4));
  for (SiteId site = 0; site < 3; ++site) world_->corrupt({{site, 1}}, lie_to_clients());
  world_->run_for(5s);
  for (SiteId site = 0; site < 3; ++site) {
    EXPECT_GT(world_->clients(site).update_latencies().size(), 50U);
    EXPECT_GT(world_->clients(site).client().lies()[1], 50U);
    EXPECT_EQ(world_->clients(site).client().lies()[0], 0U);
  }
  finish();
}

TEST_F(Faults, ManyLostMessages) {
  make(test_cluster(3, 4), 4);
  world_->inject(SetNetwork{{.loss_ppm = 100'000, .duplicate_ppm = 50'000, .jitter = 5ms}});
  world_->run_for(20s);
  EXPECT_GT(updates(), 100U);
  world_->heal();
  finish();
}

}  // namespace
}  // namespace steward::sim
