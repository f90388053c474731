#include "sim/disk.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace steward::sim {
namespace {

std::string keys_of(const Disk& disk) {
  const auto pairs = disk.scan("");
  std::string out;
  for (const auto& [key, value] : *pairs) out += key;
  return out;
}

class DiskTest : public testing::Test {
 protected:
  void submit(const std::string& key, bool sync) {
    storage::WriteBatch batch;
    if (!key.empty()) batch.puts.push_back({key, "v"});
    disk_.submit(std::move(batch), sync, [this, key] { done_ += key + "."; });
  }
  std::string keys() const { return keys_of(disk_); }

  EventQueue events_;
  Disk disk_{events_, DiskModel{}};
  Random random_{1};
  std::string done_;
};

TEST_F(DiskTest, ASyncTakesItsTimeAndLaterOnesShareTheNext) {
  submit("a", true);
  submit("b", true);
  submit("c", true);
  events_.run_until(299us);
  EXPECT_EQ(done_, "");
  events_.run_until(300us);
  EXPECT_EQ(done_, "a.");
  events_.run_until(600us);
  EXPECT_EQ(done_, "a.b.c.");
}

TEST_F(DiskTest, UnsyncedWritesWaitOnlyForEarlierSyncs) {
  submit("a", false);
  EXPECT_EQ(done_, "a.");
  submit("b", true);
  submit("c", false);
  EXPECT_EQ(done_, "a.");
  events_.run_until(1ms);
  EXPECT_EQ(done_, "a.b.c.");
}

TEST_F(DiskTest, ACrashLosesASuffixOfWhatWasNotSynced) {
  std::set<std::string> outcomes;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    EventQueue events;
    Disk disk(events, DiskModel{});
    const auto put = [&disk](const char* key, bool sync) {
      storage::WriteBatch batch;
      batch.puts.push_back({key, "v"});
      disk.submit(std::move(batch), sync, nullptr);
    };
    put("a", true);
    events.run_until(1ms);
    put("b", false);
    put("c", false);
    Random random(seed);
    disk.crash(random);
    outcomes.insert(keys_of(disk));
  }
  EXPECT_EQ(outcomes, (std::set<std::string>{"a", "ab", "abc"}));
}

TEST_F(DiskTest, ACrashForgetsWhoWaited) {
  submit("a", true);
  disk_.crash(random_);
  events_.run_until(1s);
  EXPECT_EQ(done_, "");
}

TEST_F(DiskTest, UnsyncedWritesReachTheDiskByThemselves) {
  submit("a", false);
  EXPECT_EQ(keys(), "");
  events_.run_until(1s);
  EXPECT_EQ(keys(), "a");
  EXPECT_EQ(disk_.unsynced_writes(), 0U);
}

TEST_F(DiskTest, OneThatFailsCompletesNothingAndSaysSo) {
  submit("a", true);
  events_.run_until(1ms);
  std::size_t failures = 0;
  disk_.fail([&] {
    ++failures;
    disk_.crash(random_);
  });
  submit("b", false);
  submit("c", true);
  events_.run_until(1s);
  EXPECT_EQ(done_, "a.");
  EXPECT_EQ(failures, 1U);
  EXPECT_TRUE(keys().starts_with("a"));
  disk_.mend();
  submit("d", true);
  events_.run_until(2s);
  EXPECT_EQ(done_, "a.d.");
}

TEST_F(DiskTest, ASyncUnderWayFailsToo) {
  submit("a", true);
  disk_.fail([&] { disk_.crash(random_); });
  events_.run_until(1s);
  EXPECT_EQ(done_, "");
}

TEST_F(DiskTest, ADamagedRecordIsNotAnAbsentOne) {
  disk_.damage(random_);
  EXPECT_FALSE(disk_.damaged()) << "there is nothing yet";
  for (const char* key : {"a1", "a2"}) submit(key, true);
  events_.run_until(1s);
  disk_.damage(random_);
  EXPECT_TRUE(disk_.damaged());
  EXPECT_EQ(disk_.scan("a").error().code, ErrorCode::kCorrupt);
  EXPECT_TRUE(disk_.scan("b").ok());
  disk_.replace({});
  EXPECT_FALSE(disk_.damaged());
  EXPECT_EQ(keys(), "");
}

TEST_F(DiskTest, ErasesRangesAndKeys) {
  for (const char* key : {"a1", "a2", "b1", "c1"}) submit(key, true);
  events_.run_until(1s);
  storage::WriteBatch batch;
  batch.erase_ranges.push_back({"a", "b"});
  batch.puts = {{"a3", "v"}, {"c1", std::nullopt}};
  ASSERT_TRUE(disk_.write(batch, true).ok());
  EXPECT_EQ(keys(), "a3b1");
  EXPECT_EQ(disk_.scan("b")->size(), 1U);
}

}  // namespace
}  // namespace steward::sim
