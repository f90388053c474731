// Cores that may not vote, and peers that have forgotten what they promised.
#include <gtest/gtest.h>

#include <algorithm>

#include "agreement/progress_watch.h"
#include "agreement/status_exchange.h"
#include "agreement/testing/driver.h"
#include "agreement/view_change.h"

namespace steward::agreement {
namespace {

Options options_of(Protocol protocol, PeerId self, bool voting) {
  Options options;
  options.self = self;
  options.quorums = protocol == Protocol::kPbft ? Quorums{4, 1, true} : Quorums{3, 1, false};
  options.checkpoint_interval = 4;
  options.view_change_timeout = 100ms;
  options.view_change_cap = 1s;
  options.voting = voting;
  return options;
}

template <class Body>
void fill(Body& body, View view, Sequence n, const crypto::Digest& digest) {
  body.set_view(view);
  body.set_sequence(n);
  body.set_digest(digest.str());
}

wire::BatchPtr batch() { return wire::make_batch({"an update"}); }

wire::AgreementMessage proposal(Protocol protocol, Sequence n) {
  wire::AgreementMessage body;
  if (protocol == Protocol::kPbft) {
    fill(*body.mutable_pre_prepare(), 0, n, batch()->digest);
  } else {
    fill(*body.mutable_proposal(), 0, n, batch()->digest);
  }
  return body;
}

wire::AgreementMessage echo(Protocol protocol, Sequence n) {
  wire::AgreementMessage body;
  if (protocol == Protocol::kPbft) {
    fill(*body.mutable_prepare(), 0, n, batch()->digest);
  } else {
    fill(*body.mutable_accept(), 0, n, batch()->digest);
  }
  return body;
}

wire::AgreementMessage commit_vote(Sequence n) {
  wire::AgreementMessage body;
  fill(*body.mutable_commit(), 0, n, batch()->digest);
  return body;
}

wire::AgreementMessage committed(Sequence n) {
  wire::AgreementMessage body;
  fill(*body.mutable_committed(), 0, n, batch()->digest);
  for (int i = 0; i < 3; ++i) body.mutable_committed()->add_proofs("proof");
  return body;
}

wire::AgreementMessage view_change(View view, std::uint64_t since) {
  wire::AgreementMessage body;
  body.mutable_view_change()->set_view(view);
  body.mutable_view_change()->mutable_checkpoint();
  body.mutable_view_change()->set_since(since);
  return body;
}

bool promises(const Actions& actions) {
  return std::any_of(actions.sends.begin(), actions.sends.end(),
                     [](const Send& send) { return send.promise; });
}

const Send* find(const Actions& actions, bool (wire::AgreementMessage::*has)() const) {
  for (const Send& send : actions.sends) {
    if ((send.body.*has)()) return &send;
  }
  return nullptr;
}

class Silence : public testing::TestWithParam<Protocol> {
 protected:
  PeerId peers() const { return GetParam() == Protocol::kPbft ? 4 : 3; }
};

TEST_P(Silence, LearnsAndPromisesNothing) {
  const Protocol protocol = GetParam();
  const PeerId self = peers() - 1;
  Driver driver(protocol, options_of(protocol, self, false));
  const auto quiet = [&](const Actions& actions) { EXPECT_FALSE(promises(actions)); };
  quiet(driver.step(WorkExpected{true}));
  for (Sequence n = 1; n <= 4; ++n) {
    quiet(driver.receive(0, proposal(protocol, n), batch()));
    for (PeerId peer = 1; peer < self; ++peer) quiet(driver.receive(peer, echo(protocol, n)));
    if (protocol == Protocol::kPbft) {
      for (PeerId peer = 0; peer < self; ++peer) quiet(driver.receive(peer, commit_vote(n)));
    }
    EXPECT_FALSE(driver.record(n, kProposedRecord) || driver.record(n, kPreparedRecord));
    const Actions learned = driver.receive(0, committed(n), batch());
    quiet(learned);
    EXPECT_EQ(learned.commits.size(), 1U);
  }
  quiet(driver.step(CheckpointTaken{4, batch()->digest}));
  quiet(driver.step(TimerFired{ProgressWatch::kTimer}));
  quiet(driver.step(SuspectLeader{0}));
  for (PeerId peer = 0; peer < self; ++peer) quiet(driver.receive(peer, view_change(1, 0)));
  quiet(driver.restart());
  EXPECT_EQ(driver.core().progress().committed, 4U);
}

TEST_P(Silence, EndsWithWhatTheRecordsShow) {
  const Protocol protocol = GetParam();
  const PeerId self = peers() - 1;
  Driver driver(protocol, options_of(protocol, self, true));
  EXPECT_TRUE(promises(driver.receive(0, proposal(protocol, 1), batch())));
  Options silent = options_of(protocol, self, false);
  std::vector<Record> records;
  for (const std::uint8_t kind : {kViewRecord, kProposedRecord}) {
    const auto record = driver.record(kind == kViewRecord ? 0 : 1, kind);
    ASSERT_TRUE(record);
    records.push_back(*record);
  }
  auto core = open_core(protocol, silent, records);
  ASSERT_TRUE(core.ok());
  Actions actions;
  (*core)->start(actions);
  EXPECT_FALSE(promises(actions));
  actions = {};
  (*core)->step(StartVoting{}, actions);
  const auto has = protocol == Protocol::kPbft ? &wire::AgreementMessage::has_prepare
                                               : &wire::AgreementMessage::has_accept;
  EXPECT_NE(find(actions, has), nullptr) << "the vote is repeated";
}

TEST_P(Silence, ALostMemoryLeavesNoViewChangeBehind) {
  const Protocol protocol = GetParam();
  Driver driver(protocol, options_of(protocol, 2, true));
  driver.step(WorkExpected{true});
  driver.step(TimerFired{ProgressWatch::kTimer});
  ASSERT_TRUE(driver.core().progress().changing);
  driver.step(MemoryLost{7});
  EXPECT_FALSE(driver.core().progress().changing);
  EXPECT_EQ(driver.core().progress().view, 0U);
  // The record is of another memory, also after a restart.
  Options reborn = options_of(protocol, 2, true);
  reborn.since = 7;
  const auto record = driver.record(0, kViewChangeRecord);
  ASSERT_TRUE(record);
  auto core = open_core(protocol, reborn, std::vector<Record>{*record});
  ASSERT_TRUE(core.ok());
  EXPECT_FALSE((*core)->progress().changing);
}

// The leader of view 1, and what the others send it.
TEST_P(Silence, AForgottenViewChangeDoesNotCount) {
  const Protocol protocol = GetParam();
  Driver driver(protocol, options_of(protocol, 1, true));
  driver.step(WorkExpected{true});
  const Actions left = driver.step(TimerFired{ProgressWatch::kTimer});
  const Send* own = find(left, &wire::AgreementMessage::has_view_change);
  ASSERT_NE(own, nullptr);
  driver.loop_back(*own);
  driver.step(PeerReborn{2, {7, 0}});
  if (protocol == Protocol::kPbft) driver.receive(3, view_change(1, 0));
  driver.receive(2, view_change(1, 0));
  EXPECT_EQ(driver.rejected("forgotten by its sender"), 1U);
  EXPECT_TRUE(driver.core().progress().changing);
  driver.receive(2, view_change(1, 7));
  for (int tick = 0; tick < 2; ++tick) driver.step(TimerFired{StatusExchange::kTimer});
  EXPECT_FALSE(driver.core().progress().changing);
}

TEST_P(Silence, AViewChangeIsForgottenAlsoAfterItCame) {
  const Protocol protocol = GetParam();
  Driver driver(protocol, options_of(protocol, 1, true));
  driver.step(WorkExpected{true});
  const Actions left = driver.step(TimerFired{ProgressWatch::kTimer});
  driver.receive(2, view_change(1, 0));
  driver.step(PeerReborn{2, {7, 0}});
  if (protocol == Protocol::kPbft) driver.receive(3, view_change(1, 0));
  driver.loop_back(*find(left, &wire::AgreementMessage::has_view_change));
  EXPECT_TRUE(driver.core().progress().changing);
}

INSTANTIATE_TEST_SUITE_P(Protocols, Silence, testing::Values(Protocol::kPbft, Protocol::kPaxos),
                         [](const auto& one) {
                           return one.param == Protocol::kPbft ? "Pbft" : "Paxos";
                         });

TEST(SilencePbft, AViewMadeOfAForgottenViewChangeIsNotInstalled) {
  for (const bool forgotten : {false, true}) {
    Driver driver(Protocol::kPbft, options_of(Protocol::kPbft, 0, true));
    wire::AgreementMessage announced;
    announced.mutable_new_view()->set_view(1);
    for (const PeerId peer : {1U, 2U, 3U}) {
      wire::ViewChangeRef& ref = *announced.mutable_new_view()->add_view_changes();
      ref.set_peer(peer);
      ref.set_digest(hold(peer, view_change(1, 0).view_change(), {})->digest.str());
    }
    driver.receive(1, announced);
    driver.receive(3, view_change(1, 0));
    if (forgotten) driver.step(PeerReborn{3, {7, 0}});
    driver.receive(1, view_change(1, 0));
    driver.receive(2, view_change(1, 0));
    driver.receive(3, view_change(1, 0));
    EXPECT_EQ(driver.core().progress().installed, forgotten ? 0U : 1U);
  }
}

// The new leader has not heard itself that 2 forgot.
TEST(SilencePaxos, TheOthersTellANewLeaderWhatIsForgotten) {
  Options options = options_of(Protocol::kPaxos, 1, true);
  options.quorums = {5, 2, false};
  Driver driver(Protocol::kPaxos, options);
  driver.step(WorkExpected{true});
  const Actions left = driver.step(TimerFired{ProgressWatch::kTimer});
  driver.receive(2, view_change(1, 0));
  driver.loop_back(*find(left, &wire::AgreementMessage::has_view_change));
  wire::AgreementMessage knows = view_change(1, 0);
  for (const std::uint64_t since : {0U, 0U, 7U, 0U, 0U})
    knows.mutable_view_change()->add_known(since);
  driver.receive(3, knows);
  EXPECT_TRUE(driver.core().progress().changing) << "two are not three";
  driver.receive(4, view_change(1, 0));
  EXPECT_FALSE(driver.core().progress().changing);
}

}  // namespace
}  // namespace steward::agreement
