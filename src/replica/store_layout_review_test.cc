#include <gtest/gtest.h>

#include "replica/store_layout.h"
#include "replica/testing/memory_store.h"

namespace steward::replica::layout {
namespace {

// A step may commit what was missing, reach a checkpoint with it and truncate below, all in one
// batch; and a batch erases before it puts.
TEST(StoreLayoutReview, TruncatingTakesBackWhatTheSameBatchPut) {
  storage::WriteBatch batch;
  put_record({0, 2, "stable"}, batch);
  put_record({1, 4, "first"}, batch);
  put_record({8, 4, "last"}, batch);
  put_record({9, 4, "kept"}, batch);
  put_marker(16, crypto::Digest{}, 0, batch);
  truncate_records(8, batch);
  ASSERT_EQ(batch.puts.size(), 3U);
  EXPECT_EQ(batch.puts[0].first, record_key(0, 2));
  EXPECT_EQ(batch.puts[1].first, record_key(9, 4));
  EXPECT_EQ(batch.puts[2].first, snapshot_key());
  ASSERT_EQ(batch.erase_ranges.size(), 1U);
  EXPECT_EQ(batch.erase_ranges[0], std::pair(record_key(1, 0), record_key(9, 0)));
}

TEST(StoreLayoutReview, LivesAreLoadedWithWhatTheirServersSigned) {
  storage::WriteBatch batch;
  wire::Life life;
  life.set_since(7);
  put_life(3, life, batch);
  put_said(3, "signed", batch);
  testing::MemoryStore store;
  ASSERT_TRUE(store.write(batch, true));
  const auto stored = load(store);
  ASSERT_TRUE(stored.ok());
  EXPECT_EQ(stored->lives.at(3).since(), 7U);
  EXPECT_EQ(stored->said, (std::map<ServerIndex, Bytes>{{3, "signed"}}));
}

}  // namespace
}  // namespace steward::replica::layout
