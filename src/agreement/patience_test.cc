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

wire::AgreementMessage committed(Sequence n) {
  wire::AgreementMessage body;
  body.mutable_committed()->set_sequence(n);
  body.mutable_committed()->set_digest(batch()->digest.str());
  for (int i = 0; i < 3; ++i) body.mutable_committed()->add_proofs("proof");
  return body;
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

// What a leader had proposed alone goes back to its host when another view begins.
TEST(Reliable, WhatNobodyBindsIsReleased) {
  Driver leader(Protocol::kPaxos, options_of(Protocol::kPaxos, 0));
  leader.loop_back(leader.step(Propose{batch()}).sends.at(0));
  wire::AgreementMessage new_view;
  new_view.mutable_new_view()->set_view(1);
  const Actions actions = leader.receive(1, new_view);
  ASSERT_EQ(actions.released.size(), 1U);
  EXPECT_EQ(actions.released[0]->digest, batch()->digest);
}

}  // namespace
}  // namespace steward::agreement
