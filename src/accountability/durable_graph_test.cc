#include "accountability/durable_graph.h"

#include <gtest/gtest.h>

#include "accountability/encoding.h"
#include "accountability/testing/durable_property.h"
#include "accountability/testing/memory_archive.h"

namespace steward::accountability {
namespace {

using testing::MemoryArchive;

TEST(DurableGraphProperty, EqualsTheFormInMemoryAfterMarksAndCrashes) {
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    MemoryArchive archive;
    ASSERT_NO_FATAL_FAILURE(
        testing::expect_durable_equals_memory(seed, [&archive]() -> Archive& { return archive; }));
  }
}

// 20 updates of two clients in segments of eight; each rests on the one before it. Two marks.
class DurableGraphTest : public ::testing::Test {
 protected:
  void SetUp() override {
    open();
    ASSERT_TRUE(graph_->add_client());
    ASSERT_TRUE(graph_->add_client());
    for (Node node = 0; node < 20; ++node) {
      const Cells cells = node == 0 ? Cells{} : Cells{{node - 1}};
      ASSERT_EQ(*graph_->append(static_cast<Client>(node % 2), node + 1, cells), node);
    }
    ASSERT_EQ(graph_->durable_end(), 16U);
    ASSERT_TRUE(graph_->mark(cleared(15)));
    ASSERT_TRUE(graph_->mark(corrupt_update(5)));
    ASSERT_EQ(graph_->durable_end(), 20U);
  }

  void open() {
    graph_.reset();
    auto opened = DurableGraph::open(archive_, {8});
    ASSERT_TRUE(opened) << opened.error().message;
    graph_ = std::move(*opened);
  }

  // The message of the refusal.
  std::string refusal() {
    graph_.reset();
    const auto opened = DurableGraph::open(archive_, {8});
    if (opened) return "";
    EXPECT_EQ(opened.error().code, ErrorCode::kCorrupt);
    return opened.error().message;
  }

  MemoryArchive archive_;
  std::unique_ptr<DurableGraph> graph_;
};

TEST_F(DurableGraphTest, ComesBackWithItsMarksAndLabels) {
  const Counts before = graph_->counts();
  EXPECT_EQ(before.corrupt, 8U);  // client 1's from 5 on
  open();
  EXPECT_EQ(graph_->end(), 20U);
  EXPECT_EQ(graph_->clients(), 2U);
  EXPECT_EQ(graph_->counts(), before);
  EXPECT_EQ(graph_->marks(), (std::set<Mark>{cleared(15), corrupt_update(5)}));
  // Still no duplicate, no stranger, and nothing that is not earlier.
  EXPECT_EQ(graph_->append(1, 20, Cells{}).error().code, ErrorCode::kBadInput);
  EXPECT_EQ(graph_->append(2, 21, Cells{}).error().code, ErrorCode::kBadInput);
  EXPECT_EQ(graph_->append(1, 21, Cells{{20}}).error().code, ErrorCode::kBadInput);
  EXPECT_EQ(*graph_->append(1, 21, Cells{{3}}), 20U);
  EXPECT_EQ(graph_->label(20), Label::kCorrupt);
  ASSERT_TRUE(graph_->withdraw(corrupt_update(5)));
  EXPECT_EQ(graph_->counts(), (Counts{21, 0, 0}));
}

TEST_F(DurableGraphTest, RefusesMarksOnWhatIsNotThere) {
  EXPECT_EQ(graph_->mark(corrupt_update(20)).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(graph_->mark(client_from(2, 0)).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(graph_->withdraw(honest_bad(3)).error().code, ErrorCode::kNotFound);
  const Node gate = *graph_->append_gate({{3}});
  EXPECT_EQ(graph_->mark(corrupt_update(gate)).error().code, ErrorCode::kBadInput);
  EXPECT_TRUE(graph_->mark(honest_bad(gate)));
  // What a mark's kind does not use means nothing, also after it is read back.
  EXPECT_TRUE(graph_->mark({MarkKind::kHonestBad, gate, 1, 7}));
  open();
  EXPECT_EQ(graph_->marks().size(), 3U);
}

TEST_F(DurableGraphTest, APassLoadsOnlyWhatComesAfterTheMark) {
  archive_.reads = 0;
  ASSERT_TRUE(graph_->mark(honest_bad(18)));
  EXPECT_EQ(archive_.reads, 0U);
  ASSERT_TRUE(graph_->mark(honest_bad(9)));
  EXPECT_EQ(archive_.reads, 1U);
  ASSERT_TRUE(graph_->mark(client_from(0, 100)));  // has not acted since
  EXPECT_EQ(archive_.reads, 1U);
  ASSERT_TRUE(graph_->mark(client_from(0, 19)));
  EXPECT_EQ(archive_.reads, 3U);
}

TEST_F(DurableGraphTest, WhatIsLostIsNamed) {
  const std::map<Bytes, Bytes> sound = archive_.contents;
  ASSERT_EQ(sound.size(), 5U);  // three segments
  for (const auto& [key, value] : sound) {
    archive_.contents = sound;
    archive_.contents.erase(key);
    const std::string message = refusal();
    EXPECT_TRUE(message.starts_with("the stored graph is damaged: ")) << message;
    EXPECT_NE(message.find("lost"), std::string::npos) << message;
  }
}

TEST_F(DurableGraphTest, EachAlteredByteIsRefused) {
  const std::map<Bytes, Bytes> sound = archive_.contents;
  for (const auto& [key, value] : sound) {
    for (std::size_t i = 0; i < value.size(); ++i) {
      archive_.contents = sound;
      archive_.contents[key][i] = static_cast<char>(value[i] ^ 0x10);
      ASSERT_NE(refusal(), "") << key << " " << i;
    }
    archive_.contents = sound;
    archive_.contents[key].pop_back();
    ASSERT_NE(refusal(), "") << key;
  }
  archive_.contents = sound;
  EXPECT_EQ(refusal(), "");
}

// With a checksum that fits: it must make sense, too.
TEST_F(DurableGraphTest, LiesAreRefused) {
  const std::map<Bytes, Bytes> sound = archive_.contents;
  std::size_t accepted = 0;
  for (const auto& [key, value] : sound) {
    for (std::size_t i = 0; i + 8 < value.size(); ++i) {
      archive_.contents = sound;
      Bytes lie = value.substr(0, value.size() - 8);
      lie[i] = static_cast<char>(lie[i] ^ 0x7f);
      append_u64(lie, checksum(lie));
      archive_.contents[key] = lie;
      // Some lies are graphs; those are taken as such, whole and usable.
      if (!refusal().empty()) continue;
      ++accepted;
      open();
      for (Node node = 0; node < graph_->end(); ++node) ASSERT_TRUE(graph_->cells_of(node));
    }
  }
  EXPECT_LT(accepted, 40U);
  // A whole segment in another's place.
  archive_.contents = sound;
  auto first = archive_.contents.lower_bound("segment");
  std::swap(first->second, std::next(first)->second);
  EXPECT_EQ(refusal(), "the stored graph is damaged: segment 0: it is another segment");
}

TEST_F(DurableGraphTest, AnErrorOfTheArchiveIsFinalUntilItIsOpenedAgain) {
  ASSERT_TRUE(graph_->append(0, 30, Cells{{19}}));
  archive_.failing = true;
  EXPECT_EQ(graph_->mark(honest_bad(20)).error().message, "the disk is full");
  archive_.failing = false;
  EXPECT_EQ(graph_->flush().error().message, "the disk is full");
  EXPECT_FALSE(graph_->append(0, 31, Cells{}));
  EXPECT_FALSE(graph_->withdraw(cleared(15)));
  open();
  EXPECT_EQ(graph_->end(), 20U);
  EXPECT_EQ(graph_->marks().size(), 2U);
  EXPECT_TRUE(graph_->append(0, 30, Cells{{19}}));
  EXPECT_TRUE(graph_->flush());
}

TEST(DurableGraph, FullSegmentsLeaveMemory) {
  constexpr Node kCount = 300'000;
  MemoryArchive archive;
  auto durable = DurableGraph::open(archive);
  ASSERT_TRUE(durable);
  Graph memory;
  ASSERT_TRUE((*durable)->add_client());
  ASSERT_TRUE(memory.add_client());
  for (Node node = 0; node < kCount; ++node) {
    const Cells cells = node < 10 ? Cells{} : Cells{{node - 1, node - 5, node - 10, node / 2}};
    ASSERT_TRUE((*durable)->append(0, node + 1, cells));
    ASSERT_TRUE(memory.append(0, node + 1, cells));
  }
  EXPECT_EQ((*durable)->durable_end(), 262'144U);
  EXPECT_LT((*durable)->memory_bytes() * 2, memory.memory_bytes());
  Classification labels(memory);
  ASSERT_TRUE(labels.mark(honest_bad(100'000)));
  ASSERT_TRUE((*durable)->mark(honest_bad(100'000)));
  EXPECT_EQ((*durable)->counts(), labels.counts());
}

}  // namespace
}  // namespace steward::accountability
