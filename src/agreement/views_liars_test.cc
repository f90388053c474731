// Changes of view among PBFT's liars: message by message, then as random schedules.
#include <gtest/gtest.h>

#include "agreement/ordered_log.h"
#include "agreement/progress_watch.h"
#include "agreement/status_exchange.h"
#include "agreement/testing/cluster.h"
#include "agreement/testing/driver.h"

namespace steward::agreement {
namespace {

Options four(PeerId self) {
  Options options;
  options.self = self;
  options.quorums = {4, 1, true};
  options.checkpoint_interval = 8;
  options.view_change_timeout = 300ms;
  options.view_change_cap = 3s;
  return options;
}

const wire::BatchPtr kA = wire::make_batch({"a"});
const wire::BatchPtr kB = wire::make_batch({"b"});
const wire::BatchPtr kNull = wire::make_batch({});

template <class Body>
void fill(Body* body, View view, Sequence n, const wire::BatchPtr& batch) {
  body->set_view(view);
  body->set_sequence(n);
  body->set_digest(batch->digest.str());
}
wire::AgreementMessage pre_prepare(View view, Sequence n, const wire::BatchPtr& batch) {
  wire::AgreementMessage body;
  fill(body.mutable_pre_prepare(), view, n, batch);
  return body;
}
wire::AgreementMessage prepare(View view, Sequence n, const wire::BatchPtr& batch) {
  wire::AgreementMessage body;
  fill(body.mutable_prepare(), view, n, batch);
  return body;
}
wire::AgreementMessage commit(View view, Sequence n, const wire::BatchPtr& batch) {
  wire::AgreementMessage body;
  fill(body.mutable_commit(), view, n, batch);
  return body;
}

struct Prepared {
  View view;
  Sequence n;
  wire::BatchPtr batch;
};
wire::AgreementMessage view_change(View view, const std::vector<Prepared>& prepared) {
  wire::AgreementMessage body;
  wire::ViewChange& out = *body.mutable_view_change();
  out.set_view(view);
  out.mutable_checkpoint();
  for (const Prepared& one : prepared) {
    wire::Candidate& candidate = *out.add_candidates();
    fill(&candidate, one.view, one.n, one.batch);
    candidate.add_proofs(
        Driver::header(static_cast<PeerId>(one.view % 4), pre_prepare(one.view, one.n, one.batch)));
    for (PeerId from = 0; candidate.proofs_size() < 3; ++from) {
      if (from == one.view % 4) continue;
      candidate.add_proofs(Driver::header(from, prepare(one.view, one.n, one.batch)));
    }
  }
  return body;
}
wire::AgreementMessage new_view(View view,
                                const std::map<PeerId, wire::AgreementMessage>& view_changes) {
  wire::AgreementMessage body;
  body.mutable_new_view()->set_view(view);
  for (const auto& [peer, one] : view_changes) {
    wire::ViewChangeRef& ref = *body.mutable_new_view()->add_view_changes();
    ref.set_peer(peer);
    ref.set_digest(crypto::sha256(one.view_change().SerializeAsString()).str());
  }
  return body;
}

// The first message of a kind among what is sent.
template <class Has>
const Send* find(const Actions& actions, Has has) {
  for (const Send& send : actions.sends) {
    if (has(send.body)) return &send;
  }
  return nullptr;
}
const auto kViewChange = [](const auto& body) { return body.has_view_change(); };
const auto kNewView = [](const auto& body) { return body.has_new_view(); };
const auto kPrePrepare = [](const auto& body) { return body.has_pre_prepare(); };
const auto kPrepare = [](const auto& body) { return body.has_prepare(); };
const auto kFetch = [](const auto& body) { return body.has_fetch_batch(); };

// What brings peer `peer` into view 1 by a new view that binds these.
void install_view_1(Driver& peer, const std::vector<Prepared>& prepared) {
  const std::map<PeerId, wire::AgreementMessage> said = {
      {1, view_change(1, {})}, {2, view_change(1, prepared)}, {3, view_change(1, {})}};
  for (const auto& [from, body] : said) peer.receive(from, body);
  peer.receive(1, new_view(1, said));
  ASSERT_EQ(peer.core().progress().view, 1U);
  ASSERT_FALSE(peer.core().progress().changing);
}

TEST(PbftViews, TheTimerRunsOnlyWhileProgressIsExpectedAndStartsAnewWithEachBatch) {
  Driver peer(Protocol::kPbft, four(2));
  const auto timer = [](const Actions& actions) -> const TimerChange* {
    for (const TimerChange& change : actions.timers) {
      if (change.timer == ProgressWatch::kTimer) return &change;
    }
    return nullptr;
  };
  EXPECT_EQ(timer(peer.step(TimerFired{ProgressWatch::kTimer})), nullptr);  // a stale one
  EXPECT_EQ(peer.core().progress().view, 0U);
  Actions actions = peer.step(WorkExpected{true});
  ASSERT_TRUE(timer(actions));
  EXPECT_EQ(timer(actions)->after, Duration(300ms));
  EXPECT_EQ(timer(peer.receive(0, pre_prepare(0, 1, kA), kA)), nullptr);
  for (const PeerId from : {1U, 2U, 3U}) peer.receive(from, prepare(0, 1, kA));
  for (const PeerId from : {0U, 1U}) peer.receive(from, commit(0, 1, kA));
  EXPECT_TRUE(timer(peer.receive(3, commit(0, 1, kA))));
  actions = peer.step(WorkExpected{false});
  ASSERT_TRUE(timer(actions));
  EXPECT_FALSE(timer(actions)->after);
}

TEST(PbftViews, ExpiryPromisesAndTheVoteIsOverForTheOldView) {
  Driver peer(Protocol::kPbft, four(2));
  peer.receive(0, pre_prepare(0, 1, kA), kA);
  for (const PeerId from : {1U, 2U, 3U}) peer.receive(from, prepare(0, 1, kA));
  const Actions actions = peer.step(TimerFired{ProgressWatch::kTimer});
  const Send* sent = find(actions, kViewChange);
  ASSERT_TRUE(sent);
  EXPECT_TRUE(sent->promise);
  ASSERT_EQ(actions.appends.size(), 1U);
  EXPECT_EQ(actions.appends[0].record.kind, kViewChangeRecord);
  EXPECT_FALSE(actions.appends[0].lazy);
  ASSERT_EQ(sent->body.view_change().candidates_size(), 1);
  EXPECT_EQ(sent->body.view_change().candidates(0).digest(), kA->digest.str());
  EXPECT_EQ(sent->body.view_change().candidates(0).proofs_size(), 3);
  // Neither now nor after a restart is there a vote in view 0; the promise is sent again, the same.
  EXPECT_FALSE(find(peer.receive(0, pre_prepare(0, 2, kB), kB), kPrepare));
  const Actions again = peer.restart(true);
  EXPECT_TRUE(peer.core().progress().changing);
  ASSERT_TRUE(find(again, kViewChange));
  EXPECT_EQ(find(again, kViewChange)->body.SerializeAsString(), sent->body.SerializeAsString());
  EXPECT_FALSE(find(peer.receive(0, pre_prepare(0, 2, kB), kB), kPrepare));
}

TEST(PbftViews, OneSuspicionAloneMovesNobodyAndTwoTheSmallestView) {
  Driver peer(Protocol::kPbft, four(2));
  EXPECT_FALSE(find(peer.receive(3, view_change(9, {})), kViewChange));
  EXPECT_EQ(peer.core().progress().view, 0U);
  const Actions actions = peer.receive(1, view_change(5, {}));
  ASSERT_TRUE(find(actions, kViewChange));
  EXPECT_EQ(peer.core().progress().view, 5U);
}

// f liars are mute, one of them leads view 1, and two of the others lose patience first. They are
// too few to be followed: the rest must lose theirs, too.
TEST(PbftViews, WhoeverGoesOnFirstDoesNotStopTheTimersOfThoseItLeaves) {
  Options options = four(2);
  options.quorums = {7, 2, true};
  Driver peer(Protocol::kPbft, options);
  peer.step(WorkExpected{true});
  const Actions first = peer.step(TimerFired{ProgressWatch::kTimer});
  ASSERT_TRUE(find(first, kViewChange));
  peer.loop_back(*find(first, kViewChange));
  for (const PeerId from : {3U, 4U, 5U, 6U}) peer.receive(from, view_change(1, {}));
  for (const PeerId from : {5U, 6U}) peer.receive(from, view_change(2, {}));
  EXPECT_EQ(peer.core().progress().view, 1U);
  EXPECT_TRUE(find(peer.step(TimerFired{ProgressWatch::kTimer}), kViewChange));
  EXPECT_EQ(peer.core().progress().view, 2U);
}

TEST(PbftViews, TheNewLeaderBindsTheHighestViewAndFillsGapsWithNothing) {
  Driver leader(Protocol::kPbft, four(1));
  // It voted for A at 3 itself, in view 0; the others show B at 3 in a later view, and A at 1.
  leader.receive(0, pre_prepare(0, 3, kA), kA);
  for (const PeerId from : {1U, 2U, 3U}) leader.receive(from, prepare(0, 3, kA));
  leader.receive(2, view_change(5, {{0, 1, kA}}));
  Actions actions = leader.receive(3, view_change(5, {{0, 1, kA}, {4, 3, kB}}));
  const Send* own = find(actions, kViewChange);
  ASSERT_TRUE(own);
  actions = leader.loop_back(Send(*own));
  EXPECT_FALSE(find(actions, kNewView));  // bodies are missing
  EXPECT_EQ(leader.core().progress().view, 5U);
  std::set<Bytes> asked;
  for (const Send& send : actions.sends) {
    if (send.body.has_fetch_batch()) asked.insert(send.body.fetch_batch().digest());
  }
  EXPECT_TRUE(asked.contains(kA->digest.str()));
  wire::AgreementMessage shown;
  shown.mutable_batch_shown()->set_sequence(1);
  shown.mutable_batch_shown()->set_digest(kA->digest.str());
  actions = leader.receive(2, shown, kA);
  shown.mutable_batch_shown()->set_digest(kB->digest.str());
  actions = leader.receive(3, shown, kB);
  ASSERT_TRUE(find(actions, kNewView));
  EXPECT_EQ(actions.appends[0].record.kind, kViewRecord);
  std::map<Sequence, Bytes> proposed;
  for (const Send& send : actions.sends) {
    if (send.body.has_pre_prepare()) {
      EXPECT_EQ(send.body.pre_prepare().view(), 5U);
      proposed[send.body.pre_prepare().sequence()] = send.body.pre_prepare().digest();
    }
  }
  const std::map<Sequence, Bytes> expected = {
      {1, kA->digest.str()}, {2, kNull->digest.str()}, {3, kB->digest.str()}};
  EXPECT_EQ(proposed, expected);
  // What it was prepared for before is kept, though it votes for something else now.
  EXPECT_TRUE(leader.record(3, kPreparedBatchRecord));
  const Actions again = leader.restart(true);
  EXPECT_TRUE(find(again, kNewView));
  EXPECT_EQ(leader.core().progress().view, 5U);
  EXPECT_FALSE(leader.core().progress().changing);
}

TEST(PbftViews, ALyingNewLeaderGetsNoVoteForWhatItsViewDoesNotBind) {
  Driver peer(Protocol::kPbft, four(3));
  install_view_1(peer, {{0, 2, kA}});
  EXPECT_FALSE(find(peer.receive(1, pre_prepare(1, 2, kB), kB), kPrepare));  // binds A
  EXPECT_FALSE(find(peer.receive(1, pre_prepare(1, 1, kB), kB), kPrepare));  // a gap: null
  EXPECT_FALSE(find(peer.receive(1, pre_prepare(1, 2, kNull), kNull), kPrepare));
  EXPECT_EQ(peer.rejected("not what the new view binds"), 3U);
  const Actions restarted = peer.restart(true);  // the list is durable
  EXPECT_FALSE(find(peer.receive(1, pre_prepare(1, 2, kB), kB), kPrepare));
  EXPECT_TRUE(find(peer.receive(1, pre_prepare(1, 2, kA), kA), kPrepare));
  EXPECT_TRUE(find(peer.receive(1, pre_prepare(1, 1, kNull), kNull), kPrepare));
  EXPECT_TRUE(find(peer.receive(1, pre_prepare(1, 3, kB), kB), kPrepare));
}

TEST(PbftViews, ANewViewOfWrongShapeIsRefused) {
  Driver peer(Protocol::kPbft, four(3));
  std::map<PeerId, wire::AgreementMessage> said = {
      {0, view_change(1, {})}, {1, view_change(1, {})}, {2, view_change(1, {})}};
  for (const auto& [from, body] : said) peer.receive(from, body);
  peer.receive(2, new_view(1, said));
  EXPECT_EQ(peer.rejected("not the leader"), 1U);
  auto few = said;
  few.erase(0);
  peer.receive(1, new_view(1, few));
  auto many = said;
  many[3] = view_change(1, {});
  peer.receive(1, new_view(1, many));
  wire::AgreementMessage twice = new_view(1, few);
  *twice.mutable_new_view()->add_view_changes() = twice.new_view().view_changes(0);
  peer.receive(1, twice);
  EXPECT_EQ(peer.rejected("malformed"), 3U);
  EXPECT_TRUE(peer.core().progress().changing);
  // It names what nobody sent: nothing is installed until that is here.
  auto other = said;
  other[2] = view_change(1, {{0, 1, kA}});
  peer.receive(1, new_view(1, other));
  EXPECT_TRUE(peer.core().progress().changing);
  peer.receive(2, other[2]);
  EXPECT_FALSE(peer.core().progress().changing);
  EXPECT_FALSE(find(peer.receive(1, pre_prepare(1, 1, kB), kB), kPrepare));
}

TEST(PbftViews, ViewChangesOfWrongShapeAreRefused) {
  Driver peer(Protocol::kPbft, four(2));
  std::vector<wire::AgreementMessage> bad = {
      view_change(1, {{1, 1, kA}}),               // of the view that is to come
      view_change(1, {{0, 0, kA}}),               // at the checkpoint
      view_change(1, {{0, 17, kA}}),              // beyond the window
      view_change(1, {{0, 2, kA}, {0, 1, kA}}),   // out of order
      view_change(1, {{0, 1, kA}, {0, 1, kA}})};  // twice
  bad.push_back(view_change(1, {}));
  bad.back().mutable_view_change()->mutable_checkpoint()->set_sequence(3);
  bad.push_back(view_change(1, {{0, 1, kA}}));
  bad.back().mutable_view_change()->mutable_candidates(0)->set_digest("short");
  for (const wire::AgreementMessage& body : bad) peer.receive(3, body);
  EXPECT_EQ(peer.rejected("malformed"), bad.size());
  EXPECT_FALSE(find(peer.receive(0, view_change(0, {})), kViewChange));
}

// A liar keeps the body of its certificate to itself: the view is installed without it.
TEST(PbftViews, ACertificateWithoutABodyHoldsNothingUp) {
  Driver leader(Protocol::kPbft, four(1));
  leader.receive(0, view_change(1, {{0, 1, kA}}));
  Actions actions = leader.receive(2, view_change(1, {}));
  actions = leader.loop_back(Send(*find(actions, kViewChange)));
  EXPECT_TRUE(find(actions, kFetch));
  EXPECT_FALSE(find(actions, kNewView));  // a quorum of view changes, but one cannot be followed
  EXPECT_TRUE(find(leader.step(TimerFired{StatusExchange::kTimer}), kFetch));  // asked again
  actions = leader.receive(3, view_change(1, {}));
  const Send* sent = find(actions, kNewView);
  ASSERT_TRUE(sent);
  for (const wire::ViewChangeRef& ref : sent->body.new_view().view_changes()) {
    EXPECT_NE(ref.peer(), 0U);
  }
  EXPECT_TRUE(leader.core().can_propose());
}

// One of the others has been told, and shows, that a liar lost its memory: whoever knows that would
// refuse a view that is made of what the liar sent before.
TEST(PbftViews, WhatAnotherIsShownToRefuseIsNotNamed) {
  struct Case {
    std::uint64_t since;
    View bound;
    bool named;
  };
  for (const auto& [since, bound, named] :
       {Case{6, 0, false}, Case{6, 1, true}, Case{7, 0, true}}) {
    Driver leader(Protocol::kPbft, four(1));
    wire::AgreementMessage of_liar = view_change(1, {});
    of_liar.mutable_view_change()->set_since(since);
    leader.receive(0, of_liar);
    const wire::AgreementMessage body = view_change(1, {});
    Actions actions = leader.step(
        TestVerifier::vouch({3, body, nullptr, Driver::header(3, body), {{0, {7, bound}}}}));
    ASSERT_TRUE(find(actions, kViewChange));
    actions = leader.loop_back(Send(*find(actions, kViewChange)));
    EXPECT_EQ(find(actions, kNewView) != nullptr, named);
    if (named) continue;
    actions = leader.receive(2, view_change(1, {}));
    const Send* sent = find(actions, kNewView);
    ASSERT_TRUE(sent);
    for (const wire::ViewChangeRef& ref : sent->body.new_view().view_changes()) {
      EXPECT_NE(ref.peer(), 0U);
    }
  }
}

TEST(PbftViews, AViewChangeShowsWhoLostItsMemory) {
  Driver peer(Protocol::kPbft, four(2));
  peer.step(PeerReborn{0, {7, 0, "said by 0"}});
  peer.step(PeerReborn{0, {7, 3, "said by 0 later"}});
  peer.step(PeerReborn{2, {5, 0, ""}});  // the own one is its `since`
  peer.step(WorkExpected{true});
  const Actions actions = peer.step(TimerFired{ProgressWatch::kTimer});
  const Send* sent = find(actions, kViewChange);
  ASSERT_TRUE(sent);
  ASSERT_EQ(sent->body.view_change().births_size(), 1);
  EXPECT_EQ(sent->body.view_change().births(0), "said by 0 later");
}

TEST(PbftViews, ALeaderThatIsLateAgainAndAgainIsLeft) {
  Driver peer(Protocol::kPbft, four(2));
  peer.step(WorkExpected{true});
  Sequence n = 0;
  const auto batch = [&](bool late) {
    if (late) peer.step(TimerFired{ProgressWatch::kLateTimer});
    ++n;
    peer.receive(0, pre_prepare(0, n, kA), kA);
    for (const PeerId from : {1U, 2U, 3U}) peer.receive(from, prepare(0, n, kA));
    for (const PeerId from : {0U, 1U, 3U}) peer.receive(from, commit(0, n, kA));
  };
  for (int i = 0; i < 8; ++i) batch(true);
  EXPECT_EQ(peer.core().progress().view, 0U);  // half of the last 16
  batch(true);
  EXPECT_EQ(peer.core().progress().view, 1U);
  EXPECT_TRUE(peer.core().progress().changing);
}

TEST(PbftViews, TheHostsSuspicionCountsForItsViewAlone) {
  Driver peer(Protocol::kPbft, four(2));
  peer.step(SuspectLeader{1});
  EXPECT_EQ(peer.core().progress().view, 0U);
  peer.step(SuspectLeader{0});
  EXPECT_EQ(peer.core().progress().view, 1U);
}

TEST(PbftViews, SwitchedOffNothingIsSentAndNothingTaken) {
  Options options = four(2);
  options.view_change_timeout = 0ms;
  Driver peer(Protocol::kPbft, options);
  EXPECT_TRUE(peer.step(WorkExpected{true}).timers.empty());
  peer.step(TimerFired{ProgressWatch::kTimer});
  peer.step(SuspectLeader{0});
  for (const PeerId from : {0U, 1U, 3U}) peer.receive(from, view_change(1, {}));
  EXPECT_EQ(peer.core().progress().view, 0U);
  EXPECT_EQ(peer.rejected("views do not change here"), 3U);
}

// --- random schedules

// An equivocating leader, which goes on lying in all later views: about its votes, and with view
// changes and new views of its own making, from all that was ever said truly or falsely.
class Liar {
 public:
  Liar(Cluster& cluster, PeerId self, std::uint32_t peers)
      : cluster_(cluster), self_(self), peers_(peers) {}

  void lie() {
    auto& random = cluster_.random();
    const View view = cluster_.highest_view() + random() % 2;
    const auto to = static_cast<PeerId>(random() % peers_);
    const Sequence n = 1 + random() % 16;
    const wire::BatchPtr batch = random() % 2 == 0 ? kA : kB;
    switch (random() % 6) {
      case 0:
        return cluster_.send_as(self_, to, pre_prepare(view, n, batch), batch);
      case 1:
        return cluster_.send_as(self_, to, prepare(view, n, batch), nullptr);
      case 2:
        return cluster_.send_as(self_, to, commit(view, n, batch), nullptr);
      case 3:  // it holds nothing to be prepared
        return cluster_.send_as(self_, to, view_change(view + random() % 2, {}), nullptr);
      case 4:  // a forged certificate: the edge refuses it
        return cluster_.send_as(self_, to, view_change(view + 1, {{view, n, batch}}), nullptr);
      default: {
        std::map<PeerId, wire::AgreementMessage> named;
        while (named.size() < (peers_ + (peers_ - 1) / 3 + 2) / 2) {
          named[static_cast<PeerId>(random() % peers_)] = view_change(view, {});
        }
        return cluster_.send_as(self_, to, new_view(view, named), nullptr);
      }
    }
  }

 private:
  Cluster& cluster_;
  const PeerId self_;
  const std::uint32_t peers_;
};

TEST(PbftLiarsViews, LyingLeadersAreReplacedAndSplitNothing) {
  View highest = 0;
  for (std::uint64_t seed = 1; seed <= 80; ++seed) {
    SCOPED_TRACE(seed);
    ClusterOptions setup;
    setup.seed = seed;
    setup.max_delay = 10ms;
    setup.loss = seed % 2 == 0 ? 0 : 0.1;
    setup.view_change = 100ms;
    setup.liars = {0};
    if (seed % 4 == 0) {
      setup.peers = 7;
      setup.faults = 2;
      setup.liars = {0, 1};
    }
    Cluster cluster(setup);
    cluster.set_target(24);
    for (int i = 0; i < 400; ++i) {
      for (const PeerId liar : setup.liars) Liar(cluster, liar, setup.peers).lie();
      cluster.run_for(Duration(cluster.random()() % 10'000));
      if (i % 50 == 49) {  // a correct one, at any instant
        const PeerId peer = setup.peers - 1;
        cluster.crash(peer);
        cluster.restart(peer);
      }
    }
    ASSERT_TRUE(cluster.run_to_target(120s)) << cluster.highest_view();
    highest = std::max(highest, cluster.highest_view());
    if (HasFailure()) return;
  }
  EXPECT_GT(highest, 2U);
}

}  // namespace
}  // namespace steward::agreement
