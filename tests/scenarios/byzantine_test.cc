// Byzantine servers, one kind of attack at a time, at the limit of what a site tolerates: what is
// promised stays true, and work goes on within a bound; then seeds that mix the attacks.
#include <gtest/gtest.h>

#include <algorithm>

#include "sim/run.h"
#include "sim/testing/world_case.h"

namespace steward::sim {
namespace {

class Byzantine : public WorldCase {
 protected:
  void make(std::size_t sites, std::size_t servers, Duration think = 20ms) {
    ClusterConfig config = test_cluster(sites, servers);
    change_config(config);
    WorldCase::make(config, 8, think);
  }
  virtual void change_config(ClusterConfig& /*config*/) {}

  // The first f of a site, so that they lead the first views.
  std::vector<ServerId> liars(SiteId site = 0) const {
    std::vector<ServerId> out;
    for (ServerIndex server = 0; server < config_.sites[site].faults; ++server) {
      out.push_back({site, server});
    }
    return out;
  }
  std::vector<ServerId> liars_everywhere() const {
    std::vector<ServerId> out;
    for (SiteId site = 0; site < config_.sites.size(); ++site) {
      for (const ServerId server : liars(site)) out.push_back(server);
    }
    return out;
  }

  void finish() {
    world_->stop_clients();
    EXPECT_TRUE(world_->settle(60s)) << where_they_are();
    EXPECT_EQ(world_->checker().violations(), std::vector<std::string>{});
    EXPECT_GT(world_->checker().digests_compared(), 0U);
  }
};

// --- one site, of 4 and of 7

class OneSite : public Byzantine, public testing::WithParamInterface<std::size_t> {
 protected:
  void attack(StrategyPtr strategy) {
    make(1, GetParam());
    world_->run_for(1s);
    world_->corrupt(liars(), std::move(strategy));
  }
};
INSTANTIATE_TEST_SUITE_P(Sizes, OneSite, testing::Values(4, 7));

// f leaders in a row: the time-outs of their views, doubled each time, and the next one's start.
constexpr Duration kLeadersReplaced = 12s;

TEST_P(OneSite, MuteServersAreDoneWithout) {
  attack(mute());
  expect_live(kLeadersReplaced, 500);
  finish();
}

TEST_P(OneSite, MuteServersAreDoneWithoutUnderLoad) {
  make(1, GetParam(), Duration(0));
  world_->run_for(1s);
  world_->corrupt(liars(), mute());
  expect_live(kLeadersReplaced, 500);
  finish();
}

TEST_P(OneSite, SilentLeadersAreReplaced) {
  attack(silent_leader());
  expect_live(kLeadersReplaced, 500);
  EXPECT_GE(status({0, static_cast<ServerIndex>(GetParam() - 1)}).local_view(),
            config_.sites[0].faults);
  finish();
}

TEST_P(OneSite, ForgedCertificatesConvinceNobody) {
  attack(forge_certificates());
  expect_live(kLeadersReplaced, 500);
  finish();
}

TEST_P(OneSite, EquivocatingLeadersDoNotDivide) {
  attack(equivocate());
  expect_live(kLeadersReplaced, 100);
  finish();
}

TEST_P(OneSite, LeadersThatAreAlwaysLateAreReplaced) {
  make(1, GetParam());
  world_->run_for(1s);
  world_->corrupt(liars(), delay_proposals(config_.timeouts.view_change * 9 / 10));
  // Each is left after at most 16 batches.
  expect_live(config_.timeouts.view_change * 16 * config_.sites[0].faults, 500);
  finish();
}

TEST_P(OneSite, LeadersThatStayBelowEveryTimeOutAreBearable) {
  make(1, GetParam());
  world_->run_for(1s);
  const Duration late = config_.timeouts.view_change / 4;
  world_->corrupt(liars(), delay_proposals(late * 9 / 10));
  // A batch holds what all users wait for, so each gets an answer in two delays or so.
  expect_live(5s, 5 * 8);
  finish();
}

TEST_P(OneSite, WithheldBodiesAreFoundElsewhere) {
  attack(withhold_bodies());
  expect_live(kLeadersReplaced, 500);
  finish();
}

TEST_P(OneSite, ForgedViewChangesMoveNobody) {
  attack(forge_view_changes());
  expect_live(5s, 500);
  finish();
}

TEST_P(OneSite, ForgedViewChangesDoNotHinderANewLeader) {
  make(1, GetParam());
  world_->run_for(1s);
  std::vector<StrategyPtr> both;
  both.push_back(silent_leader());
  both.push_back(forge_view_changes());
  world_->corrupt(liars(), std::move(both));
  expect_live(kLeadersReplaced, 500);
  finish();
}

TEST_P(OneSite, AFloodFromFarAwayHindersNobody) {
  attack(flood(4));
  expect_live(5s, 100);
  EXPECT_LT(world_->max_backlog(), 5'000U);
  finish();
}

TEST_P(OneSite, MutatedMessagesDoNoHarm) {
  attack(mutate(3));
  expect_live(kLeadersReplaced, 100);
  finish();
}

TEST_P(OneSite, TwinsDoNotDivide) {
  make(1, GetParam());
  for (const ServerId server : liars()) world_->make_twins(server, 700ms);
  expect_live(kLeadersReplaced, 50);
  finish();
}

TEST_P(OneSite, TheSameSeedIsTheSameRun) {
  std::uint64_t first = 0;
  for (int run = 0; run < 2; ++run) {
    make(1, GetParam());
    std::vector<StrategyPtr> all;
    all.push_back(equivocate());
    all.push_back(mutate(5));
    all.push_back(flood(1));
    world_->corrupt(liars(), std::move(all));
    world_->run_for(3s);
    if (run == 0) first = world_->trace_hash();
  }
  EXPECT_EQ(world_->trace_hash(), first);
}

// --- three sites of 4

class ThreeSites : public Byzantine {
 protected:
  void change_config(ClusterConfig& config) override {
    config.crypto.scheme = scheme_;
    config.crypto.refresh_interval = refresh_;
    config.timeouts.link = 1s;
    if (interval_ > 0) config.ordering.checkpoint_interval = interval_;
  }
  void attack(StrategyPtr strategy) {
    make(3, 4);
    world_->run_for(1s);
    world_->corrupt(liars_everywhere(), std::move(strategy));
  }

  std::string scheme_ = "rsa-shoup";
  Duration refresh_{0};
  std::uint32_t interval_ = 0;
};

TEST_F(ThreeSites, PoisonedSharesCostLittleAndBlameTheGuilty) {
  make(3, 4);
  world_->run_for(1s);
  // The first links have server 0 as their forwarder, who combines the shares of the others.
  world_->corrupt({{0, 1}, {1, 1}, {2, 1}}, poison_shares());
  expect_live(2s, 100);
  for (SiteId site = 0; site < 3; ++site) {
    for (const ServerIndex server : {0U, 2U, 3U}) {
      EXPECT_EQ(status({site, server}).evidence_size(), 1) << site << "." << server;
    }
  }
  finish();
}

TEST_F(ThreeSites, AServerFetchesItsStateInSpiteOfLiars) {
  interval_ = 16;
  attack(lie_in_transfer());
  world_->inject(Crash{{1, 2}});
  world_->run_for(20s);
  world_->inject(Restart{{1, 2}});
  world_->run_for(5s);
  EXPECT_GT(world_->machine({1, 2}).server().executed() + 64, world_->checker().agreed());
  finish();
}

TEST_F(ThreeSites, AnswersOfLiarsDoNotReachClients) {
  attack(lie_to_clients());
  expect_live(1s, 100);
  finish();
}

TEST_F(ThreeSites, ACensoredClientGetsItsTurn) {
  make(3, 4);
  const Bytes victim = world_->clients(0).public_key();
  world_->run_for(1s);
  world_->corrupt(liars(0), censor_client(victim));
  world_->run_for(config_.timeouts.fair * 2 + kLeadersReplaced);
  const std::size_t before = world_->clients(0).update_latencies().size();
  world_->run_for(5s);
  EXPECT_GE(world_->clients(0).update_latencies().size(), before + 40);
  finish();
}

// Its own site orders what it asks for, T0 later (docs/protocols.md, section 10).
TEST_F(ThreeSites, ACensoredClientOfAnotherSiteIsServedLate) {
  make(3, 4);
  const Bytes victim = world_->clients(1).public_key();
  world_->run_for(1s);
  world_->corrupt(liars(0), censor_client(victim));
  world_->run_for(5s);
  const std::size_t before = world_->clients(1).update_latencies().size();
  world_->run_for(5s);
  EXPECT_GE(world_->clients(1).update_latencies().size(), before + 10);
  finish();
}

TEST_F(ThreeSites, ACensoredSiteGetsItsTurn) {
  make(3, 4);
  world_->run_for(1s);
  world_->corrupt(liars(0), censor_site(2));
  world_->run_for(config_.timeouts.fair * 2 + kLeadersReplaced);
  // The leader site needs an acceptance of one other site, and has it; but site 2 is heard again.
  EXPECT_GE(status({0, 1}).local_view(), 1U);
  expect_live(0s, 100);
  finish();
}

TEST_F(ThreeSites, SiteDataFindsAWayAroundThoseWhoWithholdIt) {
  attack(withhold_site_data());
  // A virtual link with a liar at either end is passed over; of 16 there are at most 7.
  expect_live(10s, 100);
  finish();
}

TEST_F(ThreeSites, ALyingDealerIsFoundOutAndSharesAreRenewed) {
  scheme_ = "bls12-381";
  refresh_ = 2s;
  attack(lie_in_renewal());
  expect_live(20s, 100);
  for (SiteId site = 0; site < 3; ++site) {
    for (ServerIndex server = 1; server < 4; ++server) {
      const wire::StatusReply one = status({site, server});
      EXPECT_GE(one.share_epoch(), 2U);
      EXPECT_EQ(one.share_epoch(), one.own_share_epoch()) << site << "." << server;
      EXPECT_EQ(one.evidence_size(), 1);
    }
  }
  finish();
}

TEST_F(ThreeSites, FalseAccusationsFallBack) {
  attack(accuse_falsely());
  expect_live(5s, 100);
  finish();
}

TEST_F(ThreeSites, EquivocatingLeadersDoNotDivideSites) {
  attack(equivocate());
  expect_live(kLeadersReplaced, 50);
  finish();
}

TEST_F(ThreeSites, MutatedMessagesDoNoHarm) {
  attack(mutate(3));
  expect_live(kLeadersReplaced, 50);
  finish();
}

// --- seeds

TEST(ByzantineSeeds, OneSite) {
  RunOptions options;
  options.byzantine = true;
  options.duration = 10s;
  for (const std::size_t servers : {4U, 7U}) {
    for (std::uint64_t seed = 1; seed <= 6; ++seed) {
      options.world.seed = seed;
      const auto report = run(test_cluster(1, servers), options);
      ASSERT_TRUE(report.ok());
      EXPECT_EQ(report->violations, std::vector<std::string>{})
          << servers << ", seed " << seed << ", " << testing::PrintToString(report->byzantine);
    }
  }
}

TEST(ByzantineSeeds, ThreeSites) {
  RunOptions options;
  options.byzantine = true;
  options.duration = 10s;
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    options.world.seed = seed;
    const auto report = run(test_cluster(3, 4), options);
    ASSERT_TRUE(report.ok());
    EXPECT_EQ(report->violations, std::vector<std::string>{})
        << "seed " << seed << ", " << testing::PrintToString(report->byzantine);
  }
}

}  // namespace
}  // namespace steward::sim
