// Every file of a used store is lost, cut off, altered, exchanged: what comes out is all that was
// stored, or a refusal that says why, and never less than that.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>

#include "storage/rocks_store.h"
#include "storage/store_marker.h"

namespace steward::storage {
namespace {

namespace fs = std::filesystem;
using Pairs = std::vector<std::pair<Bytes, Bytes>>;
using Files = std::map<std::string, Bytes>;  // by name

Bytes read_file(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

// RocksDB's prose about itself, which it writes whenever it looks at a directory, and never reads.
bool is_prose(const std::string& name) {
  return name.starts_with("LOG") || name == "LOCK" || name.starts_with("OPTIONS");
}

Files files_in(const fs::path& directory) {
  Files files;
  for (const auto& entry : fs::directory_iterator(directory)) {
    const std::string name = entry.path().filename().string();
    if (!is_prose(name)) files[name] = read_file(entry.path());
  }
  return files;
}

void put_files(const fs::path& directory, const Files& files) {
  fs::remove_all(directory);
  fs::create_directory(directory);
  for (const auto& [name, bytes] : files) {
    std::ofstream(directory / name, std::ios::binary) << bytes;
  }
}

class DamagedStore : public ::testing::Test {
 protected:
  DamagedStore() {
    // In memory where that is possible: hundreds of stores are opened.
    const fs::path memory = "/dev/shm";
    const fs::path parent = fs::exists(memory) ? memory : fs::temp_directory_path();
    std::string pattern = (parent / "steward_damage_XXXXXX").string();
    root_ = ::mkdtemp(pattern.data());
    path_ = (root_ / "data").string();
    use();
  }
  ~DamagedStore() override { fs::remove_all(root_); }

  // Tables from some runs, in which values are replaced and erased, and a log that is not yet in
  // one: as a kill finds it. older_ is the directory as it was a run before.
  void use() {
    for (int run = 0; run < 3; ++run) {
      auto store = RocksStore::open(path_);
      ASSERT_TRUE(store.ok()) << store.error().message;
      for (int i = 0; i < 60; ++i) write(**store, run, i);
      if (run == 1) older_ = files_in(path_);
      if (run == 2) {
        truth_ = *(*store)->scan({});
        files_ = files_in(path_);
      }
    }
    ASSERT_GT(truth_.size(), 50U);
  }

  static void write(Store& store, int run, int i) {
    WriteBatch batch;
    const Bytes shared = "page" + std::to_string(i);
    const Bytes own = "record" + std::to_string(run) + std::to_string(100 + i);
    batch.puts = {{shared, Bytes(150, static_cast<char>('a' + (i + run) % 26))}, {own, shared}};
    if (i % 20 == 19) batch.erase_ranges.emplace_back("record" + std::to_string(run - 1), own);
    ASSERT_TRUE(store.write(batch, true));
  }

  // Opens these files; counts what comes out, and complains of less than all.
  void try_files(const std::string& what, const Files& files) {
    put_files(path_, files);
    auto store = RocksStore::open(path_);
    Result<Pairs> found = store ? (*store)->scan({}) : Result<Pairs>(store.error());
    if (found.ok()) {
      ++intact_;
      EXPECT_TRUE(*found == truth_) << what << ": " << found->size() << " of " << truth_.size();
      return;
    }
    ++refused_;
    const Error& error = found.error();
    EXPECT_EQ(error.code, ErrorCode::kCorrupt) << what << ": " << error.message;
    EXPECT_NE(error.message.find(path_), std::string::npos) << what << ": " << error.message;
    EXPECT_TRUE(files_in(path_) == files) << what << ": a store that was refused was changed";
  }

  template <class Change>  // void(Bytes& content)
  void try_change(const std::string& what, const std::string& file, const Change& change) {
    Files files = files_;
    change(files.at(file));
    if (files != files_) try_files(what + " of " + file, files);
  }

  fs::path root_;
  std::string path_;
  Pairs truth_;
  Files files_;
  Files older_;
  int intact_ = 0;
  int refused_ = 0;
};

TEST_F(DamagedStore, OpensWhereNothingIsDamaged) {
  try_files("nothing", files_);
  EXPECT_EQ(intact_, 1);
  const auto count = [this](const std::string& suffix) {
    return std::count_if(files_.begin(), files_.end(),
                         [&](const auto& file) { return file.first.ends_with(suffix); });
  };
  EXPECT_GE(count(".sst"), 2);
  EXPECT_GE(count(".log"), 1);
}

TEST_F(DamagedStore, LosesAFile) {
  for (const auto& [name, bytes] : files_) {
    Files files = files_;
    files.erase(name);
    try_files("the loss of " + name, files);
    files[name + ".dbtmp"] = bytes;
    try_files("the lost renaming of " + name, files);
  }
  EXPECT_GE(refused_, 10);
}

TEST_F(DamagedStore, LosesAllFilesButOne) {
  for (const auto& [name, bytes] : files_) {
    try_files("the loss of all but " + name, Files{{name, bytes}});
  }
  EXPECT_EQ(intact_, 0);
}

TEST_F(DamagedStore, LosesTheEndOfAFile) {
  for (const auto& [name, bytes] : files_) {
    for (std::size_t part = 0; part < 16; ++part) {
      const std::size_t kept = bytes.size() * part / 16;
      try_change("the end", name, [&](Bytes& content) { content.resize(kept); });
    }
    try_change("the last byte", name, [](Bytes& content) { content.pop_back(); });
  }
  EXPECT_GT(refused_, 60);
}

TEST_F(DamagedStore, HasABitFlipped) {
  for (const auto& [name, bytes] : files_) {
    const std::size_t step = std::max<std::size_t>(bytes.size() / 32, 1);
    for (std::size_t at = step / 3; at < bytes.size(); at += step) {
      try_change("a bit", name, [&](Bytes& content) {
        content[at] = static_cast<char>(content[at] ^ (1 << (at % 8)));
      });
    }
  }
  EXPECT_GT(refused_, 100);
}

// A block of zeros where one was never written.
TEST_F(DamagedStore, HasABlockThatWasNeverWritten) {
  for (const auto& [name, bytes] : files_) {
    for (std::size_t at = 0; at < bytes.size(); at += 4096) {
      try_change("a block", name, [&](Bytes& content) {
        const std::size_t length = std::min<std::size_t>(4096, content.size() - at);
        content.replace(at, length, length, '\0');
      });
    }
  }
  EXPECT_GT(refused_, 10);
}

TEST_F(DamagedStore, HasBlocksInEachOthersPlaces) {
  constexpr std::size_t kBlock = 512;
  for (const auto& [name, bytes] : files_) {
    const std::size_t blocks = bytes.size() / kBlock;
    for (std::size_t one = 0; one + 1 < blocks; one += 1 + blocks / 8) {
      const std::size_t other = (one + 1 + blocks / 2) % blocks;
      try_change("two blocks", name, [&](Bytes& content) {
        std::swap_ranges(content.begin() + static_cast<long>(one * kBlock),
                         content.begin() + static_cast<long>((one + 1) * kBlock),
                         content.begin() + static_cast<long>(other * kBlock));
      });
    }
  }
  EXPECT_GT(refused_, 10);
}

TEST_F(DamagedStore, HasAnotherFilesContent) {
  for (const auto& [name, bytes] : files_) {
    for (const auto& [other, content] : files_) {
      if (name == other) continue;
      Files files = files_;
      files[name] = content;
      try_files(other + " in the place of " + name, files);
      files[name] =
          bytes.substr(0, 4096) + content.substr(std::min<std::size_t>(4096, content.size()));
      if (files[name] != bytes) try_files("the rest of " + other + " in " + name, files);
    }
  }
  EXPECT_GT(refused_, 50);
}

TEST_F(DamagedStore, HasAnOlderFile) {
  for (const auto& [name, bytes] : older_) {
    Files files = files_;
    files[name] = bytes;
    if (files != files_) try_files("the older " + name, files);
  }
  // All of them but the marker, which speaks of what came later, and but some of another kind.
  for (const char* kept : {"STEWARD", ".sst", ".log", "MANIFEST", "CURRENT"}) {
    Files files = older_;
    for (const auto& [name, bytes] : files_) {
      if (name == "STEWARD" || name.find(kept) != std::string::npos) files[name] = bytes;
    }
    try_files(std::string("older files but for ") + kept, files);
  }
  EXPECT_GE(refused_, 4);
}

// Not one file, but the database that they make: records that RocksDB holds to be good.
TEST_F(DamagedStore, HasFilesOfAnotherStore) {
  const Files own = files_;
  const Pairs own_truth = truth_;
  fs::remove_all(path_);
  use();
  Files mixed = own;
  mixed["STEWARD"] = files_["STEWARD"];
  try_files("the marker of another store", mixed);
  mixed = files_;
  mixed["STEWARD"] = own.at("STEWARD");
  try_files("another store's files", mixed);
  EXPECT_EQ(refused_, 2);
}

TEST_F(DamagedStore, IsSetAsideAndAnewOneMade) {
  files_.erase("CURRENT");
  try_files("the loss of CURRENT", files_);
  ASSERT_EQ(refused_, 1);
  for (const char* number : {"1", "2"}) {
    const auto aside = RocksStore::set_aside(path_);
    ASSERT_TRUE(aside.ok()) << aside.error().message;
    EXPECT_EQ(*aside, path_ + ".damaged-" + number);
    auto store = RocksStore::open(path_);
    ASSERT_TRUE(store.ok());
    EXPECT_TRUE((*store)->scan({})->empty());
    EXPECT_EQ(RocksStore::set_aside(path_).error().code, ErrorCode::kUnavailable);
  }
  EXPECT_TRUE(files_in(path_ + ".damaged-1") == files_) << "nothing of it is thrown away";
}

// Killed at any point, the making of a store begins again, since nobody knows of it yet.
TEST_F(DamagedStore, IsMadeAgainWhereItsMakingWasInterrupted) {
  fs::remove_all(path_);
  ASSERT_TRUE(RocksStore::open(path_).ok());
  Files made = files_in(path_);
  const std::string marker = (root_ / "marker").string();
  ASSERT_TRUE(StoreMarker::create(*rocksdb::Env::Default(), marker, {7, 0}).ok());
  made["STEWARD.new"] = read_file(marker);
  made.erase("STEWARD");
  truth_.clear();
  try_files("a store whose marker has not its name yet", made);
  try_files("a marker alone", Files{{"STEWARD.new", made["STEWARD.new"]}});
  try_files("a marker that is cut off", Files{{"STEWARD.new", "st"}});
  EXPECT_EQ(intact_, 3);

  files_["STEWARD.new"] = files_["STEWARD"];
  files_.erase("STEWARD");
  try_files("a used store that lost the last renaming of its marker", files_);
  EXPECT_EQ(refused_, 1);
}

}  // namespace
}  // namespace steward::storage
