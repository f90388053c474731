// Whether a server finds out that it has forgotten, and when it may vote again.
#include "replica/readmission.h"

#include <gtest/gtest.h>

#include <deque>
#include <memory>

#include "agreement/progress_watch.h"
#include "agreement/testing/driver.h"
#include "replica/testing/introduced_site.h"

namespace steward::replica {
namespace {

using State = Readmission::State;

struct Shape {
  std::uint32_t peers;
  std::uint32_t faults;
  bool byzantine;
};
class EveryShape : public testing::TestWithParam<Shape> {
 protected:
  Site site_{GetParam().peers, GetParam().faults, GetParam().byzantine};
  ServerIndex last() const { return GetParam().peers - 1; }
};

TEST_P(EveryShape, ANewSiteComesUp) {
  site_.start_all();
  for (ServerIndex one = 0; one < site_.peers(); ++one) EXPECT_EQ(site_.state(one), State::kVoting);
}

TEST_P(EveryShape, ANewServerDoesNotVoteOnItsOwnWord) {
  site_.start(0);
  site_.run();
  EXPECT_EQ(site_.state(0), State::kAsking);
}

TEST_P(EveryShape, AllRestartAtOnce) {
  site_.start_all();
  for (ServerIndex one = 0; one < site_.peers(); ++one) site_.stop(one);
  site_.start_all();
  for (ServerIndex one = 0; one < site_.peers(); ++one) {
    EXPECT_EQ(site_.state(one), State::kVoting);
    EXPECT_EQ(site_.own(one).life().incarnation(), 2U);
    EXPECT_EQ(site_.own(one).life().since(), 0U);
  }
}

TEST_P(EveryShape, AnIntactServerVotesWithFOthersDown) {
  site_.start_all();
  for (ServerIndex one = 0; one < site_.faults(); ++one) site_.stop(one);
  site_.stop(last());
  site_.start(last());
  site_.run();
  EXPECT_EQ(site_.state(last()), State::kVoting);
}

TEST_P(EveryShape, AWipedServerKnowsItAndIsReadmittedBeyondItsBounds) {
  site_.start_all();
  for (ServerIndex one = 0; one < last(); ++one) site_.stand(one, 3, 5 * kInterval);
  site_.wipe(last());
  site_.stand(last(), 0, 0);
  site_.start(last());
  site_.run();
  site_.tick(last());
  ASSERT_EQ(site_.state(last()), State::kLearning);
  EXPECT_EQ(site_.lost(last()), 1U);
  EXPECT_GT(site_.own(last()).life().incarnation(), 1U);
  EXPECT_EQ(site_.reborn(0).at(last()), site_.own(last()).life().since());
  EXPECT_FALSE(site_.own(last()).bounded()) << "it has not seen what the others speak of";
  site_.stand(last(), 3, 5 * kInterval);
  ASSERT_TRUE(site_.own(last()).bounded());
  EXPECT_EQ(site_.own(last()).life().view_bound(), 3U);
  EXPECT_EQ(site_.own(last()).stable_bound(), 9 * kInterval);
  site_.stand(last(), 3, 8 * kInterval);
  EXPECT_EQ(site_.state(last()), State::kLearning);
  site_.stand(last(), 2, 9 * kInterval);
  EXPECT_EQ(site_.state(last()), State::kLearning) << "the view is below what it may have left";
  site_.stand(last(), 3, 9 * kInterval);
  EXPECT_EQ(site_.state(last()), State::kVoting);
  // From now on it restarts like any other.
  site_.stop(last());
  site_.start(last());
  site_.run();
  EXPECT_EQ(site_.state(last()), State::kVoting);
  EXPECT_GT(site_.own(last()).life().since(), 0U);
}

// It crashed before anybody answered: its disk holds its life by then, and nothing else. Of those
// that knew the life before, so many have lost the count that is in memory, as may fail.
TEST_P(EveryShape, AWipedServerThatCrashesWhileItAsksKnowsNoMoreThanBefore) {
  site_.start_all();
  std::set<ServerIndex> others;
  for (ServerIndex one = 0; one < last(); ++one) others.insert(one);
  std::vector<Readmission::Stored> older;
  for (ServerIndex one = 0; one < site_.faults(); ++one) older.push_back(site_.disk(one));
  site_.vote(last(), others);
  site_.vote(last(), others);
  site_.wipe(last());
  for (ServerIndex one = 0; one < last(); ++one) site_.stop(one);
  site_.start(last());
  site_.run();
  site_.stop(last());
  for (ServerIndex one = 0; one < site_.faults(); ++one) site_.put_disk(one, older[one]);
  for (ServerIndex one = site_.faults(); one < last(); ++one) site_.cut.insert({one, last()});
  for (ServerIndex one = 0; one <= last(); ++one) site_.start(one);
  site_.run();
  site_.tick(last());
  EXPECT_EQ(site_.state(last()), State::kAsking);
  site_.cut.clear();
  site_.tick(last());
  EXPECT_EQ(site_.state(last()), State::kLearning);
}

// It was started twice, so its number is higher than the one on record, and is asked before it
// asks.
TEST_P(EveryShape, WhatAWipedServerAnswersDoesNotReplaceWhatIsKnownOfIt) {
  site_.start_all();
  std::set<ServerIndex> others;
  for (ServerIndex one = 0; one < last(); ++one) others.insert(one);
  for (int votes = 0; votes < 9; ++votes) site_.vote(last(), others);
  for (ServerIndex one = 0; one < last(); ++one) site_.stop(one);
  site_.wipe(last());
  site_.start(last());
  site_.stop(last());
  site_.start(last());
  site_.run();
  for (ServerIndex one = 0; one < last(); ++one) site_.start(one);
  site_.run();
  site_.tick(last());
  EXPECT_EQ(site_.state(last()), State::kLearning);
}

TEST_P(EveryShape, AnOldBackupIsRecognisedAlsoOfTheSameRun) {
  site_.start_all();
  const auto backup = site_.disk(last());
  std::set<ServerIndex> others;
  for (ServerIndex one = 0; one < last(); ++one) others.insert(one);
  site_.vote(last(), others);
  site_.put_disk(last(), backup);
  site_.start(last());
  site_.run();
  EXPECT_EQ(site_.state(last()), State::kLearning);
}

TEST_P(EveryShape, TheSameDiskIsNoBackup) {
  site_.start_all();
  std::set<ServerIndex> others;
  for (ServerIndex one = 0; one < last(); ++one) others.insert(one);
  site_.vote(last(), others);
  site_.stop(last());
  site_.start(last());
  site_.run();
  EXPECT_EQ(site_.state(last()), State::kVoting);
  EXPECT_EQ(site_.lost(last()), 0U);
}

TEST_P(EveryShape, OfTwoCopiesTheSecondIsRefused) {
  site_.start_all();
  const auto copy = site_.disk(last());
  site_.stop(last());
  site_.start(last());
  site_.run();
  ASSERT_EQ(site_.state(last()), State::kVoting);
  site_.put_disk(last(), copy);
  site_.start(last());
  site_.run();
  EXPECT_EQ(site_.state(last()), State::kLearning);
}

// The highest number that is believed is not one after which nobody is.
TEST(Readmission, ALiarCannotUseUpTheNumbers) {
  Site site(7, 2, true);
  site.start_all();
  site.liars = {0};
  site.lie = [](const wire::Hello& hello) {
    wire::HelloAnswer answer;
    answer.set_nonce(hello.life().nonce());
    answer.set_refused(true);
    answer.mutable_known()->set_incarnation((std::uint64_t{1} << 48) - 1);
    return answer;
  };
  for (std::uint64_t losses = 0; losses < 2; ++losses) {
    site.wipe(6);
    site.start(6);
    for (int step = 0; step < 1000 && site.step(); ++step) {
    }
    ASSERT_LE(site.lost(6), losses + 2) << "it goes round and round";
    site.stand(6, 0, 4 * kInterval);
    EXPECT_EQ(site.state(6), State::kVoting);
  }
}

TEST_P(EveryShape, AVoteOfAnEarlierLifeDoesNotCount) {
  site_.start_all();
  const wire::Life old = site_.own(last()).life();
  site_.stop(last());
  site_.start(last());
  site_.run();
  Readmission::Actions actions;
  EXPECT_FALSE(site_.at(0).heard(last(), old, actions));
  EXPECT_TRUE(site_.at(0).heard(last(), site_.own(last()).life(), actions));
}

TEST_P(EveryShape, ACrashWhileLearningChangesNothing) {
  site_.start_all();
  site_.wipe(last());
  site_.start(last());
  site_.run();
  site_.tick(last());
  ASSERT_EQ(site_.state(last()), State::kLearning);
  ASSERT_TRUE(site_.own(last()).bounded());
  const std::uint64_t since = site_.own(last()).life().since();
  site_.stop(last());
  site_.start(last());
  ASSERT_EQ(site_.state(last()), State::kLearning);
  site_.stand(last(), 0, 4 * kInterval);
  EXPECT_EQ(site_.state(last()), State::kVoting) << "the others have answered this run too";
  EXPECT_EQ(site_.own(last()).life().since(), since);
}

TEST_P(EveryShape, ABackupOfAServerThatLearnsIsAsOldAsAnyOther) {
  site_.start_all();
  site_.wipe(last());
  site_.start(last());
  site_.run();
  site_.tick(last());
  const auto backup = site_.disk(last());
  site_.stand(last(), 0, 4 * kInterval);
  ASSERT_EQ(site_.state(last()), State::kVoting);
  std::set<ServerIndex> others;
  for (ServerIndex one = 0; one < last(); ++one) others.insert(one);
  site_.vote(last(), others);
  for (const ServerIndex one : others) site_.stand(one, 0, 20 * kInterval);
  site_.put_disk(last(), backup);
  site_.start(last());
  site_.run();
  site_.tick(last());
  EXPECT_EQ(site_.state(last()), State::kLearning) << "its bounds are those of the first loss";
  site_.stand(last(), 0, 20 * kInterval);
  EXPECT_EQ(site_.state(last()), State::kLearning);
  EXPECT_EQ(site_.own(last()).stable_bound(), 24 * kInterval);
}

TEST_P(EveryShape, AnswersToAnEarlierRunAreOfNoUse) {
  site_.start(last());
  wire::Introduction late;
  late.mutable_answer()->set_nonce(site_.own(last()).life().nonce() + 1);
  Readmission::Actions actions;
  for (ServerIndex one = 0; one < last(); ++one) {
    site_.at(last()).receive(one, {late, {}}, {}, actions);
  }
  EXPECT_FALSE(actions.admitted);
}

INSTANTIATE_TEST_SUITE_P(Sites, EveryShape,
                         testing::Values(Shape{4, 1, true}, Shape{7, 2, true}, Shape{5, 1, true},
                                         Shape{3, 1, false}, Shape{5, 2, false},
                                         Shape{4, 1, false}),
                         [](const auto& one) {
                           return (one.param.byzantine ? "Pbft" : "Paxos") +
                                  std::to_string(one.param.peers);
                         });

// --- liars

TEST(Liars, CannotLockACorrectServerOut) {
  Site site(7, 2, true);
  site.start_all();
  site.liars = {0, 1};
  site.lie = [](const wire::Hello& hello) {
    wire::HelloAnswer answer;
    answer.set_nonce(hello.life().nonce());
    answer.set_refused(true);
    answer.mutable_known()->set_incarnation(~0ULL);
    return answer;
  };
  site.stop(6);
  site.start(6);
  site.run();
  EXPECT_EQ(site.state(6), State::kVoting);
  EXPECT_EQ(site.lost(6), 0U);
}

// While a server has forgotten it is one of the f, so f - 1 others lie. Those that its last life
// never reached cannot know better either.
TEST(Liars, CannotGetAnAmnesiacServerToVote) {
  Site site(7, 2, true);
  site.start_all();
  site.stop(6);
  site.cut = {{4, 6}, {5, 6}};
  site.wipe(4);
  site.wipe(5);
  site.start(6);
  site.run();
  ASSERT_EQ(site.state(6), State::kVoting);
  site.wipe(6);
  site.put_disk(4, {});
  site.put_disk(5, {});
  site.start(4);
  site.start(5);
  site.cut = {{1, 6}, {2, 6}};  // slow
  site.liars = {0};
  site.lie = [](const wire::Hello& hello) {
    wire::HelloAnswer answer;
    answer.set_nonce(hello.life().nonce());
    *answer.mutable_known() = hello.life();
    return answer;
  };
  site.start(6);
  site.run();
  EXPECT_EQ(site.state(6), State::kAsking) << "three confirm, one refuses";
  site.cut.clear();
  site.tick(6);
  EXPECT_EQ(site.state(6), State::kLearning);
}

TEST(Liars, CannotKeepAnAmnesiacServerOutByBoundsOfTheirOwn) {
  Site site(4, 1, true);
  site.start_all();
  site.wipe(3);
  site.liars = {0};
  site.lie = [](const wire::Hello& hello) {
    wire::HelloAnswer answer;
    answer.set_nonce(hello.life().nonce());
    *answer.mutable_known() = hello.life();
    answer.set_view(1'000'000);
    answer.set_stable(1'000'000 * kInterval);
    return answer;
  };
  site.start(3);
  site.run();
  site.tick(3);
  ASSERT_EQ(site.state(3), State::kLearning);
  site.stand(3, 0, 4 * kInterval);
  EXPECT_EQ(site.state(3), State::kVoting);
}

TEST(Liars, CostAnAmnesiacServerANumberWithEachRefusal) {
  Site site(4, 1, true);
  site.start_all();
  site.wipe(3);
  site.liars = {0};
  site.lie = [](const wire::Hello& hello) {
    wire::HelloAnswer answer;
    answer.set_nonce(hello.life().nonce());
    answer.set_refused(true);
    answer.mutable_known()->set_incarnation(
        std::min<std::uint64_t>(hello.life().incarnation() + 1000, std::uint64_t{1} << 48));
    return answer;
  };
  site.start(3);
  for (int i = 0; i < 100 && site.state(3) != State::kLearning; ++i) site.tick(3);
  ASSERT_EQ(site.state(3), State::kLearning);
  site.stand(3, 0, 4 * kInterval);
  EXPECT_EQ(site.state(3), State::kVoting);
}

// It lost its memory twice, and of the first time only one peer knows, whom it does not reach: then
// that one's view changes show it what it said.
TEST(Readmission, AServerOutgrowsAMemoryThatItLostAgain) {
  Site site(4, 1, true);
  site.start_all();
  site.wipe(3);
  site.start(3);
  site.run();
  site.tick(3);
  const agreement::Birth later{site.own(3).life().since() + 5, 0, "signed"};
  const Readmission::Standing standing{2, 2, false, 4 * kInterval};
  site.stand(3, 0, 0);
  site.stand(3, 2, 4 * kInterval);
  ASSERT_EQ(site.state(3), State::kVoting);
  Readmission::Actions actions;
  site.at(3).shown(later, standing, actions);
  EXPECT_TRUE(actions.durable);
  EXPECT_EQ(site.state(3), State::kVoting);
  ASSERT_TRUE(actions.reborn.contains(3));
  EXPECT_GT(actions.reborn.at(3).since, later.since);
  EXPECT_EQ(actions.reborn.at(3).view, 2U) << "what it promised since then it knows";
  const std::uint64_t since = site.own(3).life().since();
  actions = {};
  site.at(3).shown(later, standing, actions);
  EXPECT_EQ(site.own(3).life().since(), since) << "once is enough";
}

// A server that never lost its memory says nothing of the kind, so nobody can show it any.
TEST(Readmission, AnIntactServerIsShownNothing) {
  Site site(4, 1, true);
  site.start_all();
  Readmission::Actions actions;
  site.at(3).shown({9, 0, "signed"}, {}, actions);
  EXPECT_FALSE(actions.durable);
  EXPECT_EQ(site.own(3).life().since(), 0U);
}

// --- what it waits for

std::vector<Sequence> awaited_in(const Readmission::Actions& actions) {
  std::vector<Sequence> awaited;
  for (const auto& [to, message] : actions.sends) {
    if (message.has_awaited()) awaited.push_back(message.awaited().sequence());
  }
  return awaited;
}

// Server 3 of four has lost its disk, and knows.
class Waiting : public testing::Test {
 protected:
  void SetUp() override {
    site.start_all();
    site.wipe(3);
    site.start(3);
    site.run();
    site.tick(3);
    ASSERT_EQ(site.state(3), State::kLearning);
  }

  Site site{4, 1, true};
};

TEST_F(Waiting, IsToldToAllUntilItIsReadmitted) {
  for (int repeat = 0; repeat < 3; ++repeat) {
    Readmission::Actions again;
    site.at(3).on_timer(again);
    EXPECT_EQ(awaited_in(again), std::vector<Sequence>(3, 4 * kInterval));
    EXPECT_TRUE(again.timer.has_value()) << "or it would say so only once";
  }
  site.stand(3, 0, 4 * kInterval);
  ASSERT_EQ(site.state(3), State::kVoting);
  Readmission::Actions later;
  site.at(3).on_timer(later);
  EXPECT_TRUE(awaited_in(later).empty());
}

TEST_F(Waiting, GoesOnAfterARestart) {
  site.stop(3);
  site.start(3);
  site.run();
  Readmission::Actions again;
  site.at(3).on_timer(again);
  EXPECT_EQ(awaited_in(again), std::vector<Sequence>(3, 4 * kInterval));
}

// --- what it is for

// Three acceptors. 0 and 2 have chosen a batch of which 1 knows nothing; then 2 loses its disk, and
// 0 is slow. Returns what 1 has chosen in the same place, if it could.
class SecondVote : public testing::Test {
 protected:
  struct Chosen {
    std::optional<crypto::Digest> at_zero;
    std::optional<crypto::Digest> at_one;
  };

  static agreement::Options options(agreement::PeerId self, bool voting) {
    agreement::Options options;
    options.self = self;
    options.quorums = {3, 1, false};
    options.checkpoint_interval = 8;
    options.view_change_timeout = 100ms;
    options.view_change_cap = 1s;
    options.voting = voting;
    return options;
  }

  void make(agreement::PeerId peer, bool voting) {
    drivers_[peer] =
        std::make_unique<agreement::Driver>(agreement::Protocol::kPaxos, options(peer, voting));
  }

  void carry(agreement::PeerId from, const agreement::Actions& actions) {
    for (const agreement::Commit& commit : actions.commits) {
      chosen_[from].emplace(commit.sequence, commit.batch->digest);
    }
    for (const agreement::Send& send : actions.sends) under_way_.emplace_back(from, send);
    while (!under_way_.empty()) {
      const auto [sender, send] = under_way_.front();
      under_way_.pop_front();
      for (agreement::PeerId to = 0; to < 3; ++to) {
        if ((send.to && *send.to != to) || away_.contains(to) || !drivers_[to]) continue;
        carry(to, drivers_[to]->receive(sender, send.body, send.batch));
      }
    }
  }

  Chosen play(bool forgetful_votes) {
    for (agreement::PeerId peer = 0; peer < 3; ++peer) make(peer, true);
    away_ = {1};
    carry(0, drivers_[0]->step(agreement::Propose{wire::make_batch({"first"})}));
    make(2, forgetful_votes);
    away_ = {0};
    carry(1, drivers_[1]->step(agreement::WorkExpected{true}));
    carry(1, drivers_[1]->step(agreement::TimerFired{agreement::ProgressWatch::kTimer}));
    if (drivers_[1]->core().can_propose()) {
      carry(1, drivers_[1]->step(agreement::Propose{wire::make_batch({"second"})}));
    }
    const auto at = [this](agreement::PeerId peer) -> std::optional<crypto::Digest> {
      const auto found = chosen_[peer].find(1);
      if (found == chosen_[peer].end()) return std::nullopt;
      return found->second;
    };
    return {at(0), at(1)};
  }

  std::map<agreement::PeerId, std::unique_ptr<agreement::Driver>> drivers_;
  std::map<agreement::PeerId, std::map<Sequence, crypto::Digest>> chosen_;
  std::set<agreement::PeerId> away_;
  std::deque<std::pair<agreement::PeerId, agreement::Send>> under_way_;
};

TEST_F(SecondVote, WouldBreakAgreement) {
  const Chosen chosen = play(true);
  ASSERT_TRUE(chosen.at_zero && chosen.at_one);
  EXPECT_NE(*chosen.at_zero, *chosen.at_one) << "what readmission is there to prevent";
}

TEST_F(SecondVote, IsNotCastByAServerThatIsNotReadmitted) {
  // What 2 may do in that situation: 1 has never heard of it, 0 is slow.
  Site site(3, 1, false);
  site.cut = {{1, 0}, {1, 2}};
  site.start_all();
  site.cut.clear();
  for (int i = 0; i < 3; ++i) site.tick(2);
  ASSERT_EQ(site.state(2), State::kVoting);
  site.wipe(2);
  site.wipe(1);
  site.start(1);
  site.cut = {{0, 1}, {0, 2}};
  site.start(2);
  site.run();
  EXPECT_EQ(site.state(2), State::kAsking);
  const Chosen chosen = play(site.at(2).voting());
  EXPECT_TRUE(chosen.at_zero.has_value());
  EXPECT_FALSE(chosen.at_one.has_value());
}

}  // namespace
}  // namespace steward::replica
