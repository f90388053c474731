#include "archive/rocks_archive.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "accountability/durable_graph.h"
#include "accountability/testing/durable_property.h"

namespace steward::archive {
namespace {

namespace fs = std::filesystem;
using namespace accountability;

class RocksArchiveTest : public ::testing::Test {
 protected:
  RocksArchiveTest() {
    // In memory where that is possible: many stores are opened.
    const fs::path memory = "/dev/shm";
    const fs::path parent = fs::exists(memory) ? memory : fs::temp_directory_path();
    std::string pattern = (parent / "steward_archive_XXXXXX").string();
    root_ = ::mkdtemp(pattern.data());
  }
  ~RocksArchiveTest() override {
    archive_.reset();
    fs::remove_all(root_);
  }

  Archive& reopen() {
    archive_.reset();
    auto opened = RocksArchive::open((root_ / name_).string());
    EXPECT_TRUE(opened) << opened.error().message;
    archive_ = std::move(*opened);
    return *archive_;
  }

  fs::path root_;
  std::string name_ = "graph";
  std::unique_ptr<RocksArchive> archive_;
};

TEST_F(RocksArchiveTest, EqualsTheFormInMemoryAfterMarksAndCrashes) {
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    name_ = "graph" + std::to_string(seed);
    ASSERT_NO_FATAL_FAILURE(
        testing::expect_durable_equals_memory(seed, [this]() -> Archive& { return reopen(); }));
  }
}

TEST_F(RocksArchiveTest, GivesWhatIsCalledSoAndNotWhatBeginsSo) {
  Archive& archive = reopen();
  ASSERT_TRUE(archive.write({{"ab", "1"}, {"abc", "2"}}));
  EXPECT_EQ(**archive.read("ab"), "1");
  EXPECT_EQ(*archive.read("a"), std::nullopt);
  ASSERT_TRUE(archive.write({{"ab", "3"}}));
  EXPECT_EQ(**archive.read("ab"), "3");
  EXPECT_EQ(**reopen().read("abc"), "2");
}

TEST_F(RocksArchiveTest, OneOpenerAtATime) {
  reopen();
  const auto second = RocksArchive::open((root_ / name_).string());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kUnavailable);
}

// A graph on disk of which one byte in the middle of a file, or the file, is not what it was.
TEST_F(RocksArchiveTest, DamagedFilesAreRefused) {
  {
    auto graph = DurableGraph::open(reopen(), {1000});
    ASSERT_TRUE(graph);
    ASSERT_TRUE((*graph)->add_client());
    for (Node node = 0; node < 5000; ++node) {
      const Cells cells = node == 0 ? Cells{} : Cells{{node / 2}};
      ASSERT_TRUE((*graph)->append(0, node + 1, cells));
    }
  }
  archive_.reset();
  const fs::path sound = root_ / name_;
  std::size_t damaged = 0;
  for (const auto& entry : fs::directory_iterator(sound)) {
    const std::string file = entry.path().filename().string();
    const bool holds_records = file.ends_with(".log") || file.ends_with(".sst");
    if (!holds_records || fs::file_size(entry.path()) == 0) continue;
    for (const bool whole : {false, true}) {
      const fs::path copy = root_ / ("copy" + std::to_string(damaged++));
      fs::copy(sound, copy, fs::copy_options::recursive);
      if (whole) {
        fs::remove(copy / file);
      } else {
        std::fstream bytes(copy / file, std::ios::in | std::ios::out | std::ios::binary);
        const auto middle = static_cast<std::streamoff>(fs::file_size(copy / file) / 2);
        bytes.seekg(middle);
        const char was = static_cast<char>(bytes.get());
        bytes.seekp(middle);
        bytes.put(static_cast<char>(was ^ 0x20));
      }
      const auto opened = RocksArchive::open(copy.string());
      ASSERT_FALSE(opened) << file;
      EXPECT_EQ(opened.error().code, ErrorCode::kCorrupt);
      EXPECT_NE(opened.error().message.find("damaged"), std::string::npos);
    }
  }
  EXPECT_GT(damaged, 0U);
}

}  // namespace
}  // namespace steward::archive
