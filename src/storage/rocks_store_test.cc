#include "storage/rocks_store.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

namespace steward::storage {
namespace {

using Pairs = std::vector<std::pair<Bytes, Bytes>>;
namespace fs = std::filesystem;

class RocksStoreTest : public ::testing::Test {
 protected:
  RocksStoreTest() {
    std::string pattern = (fs::temp_directory_path() / "steward_store_XXXXXX").string();
    root_ = ::mkdtemp(pattern.data());
  }
  ~RocksStoreTest() override { fs::remove_all(root_); }

  std::string path() const { return (root_ / "data").string(); }

  std::unique_ptr<RocksStore> open() const {
    auto store = RocksStore::open(path());
    EXPECT_TRUE(store.ok()) << store.error().message;
    return std::move(store).value();
  }

  Pairs all(const Store& store, BytesView prefix = {}) const {
    auto found = store.scan(prefix);
    EXPECT_TRUE(found.ok());
    return found.ok() ? *found : Pairs{};
  }

  // The largest file with this extension: where the records are.
  fs::path data_file(const std::string& extension) const {
    fs::path largest;
    for (const auto& entry : fs::directory_iterator(path())) {
      if (entry.path().extension() != extension) continue;
      if (largest.empty() || entry.file_size() > fs::file_size(largest)) largest = entry.path();
    }
    EXPECT_FALSE(largest.empty()) << extension;
    return largest;
  }

  fs::path root_;
};

void flip(const fs::path& file, std::size_t offset) {
  std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
  stream.seekg(static_cast<std::streamoff>(offset));
  const char byte = static_cast<char>(stream.get());
  stream.seekp(static_cast<std::streamoff>(offset));
  stream.put(static_cast<char>(byte ^ 0x40));
}

TEST_F(RocksStoreTest, WhatIsWrittenIsThereAfterReopening) {
  {
    auto store = open();
    ASSERT_TRUE(store->write({{{"a1", "x"}, {"a2", "y"}, {"b1", "z"}}, {}}, true));
    ASSERT_TRUE(store->write({{{"a1", std::nullopt}, {"\xff\xff", "end"}}, {}}, false));
    EXPECT_EQ(all(*store, "a"), (Pairs{{"a2", "y"}}));
  }
  auto store = open();
  EXPECT_EQ(all(*store), (Pairs{{"a2", "y"}, {"b1", "z"}, {"\xff\xff", "end"}}));
  EXPECT_EQ(all(*store, "a"), (Pairs{{"a2", "y"}}));
  EXPECT_EQ(all(*store, "\xff"), (Pairs{{"\xff\xff", "end"}}));
  EXPECT_EQ(all(*store, "c"), Pairs{});
}

TEST_F(RocksStoreTest, TheDirectoryIsForItsOwnerOnly) {
  auto store = open();
  struct stat info {};
  ASSERT_EQ(::stat(path().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0700U);
}

TEST_F(RocksStoreTest, RangesAreErasedBeforeThePutsOfTheirBatch) {
  auto store = open();
  ASSERT_TRUE(store->write({{{"k1", "1"}, {"k2", "2"}, {"k3", "3"}, {"k4", "4"}}, {}}, false));
  ASSERT_TRUE(store->write({{{"k2", "new"}}, {{"k1", "k4"}, {"k9", "k1"}, {"k4", "k4"}}}, true));
  const Pairs expected = {{"k2", "new"}, {"k4", "4"}};
  EXPECT_EQ(all(*store), expected);
  store.reset();
  EXPECT_EQ(all(*open()), expected);
}

TEST_F(RocksStoreTest, ASecondOpenerIsRefused) {
  auto store = open();
  const auto here = RocksStore::open(path());
  ASSERT_FALSE(here.ok());
  EXPECT_EQ(here.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(here.error().message.find("in use by another"), std::string::npos);
  store.reset();
  EXPECT_TRUE(RocksStore::open(path()).ok());
}

// The other process holds the directory's lock with bare system calls: no threads after fork().
TEST_F(RocksStoreTest, AnotherProcessKeepsUsOut) {
  open();
  int ready[2];
  int leave[2];
  ASSERT_EQ(::pipe(ready), 0);
  ASSERT_EQ(::pipe(leave), 0);
  const std::string directory = path();
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(leave[1]);
    const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY);
    char byte = ::flock(fd, LOCK_EX | LOCK_NB) == 0 ? 'y' : 'n';
    const bool told = ::write(ready[1], &byte, 1) == 1;
    const bool left = ::read(leave[0], &byte, 1) == 0;
    ::_exit(told && left ? 0 : 1);
  }
  ::close(ready[1]);
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  EXPECT_EQ(byte, 'y');
  const auto second = RocksStore::open(path());
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, ErrorCode::kUnavailable);
  for (const int fd : {ready[0], leave[0], leave[1]}) ::close(fd);
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(RocksStore::open(path()).ok());
}

TEST_F(RocksStoreTest, APathThatCannotBeADirectoryIsAClearError) {
  std::ofstream(path()) << "a file";
  const auto store = RocksStore::open(path());
  ASSERT_FALSE(store.ok());
  EXPECT_EQ(store.error().code, ErrorCode::kIo);
}

// Flips one byte at a time. Whatever comes out must be an error or the truth.
class Damage {
 public:
  int corrupt = 0;
  int intact = 0;

  void count(const Result<Pairs>& found, const Pairs& truth) {
    if (!found.ok()) {
      EXPECT_EQ(found.error().code, ErrorCode::kCorrupt) << found.error().message;
      ++corrupt;
      return;
    }
    EXPECT_TRUE(*found == truth);
    ++intact;
  }
};

Result<Pairs> read_all(const std::string& path) {
  auto store = RocksStore::open(path);
  if (!store) return store.error();
  return (*store)->scan({});
}

TEST_F(RocksStoreTest, FlippedBytesInATableAreFound) {
  Pairs truth;
  {
    auto store = open();
    for (int i = 100; i < 200; ++i) {
      truth.emplace_back("key" + std::to_string(i), Bytes(100, static_cast<char>('a' + i % 26)));
      ASSERT_TRUE(store->write({{{truth.back().first, truth.back().second}}, {}}, true));
    }
  }
  EXPECT_EQ(all(*open()), truth);  // replays the log into a table
  const fs::path table = fs::path(data_file(".sst")).filename();
  fs::rename(path(), root_ / "good");
  Damage damage;
  for (std::size_t at = 5; at < fs::file_size(root_ / "good" / table); at += 499) {
    fs::copy(root_ / "good", path());
    flip(fs::path(path()) / table, at);
    damage.count(read_all(path()), truth);
    fs::remove_all(path());
  }
  EXPECT_GT(damage.corrupt, 15);  // 10 kB of records in steps of 499, and more
}

TEST_F(RocksStoreTest, FlippedBytesInTheLogAreFound) {
  Pairs truth;
  {
    auto store = open();
    for (int i = 100; i < 600; ++i) {
      truth.emplace_back("key" + std::to_string(i), Bytes(100, static_cast<char>('a' + i % 26)));
      ASSERT_TRUE(store->write({{{truth.back().first, truth.back().second}}, {}}, false));
    }
    ASSERT_TRUE(store->write({}, true));
  }
  const fs::path log = fs::path(data_file(".log")).filename();
  fs::rename(path(), root_ / "good");
  const auto size = fs::file_size(root_ / "good" / log);
  ASSERT_GT(size, 60000U);
  Damage damage;
  for (std::size_t at = 3; at < size; at += 2999) {
    fs::copy(root_ / "good", path());
    flip(fs::path(path()) / log, at);
    damage.count(read_all(path()), truth);
    fs::remove_all(path());
  }
  EXPECT_GT(damage.corrupt, 15);
  EXPECT_EQ(damage.intact, 0);
}

TEST_F(RocksStoreTest, ATailThatWasCutOffIsForgiven) {
  {
    auto store = open();
    ASSERT_TRUE(store->write({{{"a", "1"}}, {}}, true));
    ASSERT_TRUE(store->write({{{"b", Bytes(1000, 'x')}}, {}}, false));
  }
  const auto log = data_file(".log");
  fs::resize_file(log, fs::file_size(log) - 300);
  EXPECT_EQ(all(*open()), (Pairs{{"a", "1"}}));
}

TEST_F(RocksStoreTest, ATailThatWasReportedDurableIsMissed) {
  {
    auto store = open();
    ASSERT_TRUE(store->write({{{"a", "1"}}, {}}, true));
    ASSERT_TRUE(store->write({{{"b", Bytes(1000, 'x')}}, {}}, true));
  }
  const auto log = data_file(".log");
  fs::resize_file(log, fs::file_size(log) - 300);
  const auto store = RocksStore::open(path());
  ASSERT_FALSE(store.ok());
  EXPECT_EQ(store.error().code, ErrorCode::kCorrupt);
  EXPECT_NE(store.error().message.find("newest writes are lost"), std::string::npos);
}

TEST_F(RocksStoreTest, AFullDiskIsCalledFull) {
  if (::mount("tmpfs", root_.c_str(), "tmpfs", 0, "size=1m") != 0) {
    GTEST_SKIP() << "mounting a small disk needs root";
  }
  auto store = open();
  Status status;
  for (int i = 0; i < 1000 && status.ok(); ++i) {
    status = store->write({{{std::to_string(i), Bytes(4096, 'x')}}, {}}, true);
  }
  store.reset();
  ASSERT_EQ(::umount(root_.c_str()), 0);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::kIo);
  EXPECT_NE(status.error().message.find("is full"), std::string::npos) << status.error().message;
}

TEST_F(RocksStoreTest, AFailedWriteEndsWriting) {
  auto store = open();
  ASSERT_TRUE(store->write({{{"before", "1"}}, {}}, true));
  rlimit old_limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old_limit), 0);
  const auto old_handler = ::signal(SIGXFSZ, SIG_IGN);
  rlimit small = old_limit;
  small.rlim_cur = 256 << 10;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  Status status;
  for (int i = 0; i < 1000 && status.ok(); ++i) {
    status = store->write({{{"k" + std::to_string(i), Bytes(4096, 'x')}}, {}}, true);
  }
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &old_limit), 0);
  ::signal(SIGXFSZ, old_handler);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::kIo);
  EXPECT_NE(status.error().message.find(path()), std::string::npos);

  const auto later = store->write({{{"after", "1"}}, {}}, true);  // there is room again, too late
  ASSERT_FALSE(later.ok());
  EXPECT_EQ(later.error().message, status.error().message);
  store.reset();
  const auto found = all(*open());
  ASSERT_FALSE(found.empty());
  EXPECT_EQ(found.front().first, "before");
  EXPECT_GT(found.size(), 10U);
}

}  // namespace
}  // namespace steward::storage
