#include "replica/state_donor.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <utility>

#include "wire/limits.h"

namespace steward::replica {
namespace {

constexpr std::uint64_t kTicks = Duration(1'000'000) / StateDonor::kTick;

Pages state(PageKey pages, std::size_t bytes) {
  PageSet set;
  for (PageKey key = 0; key < pages; ++key) {
    set.apply({{key, Bytes(bytes, static_cast<char>('a' + key % 26))}}, 0);
  }
  return set.pages();
}

wire::StateRequest request(Sequence sequence, PageKey first = 0, PageKey pages = 0) {
  wire::StateRequest out;
  out.set_sequence(sequence);
  out.set_number(sequence + first);
  for (PageKey key = first; key < first + pages; ++key) out.add_pages(key);
  return out;
}

// What was answered to whom since the last call.
class Giving : public ::testing::Test {
 protected:
  void ask(StateDonor& donor, ServerIndex from, const wire::StateRequest& request) {
    donor.on_request(from, request, answers_);
  }
  std::vector<ServerIndex> served() {
    std::vector<ServerIndex> to;
    for (const auto& [server, answer] : std::exchange(answers_, {})) {
      to.push_back(server);
      bytes_ += answer.ByteSizeLong();
    }
    return to;
  }
  wire::StateAnswer only_answer() {
    EXPECT_EQ(answers_.size(), 1U);
    return std::exchange(answers_, {}).at(0).second;
  }
  bool has(StateDonor& donor, ServerIndex from, Sequence sequence) {
    ask(donor, from, request(sequence));
    return !only_answer().lacking();
  }

  StateDonor::Answers answers_;
  std::uint64_t bytes_ = 0;
};

TEST_F(Giving, AnswersNameTheRequestAndSayWhatIsLacking) {
  StateDonor donor(1, 0);
  donor.keep(8, state(300, 10));
  ask(donor, 2, request(8));
  wire::StateAnswer answer = only_answer();
  EXPECT_EQ(answer.sequence(), 8U);
  EXPECT_EQ(answer.number(), 8U);
  EXPECT_EQ(decode_groups(answer.list())->size(), 2U);
  ask(donor, 2, request(9));
  answer = only_answer();
  EXPECT_TRUE(answer.lacking());
  EXPECT_EQ(answer.sequence(), 9U);
  EXPECT_EQ(answer.number(), 9U);
}

TEST_F(Giving, AnswersAreBounded) {
  const Pages pages = state(30, 100'000);
  wire::StateRequest all = request(8, 1000, 1);
  for (int round = 0; round < 100; ++round) {
    for (PageKey key = 0; key < 30; ++key) all.add_pages(key);
  }
  const wire::StateAnswer few = answer_request(all, pages);
  EXPECT_EQ(few.pages_size(), 6);
  EXPECT_LT(few.ByteSizeLong(), 2 * StateDonor::kAnswerBytes);
  const Pages small = state(3000, 1);
  wire::StateRequest many = request(8, 0, 3000);
  EXPECT_EQ(static_cast<std::size_t>(answer_request(many, small).pages_size()),
            limits::kMaxPagesPerMessage);
  for (int round = 0; round < 1000; ++round) many.add_groups(static_cast<GroupKey>(round) % 12);
  const wire::StateAnswer groups = answer_request(many, small);
  EXPECT_EQ(groups.pages_size(), 0);  // one thing at a time
  EXPECT_EQ(static_cast<std::size_t>(groups.groups_size()), limits::kMaxGroupsPerMessage);
  // One page goes, however large.
  EXPECT_EQ(answer_request(request(8, 0, 2), state(2, 7 << 20)).pages_size(), 1);
}

TEST_F(Giving, NoMoreThanTheRateWhoeverAsks) {
  constexpr std::uint64_t kRate = 10 << 20;
  StateDonor donor(1, kRate);
  donor.keep(8, state(200, 64 << 10));
  std::map<ServerIndex, int> times;
  for (std::uint64_t tick = 0; tick < kTicks; ++tick) {
    // All ask again as soon as they are answered, and more than once.
    for (const ServerIndex from : {1U, 2U, 3U}) {
      ask(donor, from, request(8, 0, 200));
      ask(donor, from, request(8, 100, 100));
    }
    EXPECT_TRUE(donor.ticking());
    donor.on_tick(answers_);
    for (const ServerIndex server : served()) ++times[server];
  }
  EXPECT_GT(bytes_, kRate * 9 / 10);
  EXPECT_LT(bytes_, kRate + 2 * StateDonor::kAnswerBytes);
  EXPECT_EQ(donor.given_bytes(), bytes_);
  // In turn.
  EXPECT_LE(std::abs(times[1] - times[2]), 1);
  EXPECT_LE(std::abs(times[2] - times[3]), 1);
}

TEST_F(Giving, ARequestWaitsAndANewerOneTakesItsPlace) {
  StateDonor donor(1, 1 << 20);
  donor.keep(8, state(10, 512 << 10));
  ask(donor, 1, request(8, 0, 1));
  EXPECT_EQ(served(), std::vector<ServerIndex>{1});  // overdrawn by half a second
  ask(donor, 1, request(8, 1, 1));
  ask(donor, 1, request(8, 2, 1));
  ask(donor, 2, request(8, 3, 1));
  EXPECT_TRUE(answers_.empty());
  int ticks = 0;
  while (answers_.size() < 2 && ++ticks < 1000) donor.on_tick(answers_);
  ASSERT_EQ(answers_.size(), 2U);
  EXPECT_GT(ticks, static_cast<int>(kTicks) / 2);
  std::set<PageKey> keys;
  for (const auto& [to, answer] : answers_) keys.insert(answer.pages(0).key());
  EXPECT_EQ(keys, (std::set<PageKey>{2, 3}));
}

TEST_F(Giving, TheLastCheckpointsAreKept) {
  StateDonor donor(1, 0);
  EXPECT_FALSE(donor.ticking());
  for (Sequence n = 1; n <= 10; ++n) donor.keep(n, state(1, n));
  EXPECT_EQ(donor.snapshots().size(), StateDonor::kKept);
  EXPECT_EQ(donor.snapshots().begin()->first, 8U);
}

TEST_F(Giving, WhatIsBeingFetchedStaysUntilNobodyAsks) {
  StateDonor donor(1, 0);
  donor.keep(1, state(1, 1));
  EXPECT_TRUE(has(donor, 1, 1));
  for (Sequence n = 2; n <= 50; ++n) donor.keep(n, state(1, n));
  EXPECT_EQ(donor.snapshots().size(), StateDonor::kKept + 1);
  // Asked of now and then it stays …
  for (int round = 0; round < 5; ++round) {
    for (auto tick = StateDonor::kTick; tick < StateDonor::kIdle; tick += StateDonor::kTick) {
      ASSERT_TRUE(donor.ticking());
      donor.on_tick(answers_);
    }
    EXPECT_TRUE(has(donor, 1, 1)) << round;
  }
  // … and not once its time is over.
  for (Duration gone{0}; gone < StateDonor::kIdle; gone += StateDonor::kTick) {
    donor.on_tick(answers_);
  }
  EXPECT_FALSE(has(donor, 1, 1));
  EXPECT_EQ(donor.snapshots().size(), StateDonor::kKept);
}

TEST_F(Giving, NobodyKeepsASnapshotForEver) {
  StateDonor donor(1, 0);
  donor.keep(1, state(1, 1));
  EXPECT_TRUE(has(donor, 1, 1));
  for (Sequence n = 2; n <= 10; ++n) donor.keep(n, state(1, n));
  Duration kept{0};
  while (kept <= StateDonor::kLongest && has(donor, 1, 1)) {
    for (int tick = 0; tick < 100; ++tick) donor.on_tick(answers_);
    kept += 100 * StateDonor::kTick;
  }
  EXPECT_LE(kept, StateDonor::kLongest);
  EXPECT_GT(kept, StateDonor::kLongest / 2);
}

TEST_F(Giving, SoManyAreKeptForOthersAndTheOldestFirst) {
  StateDonor donor(1, 0);
  for (Sequence n = 1; n <= 40; ++n) {
    donor.keep(n, state(1, n));
    // Seven servers, each of which turns to a snapshot of its own.
    if (n % 5 == 0) {
      EXPECT_TRUE(has(donor, static_cast<ServerIndex>(n / 5), n));
    }
    donor.on_tick(answers_);
    EXPECT_LE(donor.snapshots().size(), StateDonor::kKept + 2);
  }
  EXPECT_TRUE(has(donor, 1, 5));
  EXPECT_TRUE(has(donor, 2, 10));
  EXPECT_FALSE(has(donor, 3, 15));
}

TEST_F(Giving, WhatIsForgottenWhileARequestWaitsIsRefused) {
  StateDonor donor(1, 1 << 20);
  donor.keep(1, state(2, 512 << 10));
  ask(donor, 1, request(1, 0, 1));
  EXPECT_EQ(served(), std::vector<ServerIndex>{1});
  ask(donor, 1, request(1, 1, 1));
  donor.forget_all();
  for (std::uint64_t tick = 0; tick < 2 * kTicks; ++tick) donor.on_tick(answers_);
  EXPECT_TRUE(only_answer().lacking());
}

}  // namespace
}  // namespace steward::replica
