#include "replica/execution.h"

#include <gtest/gtest.h>

#include "replica/page_set.h"
#include "replica/testing/memory_store.h"
#include "site/testing/sites.h"

namespace steward::replica {
namespace {

namespace test = site::testing;

class ExecutionTest : public ::testing::Test {
 protected:
  Bytes update(std::uint64_t session, std::uint64_t timestamp, const Bytes& payload) {
    return test::signed_update(keys_, *keys_.client, session, timestamp, payload);
  }
  void execute(const std::vector<Bytes>& updates) {
    execution_.execute(execution_.executed() + 1, wire::make_batch(updates));
  }

  const ClusterConfig config_ = test::cluster(1, 1, LocalProtocol::kSingle, WideProtocol::kPaxos);
  const test::Keys keys_ = test::make_keys(config_);
  PageSet pages_;
  Execution execution_{std::make_unique<testing::Notebook>(), pages_};
};

TEST_F(ExecutionTest, ExecutesEachUpdateOnceAndAnswersEachTime) {
  const Bytes first = update(1, 1, "x1");
  execute({first, first, update(1, 2, "x2")});
  EXPECT_EQ(execution_.query("x"), "x1x2");
  EXPECT_EQ(execution_.updates(), 2U);
  const auto replies = execution_.take_replies();
  ASSERT_EQ(replies.size(), 3U);
  EXPECT_EQ(replies[0].result(), "x1");
  EXPECT_EQ(replies[1].SerializeAsString(), replies[0].SerializeAsString());
  EXPECT_EQ(replies[2].result(), "x1x2");
  EXPECT_EQ(replies[2].sequence(), 1U);
  execute({first});
  EXPECT_TRUE(execution_.take_replies().empty());  // only the last answer is kept
  EXPECT_EQ(execution_.query("x"), "x1x2");
  EXPECT_EQ(execution_.take_executed().size(), 2U);
  EXPECT_TRUE(execution_.take_executed().empty());
}

TEST_F(ExecutionTest, GapsAndGarbageAreNoOps) {
  execute({update(1, 2, "x"), "garbage", "\xff\xff"});
  EXPECT_EQ(execution_.updates(), 0U);
  EXPECT_EQ(execution_.executed(), 1U);
  EXPECT_TRUE(execution_.take_replies().empty());
}

TEST_F(ExecutionTest, AnUpdateOfAnExpiredSessionIsToldSo) {
  std::vector<Bytes> updates;
  for (std::uint64_t session = 2; session <= 4098; ++session) {
    updates.push_back(update(session, 1, "s"));
  }
  for (const Bytes& one : updates) execute({one});
  (void)execution_.take_replies();
  execute({update(1, 1, "old")});
  const auto replies = execution_.take_replies();
  ASSERT_EQ(replies.size(), 1U);
  EXPECT_EQ(replies[0].outcome(), wire::OUTCOME_SESSION_EXPIRED);
  EXPECT_EQ(execution_.query("o"), "");
}

TEST_F(ExecutionTest, TheCheckpointIsAFunctionOfTheHistoryAndPagesCarryIt) {
  PageSet pages;
  Execution other(std::make_unique<testing::Notebook>(), pages);
  for (std::uint64_t i = 1; i <= 20; ++i) {
    const auto batch =
        wire::make_batch({update(i % 3, (i + 2) / 3, Bytes(1, static_cast<char>(i)))});
    execution_.execute(i, batch);
    other.execute(i, batch);
    if (i % 4 == 0) execution_.flush();  // how often makes no difference
    ASSERT_EQ(execution_.checkpoint(), other.checkpoint()) << i;
    if (i != 10) continue;
    Pages copy = pages_.pages();
    pages.replace(std::move(copy));
    ASSERT_TRUE(other.load());
    EXPECT_EQ(other.executed(), 10U);
    EXPECT_EQ(other.updates(), execution_.updates());
  }
  execute({});
  EXPECT_NE(execution_.checkpoint(), other.checkpoint());  // an empty batch counts too
}

TEST_F(ExecutionTest, PagesOfOthersAreNotPartOfTheCheckpoint) {
  const crypto::Digest before = execution_.checkpoint();
  pages_.apply({{5, "of the logical machine"}}, 0);
  EXPECT_EQ(execution_.checkpoint(), before);
  PageSet empty;
  Execution other(std::make_unique<testing::Notebook>(), empty);
  EXPECT_FALSE(other.load());
}

}  // namespace
}  // namespace steward::replica
