// What servers learn of liars among them: who spoils signatures is known to all before long, and
// who slanders harms himself.
#include <gtest/gtest.h>

#include "sim/run.h"
#include "sim/testing/clusters.h"

namespace steward::sim {
namespace {

constexpr ServerId kLiar{0, 1};
// The first link has server 0 as its forwarder, who combines the shares of the others.
constexpr ServerId kVictim{0, 0};

class Evidence : public testing::Test {
 protected:
  void make() {
    WorldOptions options;
    options.workload.users = 2;
    options.workload.think = 50ms;
    world_ = *World::make(test_cluster(3, 4), options);
    world_->start_clients();
    world_->run_for(1s);
  }

  // Everything that the server holds against others of its site.
  std::vector<wire::Evidence> held_by(ServerId id) {
    const wire::StatusReply status = world_->machine(id).server().status();
    return {status.evidence().begin(), status.evidence().end()};
  }
  bool holds_against(ServerId id, ServerIndex accused, wire::Offence offence) {
    const auto evidence = held_by(id);
    return evidence.size() == 1 && evidence[0].server() == accused &&
           evidence[0].offence() == offence;
  }
  bool holds_the_wrong_share(ServerId id) {
    return holds_against(id, kLiar.server, wire::OFFENCE_WRONG_SHARE) &&
           !held_by(id)[0].header().empty();
  }

  void finish() {
    world_->stop_clients();
    EXPECT_TRUE(world_->settle(60s));
    EXPECT_EQ(world_->checker().violations(), std::vector<std::string>{});
  }

  std::unique_ptr<World> world_;
};

TEST_F(Evidence, AWrongShareThatOneServerSawConvincesAll) {
  make();
  world_->corrupt({kLiar}, poison_shares(kVictim));
  world_->run_for(5s);
  for (const ServerIndex server : {0U, 2U, 3U}) {
    EXPECT_TRUE(holds_the_wrong_share({0, server})) << server;
  }
  for (ServerIndex server = 0; server < 4; ++server) {
    EXPECT_TRUE(held_by({1, server}).empty()) << "it is the site's own affair";
  }
  finish();
}

// It cannot be shown to others, and is not.
TEST_F(Evidence, AWrongShareWithoutASignatureConvincesOnlyWhoSawIt) {
  make();
  std::vector<StrategyPtr> both;
  both.push_back(poison_shares(kVictim));
  both.push_back(leave_shares_unsigned());
  world_->corrupt({kLiar}, std::move(both));
  world_->run_for(5s);
  ASSERT_EQ(held_by(kVictim).size(), 1U);
  EXPECT_EQ(held_by(kVictim)[0].server(), kLiar.server);
  EXPECT_TRUE(held_by(kVictim)[0].header().empty());
  EXPECT_TRUE(held_by({0, 2}).empty() && held_by({0, 3}).empty());
  finish();
}

TEST_F(Evidence, AServerThatWasDownHearsOfItLater) {
  make();
  world_->inject(Crash{{0, 3}});
  world_->corrupt({kLiar}, poison_shares(kVictim));
  world_->run_for(10s);
  ASSERT_TRUE(holds_the_wrong_share(kVictim));
  world_->inject(Restart{{0, 3}});
  world_->run_for(1s);
  EXPECT_TRUE(held_by({0, 3}).empty());
  // It is shown again after a time that doubles.
  world_->run_for(20s);
  EXPECT_TRUE(holds_the_wrong_share({0, 3}));
  finish();
}

TEST_F(Evidence, SurvivesARestartOfAllWhoHoldIt) {
  make();
  world_->corrupt({kLiar}, poison_shares(kVictim));
  world_->run_for(5s);
  for (const ServerIndex server : {0U, 2U, 3U}) world_->inject(Crash{{0, server}});
  for (const ServerIndex server : {0U, 2U, 3U}) {
    world_->inject(Restart{{0, server}});
    EXPECT_TRUE(holds_the_wrong_share({0, server})) << server;
  }
  finish();
}

// Shares with proofs, which a slander needs, are there only where somebody has asked for them.
TEST_F(Evidence, ASlanderConvincesNobody) {
  make();
  std::vector<StrategyPtr> both;
  both.push_back(poison_shares(kVictim));
  both.push_back(accuse_falsely());
  world_->corrupt({kLiar}, std::move(both));
  world_->run_for(10s);
  for (const ServerIndex server : {0U, 2U, 3U}) {
    const auto evidence = held_by({0, server});
    ASSERT_EQ(evidence.size(), 1U) << server;
    EXPECT_EQ(evidence[0].server(), kLiar.server);
  }
  finish();
}

}  // namespace
}  // namespace steward::sim
