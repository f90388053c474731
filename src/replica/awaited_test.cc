// What servers may ask a site to reach, and what it costs.
#include "replica/awaited.h"

#include <gtest/gtest.h>

namespace steward::replica {
namespace {

constexpr Sequence kReach = 32;

class AwaitedTest : public testing::Test {
 protected:
  void ask(ServerIndex from, Sequence sequence) { awaited_.ask(from, sequence, stable_, at_); }
  void reach(Sequence sequence) {
    at_ = sequence;
    stable_ = sequence / 8 * 8;
  }
  std::optional<Sequence> highest() const { return awaited_.highest(at_); }
  Duration pace() const { return awaited_.pace(at_); }

  Sequence stable_ = 0;
  Sequence at_ = 0;
  Awaited awaited_{{kReach, 100ms}};
};

TEST_F(AwaitedTest, TheHighestThatAnyServerWaitsForUntilItIsReached) {
  EXPECT_EQ(highest(), std::nullopt);
  ask(1, 8);
  ask(2, 16);
  EXPECT_EQ(highest(), 16U);
  reach(10);
  EXPECT_EQ(highest(), 16U);
  reach(16);
  EXPECT_EQ(highest(), std::nullopt);
}

TEST_F(AwaitedTest, NothingBeyondReachNorBelow) {
  reach(8);
  ask(1, 8 + kReach + 1);
  ask(2, ~Sequence{0});
  ask(3, 8);
  ask(4, 0);
  EXPECT_EQ(highest(), std::nullopt);
  ask(1, 8 + kReach);
  EXPECT_EQ(highest(), 8 + kReach);
}

TEST_F(AwaitedTest, OneSequenceAtATimeOfEachServer) {
  ask(1, 8);
  ask(1, 24);
  EXPECT_EQ(highest(), 8U);
  reach(8);
  ask(1, 24);
  EXPECT_EQ(highest(), 24U);
}

TEST_F(AwaitedTest, WhoAsksAgainAndAgainGetsSlowerAndSlower) {
  ask(1, 8);
  EXPECT_EQ(pace(), Awaited::kQuickest);
  for (int round = 0; round < 100; ++round) {
    const Duration before = pace();
    reach(at_ + 8);
    ask(1, at_ + 8);
    EXPECT_EQ(pace(), std::min(2 * before, Duration(100ms)));
  }
  ask(2, at_ + 8);  // its own affair
  EXPECT_EQ(pace(), Awaited::kQuickest);
}

TEST_F(AwaitedTest, SayingTheSameAgainCostsNothing) {
  for (int round = 0; round < 10; ++round) ask(1, 8);
  EXPECT_EQ(pace(), Awaited::kQuickest);
}

}  // namespace
}  // namespace steward::replica
