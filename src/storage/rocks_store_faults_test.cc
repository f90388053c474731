// The disk fails, is full, or loses power at every point of a run: what was reported durable is
// there afterwards, whole, and nothing is reported durable that is not.
#include <gtest/gtest.h>
#include <rocksdb/env.h>

#include <filesystem>
#include <map>

#include "storage/rocks_store.h"
#include "storage/testing/faulty_file_system.h"

namespace steward::storage {
namespace {

namespace fs = std::filesystem;
using Map = std::map<Bytes, Bytes>;
using Fault = FaultyFileSystem::Fault;

class FaultyDisk : public ::testing::Test {
 protected:
  FaultyDisk() {
    const fs::path memory = "/dev/shm";
    const fs::path parent = fs::exists(memory) ? memory : fs::temp_directory_path();
    std::string pattern = (parent / "steward_faults_XXXXXX").string();
    root_ = ::mkdtemp(pattern.data());
  }
  ~FaultyDisk() override { fs::remove_all(root_); }

  static WriteBatch batch(int number) {
    WriteBatch out;
    const Bytes value(100, static_cast<char>('a' + number % 26));
    out.puts = {{"page" + std::to_string(number % 7), value}, {std::to_string(number), value}};
    if (number % 10 == 9) {
      out.erase_ranges.emplace_back("1", "2");
      out.puts.emplace_back("page3", std::nullopt);
    }
    return out;
  }

  void apply(const WriteBatch& batch) {
    Map next = contents_.back();
    for (const auto& [first, last] : batch.erase_ranges) {
      next.erase(next.lower_bound(first), next.lower_bound(last));
    }
    for (const auto& [key, value] : batch.puts) {
      if (value) {
        next[key] = *value;
      } else {
        next.erase(key);
      }
    }
    contents_.push_back(std::move(next));
  }

  // Two lives of a store: made, written to, closed, opened, written to. Whether all went well.
  bool run(const std::string& path) {
    contents_ = {{}};
    durable_ = 0;
    for (int life = 0; life < 2; ++life) {
      auto store = RocksStore::open(path, env_.get());
      if (!store) {
        EXPECT_EQ(store.error().code, ErrorCode::kIo) << store.error().message;
        return false;
      }
      for (int i = 0; i < 15; ++i) {
        const int number = life * 15 + i;
        const bool sync = number % 3 != 1;
        const WriteBatch next = batch(number);
        apply(next);
        const Status status = (*store)->write(next, sync);
        if (!status.ok()) return stays_failed(**store, status.error());
        if (sync) durable_ = contents_.size() - 1;
      }
    }
    return true;
  }

  static bool stays_failed(Store& store, const Error& error) {
    EXPECT_EQ(error.code, ErrorCode::kIo);
    EXPECT_FALSE(error.message.empty());
    for (const bool sync : {false, true}) {
      const Status later = store.write(batch(99), sync);
      EXPECT_FALSE(later.ok());
      if (!later.ok()) {
        EXPECT_EQ(later.error().message, error.message);
      }
    }
    return false;
  }

  // A healthy disk again.
  void check(const std::string& path, const std::string& when) {
    auto store = RocksStore::open(path);
    ASSERT_TRUE(store.ok()) << when << ": " << store.error().message;
    const auto found = (*store)->scan({});
    ASSERT_TRUE(found.ok()) << when;
    const Map now(found->begin(), found->end());
    for (std::size_t i = durable_; i < contents_.size(); ++i) {
      if (contents_[i] == now) return;
    }
    FAIL() << when << ": " << now.size() << " pairs, which is no content from the durable one on";
  }

  // The fault at each `step`th operation of the run, power lost afterwards or not.
  void sweep(Fault fault, std::uint64_t step, bool lose) {
    std::uint64_t random = 1;
    const auto draw = [&random](std::uint64_t below) {
      random = random * 6364136223846793005ULL + 1442695040888963407ULL;
      return (random >> 33) % below;
    };
    int stopped = 0;
    bool whole = false;
    for (std::uint64_t at = 0; !whole; at += step) {
      FaultyFileSystem* system = renew();
      system->break_at(at, fault);
      const std::string path = (root_ / std::to_string(at)).string();
      whole = run(path) && system->operations() <= at;
      if (!whole) ++stopped;
      if (lose) system->lose_unsynced(draw);
      check(path, "fault at operation " + std::to_string(at));
      fs::remove_all(path);
    }
    EXPECT_GT(stopped, 10);
  }

  FaultyFileSystem* renew() {
    auto system = std::make_shared<FaultyFileSystem>();
    env_ = rocksdb::NewCompositeEnv(system);
    return system.get();
  }

  fs::path root_;
  std::unique_ptr<rocksdb::Env> env_;
  std::vector<Map> contents_;  // after each write
  std::size_t durable_ = 0;    // the last that was reported so
};

TEST_F(FaultyDisk, LosesPower) { sweep(Fault::kPowerOff, 5, true); }

TEST_F(FaultyDisk, IsKilled) { sweep(Fault::kPowerOff, 13, false); }

TEST_F(FaultyDisk, FailsOnce) { sweep(Fault::kError, 9, false); }

// As when a failed sync has thrown away what it should have written.
TEST_F(FaultyDisk, FailsOnceAndForgets) { sweep(Fault::kError, 9, true); }

TEST_F(FaultyDisk, IsFull) { sweep(Fault::kFull, 13, false); }

}  // namespace
}  // namespace steward::storage
