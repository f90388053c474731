#include "net/shaper.h"

#include <gtest/gtest.h>

namespace steward::net {
namespace {

LinkConfig link(Duration latency, std::uint64_t rate_bits_per_s, double loss = 0) {
  return {latency, rate_bits_per_s, loss};
}

TEST(Shaper, LatencyAlone) {
  Shaper shaper(link(50ms, 0), Shaper::Loss::kDrop, 1);
  EXPECT_EQ(shaper.pass(0ms, 1 << 20), 50ms);
  EXPECT_EQ(shaper.pass(7us, 1), 50ms + 7us);
}

TEST(Shaper, MessagesLeaveOneAfterTheOtherAtTheRate) {
  Shaper shaper(link(50ms, 10'000'000), Shaper::Loss::kDrop, 1);
  EXPECT_EQ(shaper.pass(1ms, 1250), 52ms);   // 10,000 bits take 1 ms
  EXPECT_EQ(shaper.pass(1ms, 1250), 53ms);   // waits for the first
  EXPECT_EQ(shaper.pass(20ms, 1250), 71ms);  // the link was idle meanwhile
}

TEST(Shaper, SmallMessagesAddUpWithoutRounding) {
  Shaper shaper(link(0ms, 1'000'000'000), Shaper::Loss::kDrop, 1);
  std::optional<Duration> last;
  for (int i = 0; i < 10'000; ++i) last = shaper.pass(0ms, 50);  // 0.4 us each
  EXPECT_EQ(last, 4ms);
}

TEST(Shaper, HugeMessagesOnSlowLinksDoNotOverflow) {
  Shaper shaper(link(0ms, 1000), Shaper::Loss::kDrop, 1);
  EXPECT_EQ(shaper.pass(0ms, 16 << 20), Duration((16LL << 20) * 8 * 1000));
}

TEST(Shaper, LossDropsAboutTheFractionAsked) {
  Shaper shaper(link(50ms, 0, 0.1), Shaper::Loss::kDrop, 7);
  int lost = 0;
  for (int i = 0; i < 10'000; ++i) lost += shaper.pass(Duration(i), 100) ? 0 : 1;
  EXPECT_GT(lost, 850);
  EXPECT_LT(lost, 1150);
  EXPECT_EQ(shaper.lost_messages(), static_cast<std::uint64_t>(lost));
}

TEST(Shaper, LossOverTcpIsARoundTripLateForThisAndWhatFollows) {
  Shaper shaper(link(50ms, 0, 0.2), Shaper::Loss::kDelay, 3);
  Duration previous{0};
  int late = 0;
  for (int i = 0; i < 1000; ++i) {
    const Duration now = i * 1ms;
    const auto arrival = shaper.pass(now, 100);
    ASSERT_TRUE(arrival);
    ASSERT_GE(*arrival, previous);
    ASSERT_GE(*arrival, now + 50ms);
    ASSERT_LE(*arrival, now + 150ms);
    late += *arrival == now + 150ms ? 1 : 0;
    previous = *arrival;
  }
  EXPECT_EQ(static_cast<std::uint64_t>(late), shaper.lost_messages());
  EXPECT_GT(late, 150);
}

TEST(Shaper, EqualSeedsGiveEqualOutcomes) {
  Shaper one(link(5ms, 1'000'000, 0.3), Shaper::Loss::kDrop, 42);
  Shaper same(link(5ms, 1'000'000, 0.3), Shaper::Loss::kDrop, 42);
  Shaper other(link(5ms, 1'000'000, 0.3), Shaper::Loss::kDrop, 43);
  bool differs = false;
  for (int i = 0; i < 200; ++i) {
    const auto outcome = one.pass(i * 1ms, 100);
    ASSERT_EQ(outcome, same.pass(i * 1ms, 100));
    differs = differs || outcome != other.pass(i * 1ms, 100);
  }
  EXPECT_TRUE(differs);
}

TEST(Shaper, ACutLinkDropsAndForgetsWhatWaited) {
  Shaper shaper(link(10ms, 8000), Shaper::Loss::kDelay, 1);
  EXPECT_EQ(shaper.pass(0ms, 1000), 1010ms);  // a second to leave
  shaper.set_cut(true);
  EXPECT_FALSE(shaper.pass(1ms, 1));
  EXPECT_FALSE(shaper.pass(2ms, 1));
  EXPECT_EQ(shaper.cut_messages(), 2U);
  shaper.set_cut(false);
  EXPECT_EQ(shaper.pass(3ms, 1), 14ms);
}

}  // namespace
}  // namespace steward::net
