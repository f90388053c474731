// Key shares renewed while the cluster works: ideal keys, and once real ones.
#include <gtest/gtest.h>

#include "sim/testing/clusters.h"
#include "sim/world.h"

namespace steward::sim {
namespace {

class Refresh : public testing::Test {
 protected:
  void make(Duration interval, std::uint64_t seed = 1, Crypto crypto = Crypto::kIdeal) {
    config_ = test_cluster(sites_, 4);
    config_.crypto.scheme = "bls12-381";
    config_.crypto.refresh_interval = interval;
    // The crash of a server must not hold a phase up for longer than these short runs last.
    config_.timeouts.link = 1s;
    WorldOptions options;
    options.seed = seed;
    options.crypto = crypto;
    options.workload.users = crypto == Crypto::kIdeal ? 8 : 1;
    world_ = *World::make(config_, options);
    world_->start_clients();
  }

  std::uint64_t updates() const { return world_->checker().updates_executed(); }

  // The lowest epoch that a server of the site signs in; 0 as well while one cannot sign.
  std::uint64_t epoch(SiteId site) {
    std::uint64_t lowest = ~0ULL;
    for (ServerIndex server = 0; server < 4; ++server) {
      const wire::StatusReply status = world_->machine({site, server}).server().status();
      const bool signs = status.share_epoch() == status.own_share_epoch();
      lowest = std::min<std::uint64_t>(lowest, signs ? status.share_epoch() : 0);
    }
    return lowest;
  }

  void finish() {
    world_->stop_clients();
    EXPECT_TRUE(world_->settle(60s));
    EXPECT_EQ(world_->checker().violations(), std::vector<std::string>{});
    for (const auto& [id, machine] : world_->machines()) {
      EXPECT_EQ(machine->server().status().evidence_size(), 0) << to_string(id);
    }
  }

  std::size_t sites_ = 3;
  ClusterConfig config_;
  std::unique_ptr<World> world_;
};

TEST_F(Refresh, SharesAreRenewedAtIntervalsUnderLoad) {
  make(2s);
  world_->run_for(2s);
  std::uint64_t before = updates();
  for (int second = 0; second < 8; ++second) {
    world_->run_for(1s);
    EXPECT_GT(updates(), before + 10) << "in second " << second;
    before = updates();
  }
  for (SiteId site = 0; site < 3; ++site) EXPECT_GE(epoch(site), 3u) << site;
  finish();
}

// No later renewal helps it: it learns of this one by the snapshot it fetches.
TEST_F(Refresh, AServerThatMissedTheLastRenewalSignsAgain) {
  make(6s);
  world_->run_for(1s);
  world_->inject(Crash{{1, 3}});
  world_->run_for(8s);
  EXPECT_EQ(world_->machine({1, 0}).server().status().share_epoch(), 1u);
  world_->inject(Restart{{1, 3}});
  world_->run_for(2s);
  EXPECT_EQ(epoch(1), 1u);
  finish();
}

TEST_F(Refresh, AServerThatMissedRenewalsSignsAgain) {
  make(2s);
  world_->run_for(1s);
  world_->inject(Crash{{1, 3}});
  world_->run_for(10s);
  const std::uint64_t others = world_->machine({1, 0}).server().status().share_epoch();
  EXPECT_GE(others, 2u);
  world_->inject(Restart{{1, 3}});
  world_->run_for(5s);
  EXPECT_GE(epoch(1), others);
  finish();
}

// Whatever the moment, a crash leaves a share that fits its epoch.
TEST_F(Refresh, CrashesDuringRenewalsLeaveUsableShares) {
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    make(1s, seed);
    for (int i = 0; i < 5; ++i) {
      const ServerId victim{static_cast<SiteId>(seed % 3), static_cast<ServerIndex>(1 + i % 3)};
      world_->run_for(Duration(300'000 + 70'000 * static_cast<std::int64_t>(seed)));
      world_->inject(Crash{victim});
      world_->run_for(500ms);
      world_->inject(Restart{victim});
    }
    world_->run_for(6s);
    for (SiteId site = 0; site < 3; ++site) EXPECT_GE(epoch(site), 2u) << seed << ", " << site;
    finish();
  }
}

TEST_F(Refresh, RealSharesAreRenewedToo) {
  sites_ = 2;
  make(1s, 1, Crypto::kReal);
  world_->run_for(4s);
  for (SiteId site = 0; site < 2; ++site) EXPECT_GE(epoch(site), 2u) << site;
  finish();
}

}  // namespace
}  // namespace steward::sim
