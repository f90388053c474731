#include "storage/log_writer.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <map>

namespace steward::storage {
namespace {

// In memory; can be held up in a write, and made to fail.
class FakeStore final : public Store {
 public:
  Status write(const WriteBatch& batch, bool sync) override {
    std::unique_lock lock(mutex_);
    ++writes_started_;
    changed_.notify_all();
    changed_.wait(lock, [&] { return !held_; });
    if (failing_) return Error{ErrorCode::kIo, "the disk is gone"};
    for (const auto& [first, last] : batch.erase_ranges) {
      if (first < last) data_.erase(data_.lower_bound(first), data_.lower_bound(last));
    }
    for (const auto& [key, value] : batch.puts) {
      if (value) {
        data_[key] = *value;
      } else {
        data_.erase(key);
      }
    }
    syncs_.push_back(sync);
    return {};
  }

  Result<std::vector<std::pair<Bytes, Bytes>>> scan(BytesView) const override {
    const std::lock_guard lock(mutex_);
    return std::vector<std::pair<Bytes, Bytes>>(data_.begin(), data_.end());
  }

  void hold(bool held) {
    const std::lock_guard lock(mutex_);
    held_ = held;
    changed_.notify_all();
  }
  void fail() {
    const std::lock_guard lock(mutex_);
    failing_ = true;
  }
  void wait_for_writes(int count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return writes_started_ >= count; });
  }
  std::vector<bool> syncs() const {
    const std::lock_guard lock(mutex_);
    return syncs_;
  }
  std::map<Bytes, Bytes> data() const {
    const std::lock_guard lock(mutex_);
    return data_;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<Bytes, Bytes> data_;
  std::vector<bool> syncs_;
  int writes_started_ = 0;
  bool held_ = false;
  bool failing_ = false;
};

WriteBatch put(const Bytes& key, const Bytes& value) { return {{{key, value}}, {}}; }

TEST(LogWriter, WhatWaitsIsWrittenTogetherWithOneSync) {
  FakeStore store;
  store.hold(true);
  std::vector<int> order;
  LogWriter writer(store);
  const auto done = [&order](int number) {
    return [&order, number](const Status& status) {
      EXPECT_TRUE(status.ok());
      order.push_back(number);
    };
  };
  writer.enqueue(put("a", "1"), false, done(0));
  store.wait_for_writes(1);
  writer.enqueue(put("b", "1"), false, done(1));
  writer.enqueue(put("c", "1"), true, done(2));
  writer.enqueue(put("b", "2"), false, done(3));
  store.hold(false);
  writer.stop();
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3}));
  EXPECT_EQ(store.syncs(), (std::vector<bool>{false, true}));
  EXPECT_EQ(store.data(), (std::map<Bytes, Bytes>{{"a", "1"}, {"b", "2"}, {"c", "1"}}));
}

TEST(LogWriter, AnEmptyBatchWithSyncIsABarrier) {
  FakeStore store;
  LogWriter writer(store);
  std::promise<bool> ok;
  writer.enqueue({}, true, [&](const Status& status) { ok.set_value(status.ok()); });
  EXPECT_TRUE(ok.get_future().get());
  writer.stop();
  EXPECT_EQ(store.syncs(), std::vector<bool>{true});
}

TEST(LogWriter, MergingKeepsTheOrderOfErasuresAndPuts) {
  WriteBatch merged = {{{"a", "old"}, {"d", "old"}}, {}};
  merge(merged, {{{"b", "new"}, {"e", std::nullopt}}, {{"a", "c"}}});
  merge(merged, {{{"d", "newer"}}, {}});
  FakeStore one_by_one;
  FakeStore together;
  for (FakeStore* store : {&one_by_one, &together}) {
    ASSERT_TRUE(store->write({{{"aa", "0"}, {"b", "0"}, {"e", "0"}, {"f", "0"}}, {}}, false));
  }
  ASSERT_TRUE(one_by_one.write({{{"a", "old"}, {"d", "old"}}, {}}, false));
  ASSERT_TRUE(one_by_one.write({{{"b", "new"}, {"e", std::nullopt}}, {{"a", "c"}}}, false));
  ASSERT_TRUE(one_by_one.write({{{"d", "newer"}}, {}}, false));
  ASSERT_TRUE(together.write(merged, false));
  EXPECT_EQ(together.data(), one_by_one.data());
  EXPECT_EQ(together.data(), (std::map<Bytes, Bytes>{{"b", "new"}, {"d", "newer"}, {"f", "0"}}));
}

TEST(LogWriter, AfterAnErrorEverybodyHearsOfIt) {
  FakeStore store;
  store.fail();
  LogWriter writer(store);
  std::vector<std::string> heard;
  for (int i = 0; i < 3; ++i) {
    std::promise<void> called;
    writer.enqueue(put("k", "v"), true, [&](const Status& status) {
      heard.push_back(status.ok() ? "ok" : status.error().message);
      called.set_value();
    });
    called.get_future().wait();
  }
  EXPECT_EQ(heard, std::vector<std::string>(3, "the disk is gone"));
  EXPECT_TRUE(store.data().empty());
}

TEST(LogWriter, AFullQueueHoldsTheCallerUntilThereIsRoom) {
  FakeStore store;
  store.hold(true);
  LogWriter writer(store, 1000);
  const auto ignore = [](const Status&) {};
  writer.enqueue(put("a", Bytes(5000, 'x')), false, ignore);  // alone, whatever its size
  store.wait_for_writes(1);
  writer.enqueue(put("b", Bytes(900, 'x')), false, ignore);
  std::atomic<bool> entered = false;
  std::thread caller([&] {
    writer.enqueue(put("c", Bytes(900, 'x')), false, ignore);
    entered = true;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_FALSE(entered);
  store.hold(false);
  caller.join();
  writer.stop();
  EXPECT_EQ(store.data().size(), 3U);
}

TEST(LogWriter, ACallbackMayQueueMoreEvenWhenFull) {
  FakeStore store;
  LogWriter writer(store, 10);
  std::promise<void> last;
  writer.enqueue(put("a", Bytes(100, 'x')), false, [&](const Status&) {
    writer.enqueue(put("b", Bytes(100, 'x')), false, [](const Status&) {});
    writer.enqueue(put("c", Bytes(100, 'x')), false, [&](const Status&) { last.set_value(); });
  });
  last.get_future().wait();
  writer.stop();
  EXPECT_EQ(store.data().size(), 3U);
}

TEST(LogWriter, StoppingWritesWhatIsQueuedAndRefusesMore) {
  FakeStore store;
  LogWriter writer(store);
  int done = 0;
  for (int i = 0; i < 1000; ++i) {
    writer.enqueue(put(std::to_string(i), "v"), i % 7 == 0,
                   [&](const Status& status) { done += status.ok() ? 1 : 0; });
  }
  writer.stop();
  EXPECT_EQ(done, 1000);
  EXPECT_EQ(store.data().size(), 1000U);
  bool refused = false;
  writer.enqueue(put("late", "v"), true, [&](const Status& status) {
    refused = !status.ok() && status.error().code == ErrorCode::kUnavailable;
  });
  EXPECT_TRUE(refused);
  EXPECT_EQ(store.data().count("late"), 0U);
}

}  // namespace
}  // namespace steward::storage
