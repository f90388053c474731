#include "sim/ambush.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "sim/run.h"
#include "sim/testing/clusters.h"
#include "sim/world.h"
#include "wire/agreement.pb.h"

namespace steward::sim {
namespace {

constexpr ServerIndex kServers = 4;

class Ambushed : public testing::Test {
 protected:
  void SetUp() override {
    WorldOptions options;
    options.workload.think = 20ms;
    options.tell = [this](Duration, const std::string& what) {
      if (what.starts_with("AMBUSH")) told_.push_back(what);
    };
    world_ = *World::make(test_cluster(1, kServers), options);
    world_->start_clients();
    world_->run_for(1s);
  }
  Sequence executed(ServerIndex server) { return world_->machine({0, server}).server().executed(); }
  // Those that have executed more than `sequence`.
  std::vector<ServerIndex> beyond(Sequence sequence) {
    std::vector<ServerIndex> out;
    for (ServerIndex server = 0; server < kServers; ++server) {
      const bool up = world_->machine({0, server}).running();
      if (up && executed(server) > sequence) out.push_back(server);
    }
    return out;
  }
  Sequence lowest() {
    Sequence low = executed(0);
    for (ServerIndex server = 1; server < kServers; ++server) low = std::min(low, executed(server));
    return low;
  }
  void expect_well() {
    world_->stop_clients();
    world_->heal();
    EXPECT_TRUE(world_->settle(60s));
    EXPECT_EQ(world_->checker().violations(), std::vector<std::string>{});
  }

  std::unique_ptr<World> world_;
  std::vector<std::string> told_;
};

TEST_F(Ambushed, WhoExecutesFirstIsTheOnlyOneThatHas) {
  world_->inject(Ambush{.traps = {{Deed::kExecutes, 2}}, .dark = 4s, .alone = 8s});
  world_->run_for(1s);
  const Sequence reached = executed(2);
  ASSERT_EQ(told_.size(), 1U);
  EXPECT_TRUE(told_[0].starts_with("AMBUSH server 0.2 is the first that executes sequence"))
      << told_[0];
  EXPECT_EQ(beyond(reached - 1), std::vector<ServerIndex>{2});
  world_->run_for(6s);
  EXPECT_EQ(beyond(reached).size(), 3U) << "the others go on without it";
  EXPECT_EQ(executed(2), reached);
  world_->run_for(6s);
  EXPECT_GT(executed(2), reached) << "it goes free";
  expect_well();
}

TEST_F(Ambushed, TheNextDeedFreesWhoWasCaught) {
  world_->inject(
      Ambush{.traps = {{Deed::kPrepares}, {Deed::kExecutes}}, .dark = 4s, .alone = 1000s});
  world_->run_for(10s);
  ASSERT_EQ(told_.size(), 2U);
  EXPECT_NE(told_[0].find("prepares local sequence"), std::string::npos) << told_[0];
  EXPECT_NE(told_[1].find("executes sequence"), std::string::npos) << told_[1];
  world_->run_for(10s);
  EXPECT_EQ(beyond(lowest()).size(), 3U) << "one is held, of the two that were caught";
  expect_well();
}

TEST_F(Ambushed, WhoIsCaughtOrTheOthersMayBeDown) {
  world_->inject(Ambush{.traps = {{Deed::kProposes}}, .how = Ambush::How::kCrash, .alone = 1s});
  world_->run_for(500ms);
  EXPECT_FALSE(world_->machine({0, 0}).running()) << "who leads proposes first";
  world_->run_for(1s);
  EXPECT_TRUE(world_->machine({0, 0}).running());
  world_->inject(Ambush{
      .traps = {{Deed::kVotes}}, .how = Ambush::How::kRestartOthers, .dark = 1s, .alone = 2s});
  world_->run_for(500ms);
  const auto running = [](const auto& entry) { return entry.second->running(); };
  EXPECT_EQ(std::count_if(world_->machines().begin(), world_->machines().end(), running), 1);
  expect_well();
}

TEST_F(Ambushed, WhatTheDeedFollowsFromReachesNobodyElse) {
  world_->inject(
      Ambush{.traps = {{Deed::kPrepares, 2}, {Deed::kExecutes, 3}}, .dark = 4s, .alone = 1000s});
  world_->run_for(20s);
  ASSERT_EQ(told_.size(), 2U);
  EXPECT_TRUE(told_[0].starts_with("AMBUSH server 0.2 is the first that prepares")) << told_[0];
  EXPECT_TRUE(told_[1].starts_with("AMBUSH server 0.3 is the first that executes")) << told_[1];
  EXPECT_EQ(beyond(executed(3)).size(), 3U) << "the others go on without it";
  expect_well();
}

TEST_F(Ambushed, NothingStrikesAfterItWasLiftedOrAllIsHealed) {
  const Ambush ambush{.traps = {{Deed::kExecutes}, {Deed::kExecutes}}, .times = 5, .alone = 1s};
  world_->inject(ambush);
  world_->inject(*ended(ambush));
  world_->run_for(1s);
  world_->inject(ambush);
  world_->heal_all_but({});
  world_->run_for(1s);
  EXPECT_TRUE(told_.empty());
}

TEST(AmbushedRuns, AreTheSameAgain) {
  RunOptions options;
  options.duration = 5s;
  options.load = 1s;
  FaultPlan plan;
  plan.episodes.push_back({1s, 4s, false,
                           Ambush{.traps = {{Deed::kExecutes}, {Deed::kLeaves}, {Deed::kOpens}},
                                  .times = 3,
                                  .late = 1ms,
                                  .dark = 500ms,
                                  .alone = 2s}});
  const auto once = run(test_cluster(1, kServers), options, plan);
  const auto again = run(test_cluster(1, kServers), options, plan);
  EXPECT_EQ(once->violations, std::vector<std::string>{});
  EXPECT_EQ(once->trace_hash, again->trace_hash);
  plan.episodes.clear();
  EXPECT_NE(run(test_cluster(1, kServers), options, plan)->trace_hash, once->trace_hash);
}

TEST(MomentOf, KnowsDeedsAndTheirOrder) {
  wire::AgreementMessage body;
  body.mutable_commit()->set_view(3);
  body.mutable_commit()->set_sequence(7);
  replica::Outgoing outgoing;
  outgoing.kind = wire::KIND_AGREEMENT;
  outgoing.body = body.SerializeAsString();
  EXPECT_EQ(moment_of(outgoing), (Moment{Deed::kPrepares, 3, 7}));
  EXPECT_LT((Moment{Deed::kVotes, 3, 7}), (Moment{Deed::kVotes, 4, 6}));
  body.mutable_view_change()->set_view(4);
  outgoing.body = body.SerializeAsString();
  outgoing.kind = wire::KIND_VIEW_CHANGE;
  EXPECT_EQ(moment_of(outgoing), (Moment{Deed::kLeaves, 4, 0}));
  body.mutable_status();
  outgoing.body = body.SerializeAsString();
  EXPECT_EQ(moment_of(outgoing), std::nullopt);
  outgoing.kind = wire::KIND_SHARE;
  EXPECT_EQ(moment_of(outgoing), std::nullopt);
}

}  // namespace
}  // namespace steward::sim
