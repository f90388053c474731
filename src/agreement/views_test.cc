// Changes of view: what PBFT and Paxos both promise, under crashes, loss, and leaders that do
// nothing, do it late, or lie.
#include <gtest/gtest.h>

#include "agreement/progress_watch.h"
#include "agreement/testing/cluster.h"
#include "agreement/testing/driver.h"
#include "agreement/view_change.h"

namespace steward::agreement {
namespace {

struct Setup {
  Protocol protocol;
  std::uint32_t peers;
  std::uint32_t faults;
};

std::string setup_name(const testing::TestParamInfo<Setup>& info) {
  return (info.param.protocol == Protocol::kPbft ? "Pbft" : "Paxos") +
         std::to_string(info.param.peers);
}

ClusterOptions options_of(const Setup& setup, std::uint64_t seed) {
  ClusterOptions options;
  options.protocol = setup.protocol;
  options.peers = setup.peers;
  options.faults = setup.faults;
  options.seed = seed;
  options.view_change = 300ms;
  return options;
}

class Views : public testing::TestWithParam<Setup> {
 protected:
  static ClusterOptions rough(std::uint64_t seed) {
    ClusterOptions options = options_of(GetParam(), seed);
    options.loss = seed % 3 == 0 ? 0 : 0.15;
    options.duplication = 0.1;
    options.max_delay = 20ms;
    return options;
  }
  static std::uint64_t seeds() { return GetParam().peers <= 5 ? 60 : 15; }
};

TEST_P(Views, NoneWhileTheLeaderWorksOrNothingIsToBeDone) {
  Cluster cluster(options_of(GetParam(), 1));
  cluster.set_target(100);
  ASSERT_TRUE(cluster.run_to_target(10s));
  cluster.run_for(60s);
  EXPECT_EQ(cluster.highest_view(), 0U);
}

TEST_P(Views, ACrashedLeaderIsReplaced) {
  Cluster cluster(options_of(GetParam(), 1));
  cluster.set_target(20);
  ASSERT_TRUE(cluster.run_to_target(10s));
  cluster.crash(0);
  cluster.set_target(40);
  ASSERT_TRUE(cluster.run_to_target(5s));
  EXPECT_EQ(cluster.highest_view(), 1U);
  cluster.restart(0);
  cluster.set_target(60);
  ASSERT_TRUE(cluster.run_to_target(5s));
  EXPECT_EQ(cluster.view(0), 1U);  // learnt, with its proof
}

TEST_P(Views, AsManyLeadersAsMayFailFailAtOnce) {
  Cluster cluster(options_of(GetParam(), 2));
  cluster.set_target(10);
  ASSERT_TRUE(cluster.run_to_target(10s));
  for (PeerId peer = 0; peer < GetParam().faults; ++peer) cluster.crash(peer);
  cluster.set_target(50);
  ASSERT_TRUE(cluster.run_to_target(30s));
  EXPECT_EQ(cluster.highest_view(), GetParam().faults);
}

TEST_P(Views, ALeaderThatProposesNothingIsReplaced) {
  Cluster cluster(options_of(GetParam(), 3));
  cluster.make_idle(0);
  cluster.set_target(20);
  ASSERT_TRUE(cluster.run_to_target(10s));
  EXPECT_EQ(cluster.highest_view(), 1U);
}

// A peer that was away for long learns the view of the others, and may lead the next one.
TEST_P(Views, APeerThatWasAwayLeadsTheNextView) {
  ClusterOptions options = options_of(GetParam(), 4);
  Cluster cluster(options);
  cluster.cut(1, true);
  cluster.set_target(100);
  cluster.run_for(5s);
  EXPECT_GE(cluster.executed(0), 100U);
  cluster.cut(1, false);
  ASSERT_TRUE(cluster.run_to_target(20s));
  cluster.crash(0);
  cluster.set_target(150);
  ASSERT_TRUE(cluster.run_to_target(30s));
}

// Crashes at any instant, of leaders above all: what was committed stays, and it goes on.
TEST_P(Views, CrashesAndRestartsOfLeaders) {
  View highest = 0;
  for (std::uint64_t seed = 1; seed <= seeds(); ++seed) {
    SCOPED_TRACE(seed);
    Cluster cluster(rough(seed));
    cluster.set_target(60);
    for (int round = 0; round < 8; ++round) {
      std::set<PeerId> down;
      const bool all = round == 5 && seed % 4 == 0;
      if (cluster.random()() % 3 != 0) {
        down.insert(static_cast<PeerId>(cluster.highest_view() % GetParam().peers));
      }
      while (down.size() < (all ? GetParam().peers : GetParam().faults)) {
        down.insert(static_cast<PeerId>(cluster.random()() % GetParam().peers));
      }
      cluster.run_for(Duration(cluster.random()() % 60'000));
      for (const PeerId peer : down) cluster.crash(peer);
      cluster.run_for(Duration(cluster.random()() % 1'200'000));
      for (const PeerId peer : down) cluster.restart(peer);
    }
    ASSERT_TRUE(cluster.run_to_target(120s)) << cluster.highest_view();
    highest = std::max(highest, cluster.highest_view());
    if (HasFailure()) return;
  }
  EXPECT_GT(highest, 3U);
}

// Time-outs far too short for the network: views change all the time, at several peers at once.
TEST_P(Views, ConcurrentChangesOnABadNetwork) {
  for (std::uint64_t seed = 1; seed <= seeds(); ++seed) {
    SCOPED_TRACE(seed);
    ClusterOptions options = rough(seed);
    options.view_change = 10ms;
    options.max_delay = 30ms;
    options.window = 1 + static_cast<std::uint32_t>(seed % 4);
    Cluster cluster(options);
    cluster.set_target(30);
    for (int round = 0; round < 20; ++round) {
      cluster.run_for(Duration(cluster.random()() % 100'000));
      const auto peer = static_cast<PeerId>(cluster.random()() % GetParam().peers);
      cluster.cut(peer, cluster.random()() % 2 == 0);
      if (cluster.random()() % 4 == 0) cluster.renew(peer);
    }
    for (PeerId peer = 0; peer < GetParam().peers; ++peer) cluster.cut(peer, false);
    cluster.set_loss(0);
    cluster.set_target(60);
    ASSERT_TRUE(cluster.run_to_target(300s)) << cluster.highest_view();
    EXPECT_GT(cluster.highest_view(), 0U);
    if (HasFailure()) return;
  }
}

TEST_P(Views, OneSeedIsOneRun) {
  const auto run = [] {
    Cluster cluster(rough(9));
    cluster.set_target(30);
    cluster.run_for(100ms);
    cluster.crash(0);
    cluster.run_for(2s);
    cluster.restart(0);
    EXPECT_TRUE(cluster.run_to_target(60s));
    return std::pair(cluster.core(0).save(), cluster.messages_sent());
  };
  EXPECT_EQ(run(), run());
}

// --- Paxos, message by message

Options three(PeerId self) {
  Options options;
  options.self = self;
  options.quorums = {3, 1, false};
  options.checkpoint_interval = 8;
  options.view_change_timeout = 300ms;
  return options;
}

const wire::BatchPtr kA = wire::make_batch({"a"});
const wire::BatchPtr kB = wire::make_batch({"b"});

wire::AgreementMessage attempt(View view, Sequence n, const wire::BatchPtr& batch, View accepted) {
  wire::AgreementMessage body;
  body.mutable_view_change()->set_view(view);
  body.mutable_view_change()->mutable_checkpoint();
  if (batch) {
    wire::Candidate& candidate = *body.mutable_view_change()->add_candidates();
    candidate.set_view(accepted);
    candidate.set_sequence(n);
    candidate.set_digest(batch->digest.str());
  }
  return body;
}

TEST(PaxosViews, AnotherAttemptIsJoinedOnlyWhileTheOwnTimerStands) {
  Driver patient(Protocol::kPaxos, three(2));
  patient.step(WorkExpected{true});
  patient.receive(1, attempt(4, 0, nullptr, 0));
  EXPECT_EQ(patient.core().progress().view, 0U);
  patient.step(TimerFired{ProgressWatch::kTimer});
  EXPECT_EQ(patient.core().progress().view, 4U);  // and then not to a view of its own
  Driver idle(Protocol::kPaxos, three(2));
  idle.receive(1, attempt(4, 0, nullptr, 0));
  EXPECT_EQ(idle.core().progress().view, 4U);
}

TEST(PaxosViews, TheNewLeaderBindsWhatWasAcceptedLastAndFillsGaps) {
  Driver leader(Protocol::kPaxos, three(1));
  wire::AgreementMessage proposal;
  proposal.mutable_proposal()->set_sequence(2);
  proposal.mutable_proposal()->set_digest(kA->digest.str());
  leader.receive(0, proposal, kA);
  leader.receive(2, attempt(4, 2, kB, 3));
  Actions actions = leader.step(TimerFired{ProgressWatch::kTimer});
  const Send own = actions.sends.at(1);  // by way of view 1
  ASSERT_EQ(own.body.view_change().view(), 4U);
  actions = leader.loop_back(own);
  ASSERT_FALSE(actions.sends.empty());
  EXPECT_TRUE(actions.sends.at(0).body.has_fetch_batch());
  EXPECT_TRUE(leader.core().progress().changing);
  wire::AgreementMessage shown;
  shown.mutable_batch_shown()->set_sequence(2);
  shown.mutable_batch_shown()->set_digest(kB->digest.str());
  actions = leader.receive(2, shown, kB);
  std::map<Sequence, Bytes> proposed;
  for (const Send& send : actions.sends) {
    if (!send.body.has_proposal()) continue;
    EXPECT_EQ(send.body.proposal().view(), 4U);
    proposed[send.body.proposal().sequence()] = send.body.proposal().digest();
  }
  const std::map<Sequence, Bytes> expected = {{1, null_batch()->digest.str()},
                                              {2, kB->digest.str()}};
  EXPECT_EQ(proposed, expected);
  // In the new view both are its accepts, and one more of each makes them final.
  for (const auto& [n, digest] : expected) {
    wire::AgreementMessage accept;
    accept.mutable_accept()->set_view(4);
    accept.mutable_accept()->set_sequence(n);
    accept.mutable_accept()->set_digest(digest);
    leader.receive(2, accept);
  }
  for (const Send& send : actions.sends) {
    if (send.body.has_proposal()) leader.loop_back(send);
  }
  EXPECT_EQ(leader.core().progress().committed, 2U);
}

TEST(PaxosViews, AnInstalledViewIsTakenFromAnyone) {
  Driver peer(Protocol::kPaxos, three(2));
  wire::AgreementMessage installed;
  installed.mutable_new_view()->set_view(3);
  const Actions actions = peer.receive(1, installed);
  EXPECT_EQ(peer.core().progress().view, 3U);
  ASSERT_EQ(actions.appends.size(), 1U);
  EXPECT_EQ(actions.appends[0].record.kind, kViewRecord);
  peer.restart(true);
  EXPECT_EQ(peer.core().progress().view, 3U);
  EXPECT_FALSE(peer.core().progress().changing);
  // Its own view it has to have installed itself.
  installed.mutable_new_view()->set_view(5);
  peer.receive(1, installed);
  EXPECT_EQ(peer.core().progress().view, 3U);
}

constexpr Setup kSetups[] = {
    {Protocol::kPbft, 4, 1},  {Protocol::kPbft, 5, 1},  {Protocol::kPbft, 7, 2},
    {Protocol::kPaxos, 3, 1}, {Protocol::kPaxos, 4, 1}, {Protocol::kPaxos, 5, 2},
};
INSTANTIATE_TEST_SUITE_P(Several, Views, testing::ValuesIn(kSetups), setup_name);

}  // namespace
}  // namespace steward::agreement
