#include "replica/page_set.h"

#include <gtest/gtest.h>

#include "replica/store_layout.h"
#include "replica/testing/memory_store.h"
#include "wire/limits.h"

namespace steward::replica {
namespace {

TEST(PageSet, TheRootIsAFunctionOfKeysAndContents) {
  PageSet one;
  one.apply({{1, "a"}, {2, "b"}}, 0);
  PageSet two;
  two.apply({{2, "x"}, {3, "c"}}, 0);
  two.apply({{1, "a"}, {2, "b"}, {3, std::nullopt}, {9, std::nullopt}}, 0);
  EXPECT_EQ(one.root(), two.root());
  two.apply({{2, "B"}}, 0);
  EXPECT_NE(one.root(), two.root());
  PageSet moved;
  moved.apply({{1, "a"}, {2, "b"}}, 1);
  EXPECT_NE(one.root(), moved.root());
  EXPECT_EQ(one.root(2), pages_root({{2, one.pages().at(2)}}));
  EXPECT_NE(PageSet().root(), one.root());
}

TEST(PageSet, CopiesAreNotTouchedByLaterChanges) {
  PageSet set;
  set.apply({{1, "old"}}, 0);
  const Pages copy = set.pages();
  const crypto::Digest root = set.root();
  set.apply({{1, "new"}}, 0);
  EXPECT_EQ(*copy.at(1).content, "old");
  EXPECT_EQ(pages_root(copy), root);
}

TEST(PageSet, SavesWhatChangedAndOnlyThat) {
  PageSet set;
  testing::MemoryStore store;
  const auto save = [&] {
    storage::WriteBatch batch;
    set.save_changes(batch);
    EXPECT_TRUE(store.write(batch, true).ok());
    return batch.puts.size();
  };
  set.apply({{1, "a"}, {2, "b"}, {3, "c"}}, 0);
  EXPECT_EQ(save(), 3U);
  EXPECT_EQ(save(), 0U);
  set.apply({{1, "a"}, {2, "B"}, {3, std::nullopt}, {4, std::nullopt}}, 0);
  EXPECT_EQ(save(), 2U);
  PageSet other;
  other.apply({{2, "B"}, {7, "new"}}, 0);
  set.replace(other.pages());
  EXPECT_EQ(save(), 3U);  // 1 is gone, 2 and 7 are written
  const auto stored = layout::load(store);
  ASSERT_TRUE(stored.ok());
  EXPECT_EQ(stored->pages, (std::map<PageKey, Bytes>{{2, "B"}, {7, "new"}}));
  PageSet loaded;
  loaded.load(stored->pages);
  EXPECT_EQ(loaded.root(), set.root());
  storage::WriteBatch batch;
  loaded.save_changes(batch);
  EXPECT_TRUE(batch.empty());
}

TEST(PageSet, RangesAreRelativeToTheirStart) {
  PageSet set;
  set.apply({{0, "a"}, {5, "b"}, {10, "c"}}, 100);
  EXPECT_EQ(set.range(100, 110), (std::map<PageKey, Bytes>{{0, "a"}, {5, "b"}}));
  EXPECT_EQ(set.range(101, 0), (std::map<PageKey, Bytes>{{4, "b"}, {9, "c"}}));
}

TEST(PageSet, AManifestImpliesTheRootAndBadOnesAreRefused) {
  PageSet set;
  set.apply({{1, "a"}, {2, "b"}}, 0);
  const wire::Manifest good = manifest(8, set.pages());
  const auto content = read_manifest(good);
  ASSERT_TRUE(content);
  EXPECT_EQ(content->root, set.root());
  EXPECT_EQ(content->digests.at(2), page_digest("b"));
  wire::Manifest bad = good;
  bad.mutable_pages()->SwapElements(0, 1);
  EXPECT_FALSE(read_manifest(bad));
  bad = good;
  bad.mutable_pages(1)->set_key(1);
  EXPECT_FALSE(read_manifest(bad));
  bad = good;
  bad.mutable_pages(1)->set_digest("short");
  EXPECT_FALSE(read_manifest(bad));
  bad = good;
  bad.mutable_pages(1)->set_key(3);
  EXPECT_NE(read_manifest(bad)->root, set.root());
  for (PageKey key = 10; bad.pages_size() <= static_cast<int>(limits::kMaxManifestPages); ++key) {
    wire::PageRef* ref = bad.add_pages();
    ref->set_key(key);
    ref->set_digest(good.pages(0).digest());
  }
  EXPECT_FALSE(read_manifest(bad));
}

TEST(StoreLayout, KeepsRecordsInOrderAndTruncatesThem) {
  testing::MemoryStore store;
  storage::WriteBatch batch;
  for (const Sequence n :
       {Sequence{0}, Sequence{1}, Sequence{2}, Sequence{300}, Sequence{1} << 40}) {
    layout::put_record({n, 3, "later kind"}, batch);
    layout::put_record({n, 2, std::to_string(n)}, batch);
  }
  layout::put_marker(256, crypto::sha256("state"), batch);
  ASSERT_TRUE(store.write(batch, true).ok());
  storage::WriteBatch truncate;
  layout::truncate_records(2, truncate);
  layout::put_record({2, 2, "written after"}, truncate);
  ASSERT_TRUE(store.write(truncate, true).ok());
  const auto stored = layout::load(store);
  ASSERT_TRUE(stored.ok());
  std::vector<std::pair<Sequence, int>> found;
  for (const auto& record : stored->records) found.emplace_back(record.sequence, record.kind);
  EXPECT_EQ(found, (std::vector<std::pair<Sequence, int>>{{0, 2},
                                                          {0, 3},
                                                          {2, 2},
                                                          {300, 2},
                                                          {300, 3},
                                                          {Sequence{1} << 40, 2},
                                                          {Sequence{1} << 40, 3}}));
  EXPECT_EQ(stored->snapshot, 256U);
  EXPECT_EQ(stored->snapshot_digest, crypto::sha256("state"));
}

TEST(StoreLayout, MalformedKeysAndMarkersAreCorruption) {
  for (const auto& [key, value] :
       std::map<Bytes, Bytes>{{"r123", ""}, {"p1", ""}, {"s", "\xff\xff"}, {"s", "no digest"}}) {
    testing::MemoryStore store;
    store.pairs[key] = value;
    const auto stored = layout::load(store);
    ASSERT_FALSE(stored.ok()) << key;
    EXPECT_EQ(stored.error().code, ErrorCode::kCorrupt);
  }
  const auto fresh = layout::load(testing::MemoryStore());
  ASSERT_TRUE(fresh.ok());
  EXPECT_EQ(fresh->snapshot, 0U);
}

}  // namespace
}  // namespace steward::replica
