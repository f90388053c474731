// Cores that are far from each other: they leave a view together, and speak only when they must.
#include <gtest/gtest.h>

#include <algorithm>

#include "agreement/progress_watch.h"
#include "agreement/status_exchange.h"
#include "agreement/testing/driver.h"

namespace steward::agreement {
namespace {

Options options_of(Protocol protocol, PeerId self) {
  Options options;
  options.self = self;
  options.quorums = protocol == Protocol::kPbft ? Quorums{4, 1, true} : Quorums{3, 1, false};
  options.checkpoint_interval = 4;
  options.view_change_timeout = 100ms;
  options.view_change_cap = 1s;
  options.status_interval = options.idle_status_interval = 25ms;
  options.reliable = true;
  options.asks_first = true;
  return options;
}

wire::BatchPtr batch() { return wire::make_batch({"an update"}); }

wire::AgreementMessage status(View view, bool impatient) {
  wire::AgreementMessage body;
  body.mutable_status()->set_view(view);
  body.mutable_status()->set_impatient(impatient);
  return body;
}

wire::AgreementMessage echo(Protocol protocol, Sequence n) {
  wire::AgreementMessage body;
  const auto fill = [&](auto& vote) {
    vote.set_sequence(n);
    vote.set_digest(batch()->digest.str());
  };
  if (protocol == Protocol::kPbft) {
    fill(*body.mutable_prepare());
  } else {
    fill(*body.mutable_accept());
  }
  return body;
}

wire::AgreementMessage proposal(Protocol protocol, Sequence n, const wire::BatchPtr& batch) {
  wire::AgreementMessage body;
  const auto fill = [&](auto& vote) {
    vote.set_sequence(n);
    vote.set_digest(batch->digest.str());
  };
  if (protocol == Protocol::kPbft) {
    fill(*body.mutable_pre_prepare());
  } else {
    fill(*body.mutable_proposal());
  }
  return body;
}

wire::AgreementMessage committed(Sequence n, const wire::BatchPtr& batch) {
  wire::AgreementMessage body;
  body.mutable_committed()->set_sequence(n);
  body.mutable_committed()->set_digest(batch->digest.str());
  for (int i = 0; i < 3; ++i) body.mutable_committed()->add_proofs("proof");
  return body;
}
wire::AgreementMessage committed(Sequence n) { return committed(n, batch()); }

// The sequences of the batches that are shown, in order.
std::vector<Sequence> shown(const Actions& actions) {
  std::vector<Sequence> out;
  for (const Send& send : actions.sends) {
    if (send.body.has_committed()) out.push_back(send.body.committed().sequence());
  }
  return out;
}

bool says(const Actions& actions, bool (wire::AgreementMessage::*has)() const) {
  return std::any_of(actions.sends.begin(), actions.sends.end(),
                     [&](const Send& send) { return (send.body.*has)(); });
}

bool is_impatient(const Actions& actions) {
  return std::any_of(actions.sends.begin(), actions.sends.end(), [](const Send& send) {
    return !send.to && send.body.has_status() && send.body.status().impatient();
  });
}

std::optional<Duration> armed(const Actions& actions, TimerId timer) {
  std::optional<Duration> after;
  for (const TimerChange& change : actions.timers) {
    if (change.timer == timer) after = change.after;
  }
  return after;
}

class Patience : public testing::TestWithParam<Protocol> {
 protected:
  // Its time-out has run out.
  Actions lose_patience() {
    core_.step(WorkExpected{true});
    return core_.step(TimerFired{ProgressWatch::kTimer});
  }
  bool changing() { return core_.core().progress().changing; }

  Driver core_{GetParam(), options_of(GetParam(), 1)};
};
INSTANTIATE_TEST_SUITE_P(Protocols, Patience, testing::Values(Protocol::kPbft, Protocol::kPaxos),
                         [](const auto& protocol) {
                           return protocol.param == Protocol::kPbft ? "pbft" : "paxos";
                         });

TEST_P(Patience, OneAloneStaysAndSaysSoLessAndLessOften) {
  Actions actions = lose_patience();
  for (int times = 0; times < 3; ++times) {
    EXPECT_TRUE(is_impatient(actions));
    EXPECT_FALSE(changing());
    const auto before = armed(actions, ProgressWatch::kTimer);
    ASSERT_TRUE(before);
    actions = core_.step(TimerFired{ProgressWatch::kTimer});
    EXPECT_EQ(armed(actions, ProgressWatch::kTimer), 2 * *before);
  }
}

TEST_P(Patience, TwoLeaveTogether) {
  lose_patience();
  EXPECT_TRUE(says(core_.receive(2, status(0, true)), &wire::AgreementMessage::has_view_change));
  EXPECT_TRUE(changing());
}

TEST_P(Patience, OneThatIsPatientDoesNotFollowWords) {
  core_.receive(2, status(0, true));
  EXPECT_FALSE(changing());
  EXPECT_TRUE(says(lose_patience(), &wire::AgreementMessage::has_view_change));
}

TEST_P(Patience, WhoIsPatientAgainSaysSo) {
  lose_patience();
  const Actions actions = core_.receive(0, committed(1), batch());
  EXPECT_TRUE(says(actions, &wire::AgreementMessage::has_status));
  EXPECT_FALSE(is_impatient(actions));
  core_.receive(2, status(0, true));
  EXPECT_FALSE(changing());
  core_.receive(2, status(0, false));
  core_.step(TimerFired{ProgressWatch::kTimer});
  EXPECT_FALSE(changing()) << "the other one is patient again";
}

TEST_P(Patience, ASuspicionOfTheHostIsAlsoSharedFirst) {
  EXPECT_TRUE(is_impatient(core_.step(SuspectLeader{0})));
  EXPECT_FALSE(changing());
  core_.receive(0, committed(1), batch());
  core_.receive(2, status(0, true));
  EXPECT_TRUE(changing()) << "progress does not end it";
}

TEST_P(Patience, ItIsPartOfTheState) {
  lose_patience();
  const Bytes saved = core_.core().save();
  Driver other(GetParam(), options_of(GetParam(), 1));
  ASSERT_TRUE(other.core().restore(saved));
  EXPECT_EQ(other.core().save(), saved);
  other.receive(2, status(0, true));
  EXPECT_TRUE(other.core().progress().changing);
}

TEST_P(Patience, ALinkThatSkippedSomethingBringsAStatus) {
  const Actions actions = core_.step(LinkSkipped{2});
  ASSERT_EQ(actions.sends.size(), 1U);
  EXPECT_EQ(actions.sends[0].to, std::optional<PeerId>(2));
  EXPECT_TRUE(actions.sends[0].body.has_status());
}

// Of a core with nothing to do there is no timer; one that stands still asks at growing intervals.
TEST(Reliable, StatusesOnlyWhileWorkIsUnfinished) {
  Driver leader(Protocol::kPaxos, options_of(Protocol::kPaxos, 0));
  EXPECT_FALSE(armed(leader.restart(), StatusExchange::kTimer));
  Actions actions = leader.step(Propose{batch()});
  Duration expected = 25ms;
  for (int times = 0; times < 7; ++times) {
    EXPECT_EQ(armed(actions, StatusExchange::kTimer), expected);
    actions = leader.step(TimerFired{StatusExchange::kTimer});
    EXPECT_TRUE(says(actions, &wire::AgreementMessage::has_status));
    expected = std::min<Duration>(2 * expected, 32 * 25ms);
  }
  leader.receive(1, committed(1), batch());
  actions = leader.step(TimerFired{StatusExchange::kTimer});
  EXPECT_FALSE(says(actions, &wire::AgreementMessage::has_status));
  EXPECT_FALSE(armed(actions, StatusExchange::kTimer));
}

class PassedBy : public testing::TestWithParam<Protocol> {
 protected:
  static Options options() {
    Options options = options_of(GetParam(), 1);
    options.checkpoint_interval = 16;
    return options;
  }
  // All but the leader vote; whom this core asks then.
  std::optional<PeerId> asks_after_votes(Sequence n) {
    std::optional<PeerId> asked;
    const PeerId peers = GetParam() == Protocol::kPbft ? 4 : 3;
    for (PeerId voter = 2; voter < peers; ++voter) {
      for (const Send& send : core_.receive(voter, echo(GetParam(), n)).sends) {
        if (send.body.has_status()) asked = send.to;
      }
    }
    return asked;
  }

  Driver core_{GetParam(), options()};
};
INSTANTIATE_TEST_SUITE_P(Protocols, PassedBy, testing::Values(Protocol::kPbft, Protocol::kPaxos),
                         [](const auto& protocol) {
                           return protocol.param == Protocol::kPbft ? "pbft" : "paxos";
                         });

// It hears votes, and not the leader: a voter shows it what is committed. One question at a time.
TEST_P(PassedBy, WhoHearsVotesOnlyAsksAVoterAgainAndAgain) {
  const std::optional<PeerId> voter = GetParam() == Protocol::kPbft ? 3 : 2;
  for (Sequence n = 1; n <= 4; ++n) EXPECT_EQ(asks_after_votes(n), std::nullopt) << "in flight";
  EXPECT_EQ(asks_after_votes(5), voter);
  for (Sequence n = 6; n <= 9; ++n) EXPECT_EQ(asks_after_votes(n), std::nullopt) << "was asked";
  core_.receive(2, committed(1), batch());
  EXPECT_EQ(asks_after_votes(10), voter);

  Driver other(GetParam(), options());
  ASSERT_TRUE(other.core().restore(core_.core().save()));
  EXPECT_EQ(other.core().save(), core_.core().save());

  for (Sequence n = 11; n <= 25; ++n) EXPECT_EQ(asks_after_votes(n), std::nullopt) << "was asked";
  EXPECT_EQ(asks_after_votes(26), voter) << "no answer";
}

TEST_P(PassedBy, WhoHearsTheLeaderAsksNobody) {
  const auto other = wire::make_batch({"another update"});
  core_.receive(0, proposal(GetParam(), 1, other), other);
  for (Sequence n = 2; n <= 32; ++n) EXPECT_EQ(asks_after_votes(n), std::nullopt);
}

// Far away an answer takes long, so it is a large one; its end says whether there is more.
TEST(Reliable, AStatusIsAnsweredWith32Batches) {
  Options options = options_of(Protocol::kPaxos, 1);
  options.checkpoint_interval = 32;
  Driver core(Protocol::kPaxos, options);
  for (Sequence n = 1; n <= 40; ++n) core.receive(0, committed(n), batch());
  wire::AgreementMessage behind = status(0, false);
  Actions actions = core.receive(2, behind);
  ASSERT_EQ(shown(actions).size(), 32U);
  EXPECT_EQ(shown(actions).back(), 32U);
  EXPECT_TRUE(actions.sends.back().body.has_status());
  behind.mutable_status()->set_committed(32);
  actions = core.receive(2, behind);
  EXPECT_EQ(shown(actions).size(), 8U);
  EXPECT_FALSE(says(actions, &wire::AgreementMessage::has_status));
}

// Who is behind learns late that it is: what is kept for it reaches two checkpoint intervals back,
// but has a limit in bytes, too.
TEST(Reliable, ATailOfTwoIntervalsIsKeptWithinItsBytes) {
  const auto first_kept = [](const wire::BatchPtr& batch) {
    Driver core(Protocol::kPaxos, options_of(Protocol::kPaxos, 1));
    for (Sequence n = 1; n <= 16; ++n) {
      core.receive(0, committed(n, batch), batch);
      if (n % 4 == 0) core.step(CheckpointTaken{n, crypto::sha256("state")});
    }
    EXPECT_EQ(core.core().progress().stable, 16U);
    const std::vector<Sequence> kept = shown(core.receive(2, status(0, false)));
    return kept.empty() ? 0 : kept.front();
  };
  EXPECT_EQ(first_kept(batch()), 9U);
  EXPECT_EQ(first_kept(wire::make_batch({Bytes(1 << 20, 'u')})), 14U);
}

wire::AgreementMessage new_view(View view) {
  wire::AgreementMessage body;
  body.mutable_new_view()->set_view(view);
  return body;
}

std::vector<crypto::Digest> released(const Actions& actions) {
  std::vector<crypto::Digest> out;
  for (const wire::BatchPtr& batch : actions.released) out.push_back(batch->digest);
  return out;
}

// What a leader had proposed alone goes back to its host when another view begins.
TEST(Reliable, WhatNobodyBindsIsReleased) {
  Driver leader(Protocol::kPaxos, options_of(Protocol::kPaxos, 0));
  leader.loop_back(leader.step(Propose{batch()}).sends.at(0));
  EXPECT_EQ(released(leader.receive(1, new_view(1))), std::vector{batch()->digest});
}

// So does what it learns to be passed over, before it hears of the view in which that happened.
TEST(Reliable, WhatAnotherBatchReplacesIsReleased) {
  for (const Protocol protocol : {Protocol::kPaxos, Protocol::kPbft}) {
    const auto other = wire::make_batch({"another update"});
    Driver leader(protocol, options_of(protocol, 0));
    leader.loop_back(leader.step(Propose{batch()}).sends.at(0));
    leader.loop_back(leader.step(Propose{batch()}).sends.at(0));
    EXPECT_EQ(released(leader.receive(1, committed(1, other), other)),
              std::vector{batch()->digest});
    EXPECT_TRUE(released(leader.receive(1, committed(2), batch())).empty());
  }
}

// The next leader proposes it again, in vain: then the host of who proposed it first has to know.
TEST(Reliable, WhatWasProposedAgainInVainIsReleased) {
  Driver first(Protocol::kPaxos, options_of(Protocol::kPaxos, 0));
  first.loop_back(first.step(Propose{batch()}).sends.at(0));
  first.receive(1, new_view(1));
  wire::AgreementMessage again = proposal(Protocol::kPaxos, 1, batch());
  again.mutable_proposal()->set_view(1);
  EXPECT_TRUE(says(first.receive(1, again, batch()), &wire::AgreementMessage::has_accept));
  EXPECT_EQ(released(first.receive(2, new_view(2))), std::vector{batch()->digest});
}

}  // namespace
}  // namespace steward::agreement
