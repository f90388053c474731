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
  PageSet second;
  second.apply({{2, "b"}}, 0);
  EXPECT_EQ(one.root(2), second.root());
  EXPECT_EQ(one.root(3), PageSet().root());
  EXPECT_NE(PageSet().root(), one.root());
}

TEST(PageSet, CopiesAreNotTouchedByLaterChanges) {
  PageSet set;
  set.apply({{1, "old"}}, 0);
  const Pages copy = set.pages();
  const crypto::Digest root = set.root();
  set.apply({{1, "new"}}, 0);
  EXPECT_EQ(*find_page(copy, 1)->content, "old");
  EXPECT_EQ(find_page(copy, 2), nullptr);
  EXPECT_EQ(pages_root(copy), root);
}

TEST(PageSet, ACopySharesTheGroupsThatDoNotChange) {
  PageSet set;
  for (PageKey key = 0; key < 1024; ++key) set.apply({{key, "page"}}, 0);
  const Pages before = set.pages();
  ASSERT_EQ(before.size(), 4U);
  set.apply({{300, "changed"}, {5, "page"}, {2000, std::nullopt}}, 0);
  const Pages& after = set.pages();
  for (GroupKey group = 0; group < 4; ++group) {
    EXPECT_EQ(before.at(group) == after.at(group), group != group_of(300)) << group;
  }
}

// Every server must come to the same digest, whatever it has been through.
TEST(PageSet, TheRootDoesNotDependOnTheHistory) {
  PageSet straight;
  PageSet crooked;
  crooked.apply({{0x3fffffff, "gone"}, {0x40000000, "gone"}, {0xffffffff, "gone"}}, 0);
  for (PageKey key = 0; key < 700; ++key) {
    straight.apply({{key * 3, "page"}}, 0x80000000);
    crooked.apply({{(699 - key) * 3 + 1, "not to stay"}, {(699 - key) * 3, "page"}}, 0x80000000);
    if (key % 7 == 0) (void)crooked.root();
  }
  EXPECT_NE(crooked.root(), straight.root());
  for (PageKey key = 0; key < 700; ++key) {
    crooked.apply({{key * 3 + 1, std::nullopt}}, 0x80000000);
    if (key % 5 == 0) (void)crooked.pages();
  }
  crooked.apply({{0x3fffffff, std::nullopt}, {0x40000000, std::nullopt}, {0xffffffff, {}}}, 0);
  EXPECT_EQ(crooked.root(), straight.root());
  EXPECT_EQ(encode_groups(crooked.pages()), encode_groups(straight.pages()));
  EXPECT_EQ(crooked.root(0x80000000), straight.root());
}

// The parts of a server's state are apart at these keys (execution.h).
TEST(PageSet, PartsBeginWithinAGroupToo) {
  PageSet all;
  all.apply({{0, "a"}, {0x3ffffffe, "b"}, {0x3fffffff, "c"}, {0x40000000, "d"}}, 0);
  PageSet part;
  part.apply({{0x3fffffff, "c"}, {0x40000000, "d"}}, 0);
  EXPECT_EQ(all.root(0x3fffffff), part.root());
  part.apply({{0x3fffffff, std::nullopt}}, 0);
  EXPECT_EQ(all.root(0x40000000), part.root());
  EXPECT_EQ(all.range(0x3fffffff, 0x40000000), (std::map<PageKey, Bytes>{{0, "c"}}));
  EXPECT_EQ(all.range(0x40000000, 0), (std::map<PageKey, Bytes>{{0, "d"}}));
}

TEST(PageSet, DifferencesMakeOneOfTheOther) {
  PageSet from;
  PageSet to;
  for (PageKey key = 0; key < 2000; ++key) {
    if (key % 3 != 0) from.apply({{key, std::to_string(key / 100)}}, 500);
    if (key % 4 != 0 && key < 1500) to.apply({{key, std::to_string(key / 99)}}, 500);
  }
  const Pages before = from.pages();
  int groups = 0;
  EXPECT_TRUE(visit_differences(before, to.pages(), 510, [&](const PageChanges& changes) {
    EXPECT_LE(changes.size(), 256U);
    from.apply(changes, 510);
    return ++groups > 0;
  }));
  EXPECT_EQ(groups, 9);
  EXPECT_EQ(from.root(510), to.root(510));
  EXPECT_FALSE(visit_differences(before, to.pages(), 510,
                                 [](const PageChanges& /*changes*/) { return false; }));
  EXPECT_TRUE(visit_differences(from.pages(), to.pages(), 512, [](const PageChanges& changes) {
    ADD_FAILURE() << changes.size() << " differences between equals";
    return true;
  }));
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
  EXPECT_EQ(save(), 2U);  // 1 is gone, 2 is as it was, 7 is written
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

TEST(PageSet, ListsOfGroupsImplyTheRootAndBadOnesAreRefused) {
  PageSet set;
  set.apply({{1, "a"}, {300, "b"}, {0xffffffff, "c"}}, 0);
  const Bytes good = encode_groups(set.pages());
  const auto groups = decode_groups(good);
  ASSERT_TRUE(groups);
  EXPECT_EQ(groups->size(), 3U);
  EXPECT_EQ(groups_root(*groups), set.root());
  EXPECT_EQ(groups_root(*decode_groups("")), PageSet().root());
  EXPECT_FALSE(decode_groups(good.substr(1)));
  EXPECT_FALSE(decode_groups(good + good));
  EXPECT_FALSE(decode_groups(good.substr(36, 36) + good.substr(0, 36)));
  EXPECT_FALSE(decode_groups(good.substr(0, 36) + good.substr(0, 36)));
  Bytes beyond;
  append_u32(beyond, 1U << 24);  // there are 2^24 groups
  EXPECT_FALSE(decode_groups(beyond + Bytes(32, 'd')));
  Bytes many;
  for (GroupKey key = 0; key < limits::kMaxPageGroups; ++key) {
    append_u32(many, key);
    many.append(32, 'd');
  }
  EXPECT_TRUE(decode_groups(many));
  EXPECT_LT(many.size(), limits::kMaxFrameBytes);
  append_u32(many, limits::kMaxPageGroups);
  EXPECT_FALSE(decode_groups(many + Bytes(32, 'd')));
}

TEST(PageSet, GroupsImplyTheirDigestAndBadOnesAreRefused) {
  PageSet set;
  set.apply({{256, "a"}, {511, "b"}}, 0);
  const PageGroup& group = *set.pages().at(1);
  const Bytes good = encode_group(group.pages);
  EXPECT_EQ(group_digest(1, good), group.digest);
  EXPECT_NE(group_digest(2, good), group.digest);
  const auto pages = decode_group(1, good);
  ASSERT_TRUE(pages);
  EXPECT_EQ(*pages, (PageDigests{{256, page_digest("a")}, {511, page_digest("b")}}));
  EXPECT_FALSE(decode_group(1, ""));
  EXPECT_FALSE(decode_group(1, good.substr(1)));
  EXPECT_FALSE(decode_group(1, good.substr(33) + good.substr(0, 33)));
  EXPECT_FALSE(decode_group(1, good + good));
}

TEST(StoreLayout, KeepsRecordsInOrderAndTruncatesThem) {
  testing::MemoryStore store;
  storage::WriteBatch batch;
  for (const Sequence n :
       {Sequence{0}, Sequence{1}, Sequence{2}, Sequence{300}, Sequence{1} << 40}) {
    layout::put_record({n, 3, "later kind"}, batch);
    layout::put_record({n, 2, std::to_string(n)}, batch);
  }
  layout::put_marker(256, crypto::sha256("state"), 0, batch);
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
  for (const auto& [key, value] : std::map<Bytes, Bytes>{{"r123", ""},
                                                         {"p1", ""},
                                                         {"f1", ""},
                                                         {"f" + Bytes(8, '\xff') + "page", ""},
                                                         {"s", "\xff\xff"},
                                                         {"s", "no digest"}}) {
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
