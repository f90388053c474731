#include "replica/page_staging.h"

#include <gtest/gtest.h>

#include "replica/testing/memory_store.h"

namespace steward::replica {
namespace {

// A server's pages and its store; what it fetches is there as `to`.
class Staging : public ::testing::Test {
 protected:
  static Bytes content(PageKey key, int version) {
    return std::to_string(key) + " v" + std::to_string(version) + Bytes(60'000, 'x');
  }

  // Pages 0 to `count`, of this version up to `changed`, of version 0 from there on.
  static Pages state(PageKey count, PageKey changed, int version) {
    PageSet set;
    for (PageKey key = 0; key < count; ++key) {
      set.apply({{key, content(key, key < changed ? version : 0)}}, 0);
    }
    return set.pages();
  }

  void write(bool sync = true) {
    EXPECT_TRUE(store_.write(batch_, sync).ok());
    writes_.push_back(std::exchange(batch_, {}));
  }

  void checkpoint(Sequence sequence) {
    staging_.save_changes(pages_, batch_);
    layout::put_marker(sequence, pages_.root(), staging_.overlay(), batch_);
    write();
  }

  // In pieces of 10 pages, each a write of its own.
  void stage(const Pages& to) {
    PageMap piece;
    for (const auto& [group, all] : to) {
      for (const auto& [key, page] : all->pages) {
        const StoredPage* own = find_page(pages_.pages(), key);
        if (own != nullptr && own->digest == page.digest) continue;
        piece[key] = page;
        if (piece.size() < 10) continue;
        staging_.stage(std::exchange(piece, {}), batch_);
        write(false);
      }
    }
    staging_.stage(piece, batch_);
    write(false);
  }

  void install(Sequence sequence, const Pages& to) {
    pages_.replace(to);
    staging_.install(pages_, batch_);
    layout::put_marker(sequence, pages_.root(), staging_.overlay(), batch_);
    write();
  }

  // What a server that starts on `store` finds must be the snapshot that its marker names.
  static void expect_sound(const testing::MemoryStore& store) {
    auto stored = layout::load(store);
    ASSERT_TRUE(stored.ok());
    if (stored->snapshot == 0) return;
    PageSet pages;
    pages.load(stored->pages);
    ASSERT_EQ(pages.root(), stored->snapshot_digest) << "snapshot " << stored->snapshot;
  }

  // A crash after any of the writes since `store` was as it was.
  void expect_sound_after_each(testing::MemoryStore store) const {
    expect_sound(store);
    for (const storage::WriteBatch& batch : writes_) {
      ASSERT_TRUE(store.write(batch, true).ok());
      expect_sound(store);
    }
  }

  std::size_t largest_batch() const {
    std::size_t largest = 0;
    for (const storage::WriteBatch& batch : writes_) {
      std::size_t bytes = 0;
      for (const auto& [key, value] : batch.puts) bytes += value ? value->size() : 0;
      largest = std::max(largest, bytes);
    }
    return largest;
  }

  std::size_t fetched_left() const { return store_.scan("f")->size(); }

  void expect_stored(const Pages& pages) {
    const auto stored = layout::load(store_);
    ASSERT_TRUE(stored.ok());
    PageSet read;
    read.load(stored->pages);
    EXPECT_EQ(read.root(), pages_root(pages));
    EXPECT_EQ(stored->snapshot_digest, pages_root(pages));
  }

  testing::MemoryStore store_;
  PageSet pages_;
  PageStaging staging_;
  storage::WriteBatch batch_;
  std::vector<storage::WriteBatch> writes_;
};

TEST_F(Staging, AFetchedSnapshotIsInstalledAndMovedInBoundedSteps) {
  pages_.replace(state(300, 0, 0));
  checkpoint(8);
  const Pages to = state(280, 200, 1);
  const testing::MemoryStore before = store_;
  writes_.clear();
  stage(to);
  install(16, to);
  expect_stored(to);
  EXPECT_GT(staging_.overlay(), 0U);
  int steps = 0;
  while (staging_.move_some(pages_, batch_) && ++steps < 100) write();
  write();
  EXPECT_EQ(staging_.overlay(), 0U);
  EXPECT_EQ(fetched_left(), 0U);
  expect_stored(to);
  EXPECT_GT(steps, 5);
  EXPECT_LE(largest_batch(), PageStaging::kMoveBytes + 100'000);
  expect_sound_after_each(before);
}

TEST_F(Staging, CheckpointsTakeOutOfTheOverlayWhatTheyWrite) {
  pages_.replace(state(100, 0, 0));
  checkpoint(8);
  const testing::MemoryStore before = store_;
  writes_.clear();
  const Pages to = state(100, 60, 1);
  stage(to);
  install(16, to);
  pages_.apply({{5, content(5, 2)}, {6, std::nullopt}, {90, content(90, 2)}}, 0);
  EXPECT_TRUE(staging_.move_some(pages_, batch_));
  write();
  expect_stored(to);  // not what has changed since
  checkpoint(24);
  expect_stored(pages_.pages());
  while (staging_.move_some(pages_, batch_)) write();
  write();
  expect_stored(pages_.pages());
  EXPECT_EQ(fetched_left(), 0U);
  expect_sound_after_each(before);
}

TEST_F(Staging, ASecondSnapshotMayComeBeforeTheFirstIsMoved) {
  pages_.replace(state(100, 0, 0));
  checkpoint(8);
  const testing::MemoryStore before = store_;
  writes_.clear();
  stage(state(100, 60, 1));
  install(16, state(100, 60, 1));
  EXPECT_TRUE(staging_.move_some(pages_, batch_));
  write();
  const Pages next = state(90, 30, 2);
  stage(next);
  install(24, next);
  expect_stored(next);
  while (staging_.move_some(pages_, batch_)) write();
  write();
  expect_stored(next);
  EXPECT_EQ(fetched_left(), 0U);
  // A third one, from the beginning.
  stage(state(90, 80, 3));
  install(32, state(90, 80, 3));
  expect_stored(state(90, 80, 3));
  EXPECT_GT(staging_.overlay(), 0U);
  expect_sound_after_each(before);
}

TEST_F(Staging, ARestartFindsWhatWasFetchedAndWhatStandsOver) {
  pages_.replace(state(50, 0, 0));
  checkpoint(8);
  stage(state(50, 20, 1));
  install(16, state(50, 20, 1));
  stage(state(50, 30, 2));

  auto stored = layout::load(store_);
  ASSERT_TRUE(stored.ok());
  EXPECT_EQ(stored->snapshot, 16U);
  EXPECT_EQ(stored->overlaid.size(), 20U);
  PageStaging again;
  const PageMap found = again.open(*stored);
  EXPECT_EQ(found.size(), 30U);
  EXPECT_EQ(found.at(7).digest, page_digest(content(7, 2)));
  EXPECT_GT(again.overlay(), 0U);
  PageSet pages;
  pages.load(std::move(stored->pages));
  EXPECT_EQ(pages.root(), pages_root(state(50, 20, 1)));
  while (again.move_some(pages, batch_)) write();
  again.discard(batch_);
  write();
  EXPECT_EQ(fetched_left(), 0U);
  expect_stored(state(50, 20, 1));
}

// What was staged and does not fit what is installed leaves the store with it.
TEST_F(Staging, StalePagesDoNotStandOverASnapshot) {
  pages_.replace(state(20, 0, 0));
  checkpoint(8);
  stage(state(40, 20, 1));            // of a target that was given up
  const Pages to = state(30, 10, 2);  // 0 to 10 came anew; from 20 on as staged
  stage(state(30, 10, 2));
  install(16, to);
  expect_stored(to);
  while (staging_.move_some(pages_, batch_)) write();
  write();
  expect_stored(to);
  EXPECT_EQ(fetched_left(), 0U);
}

TEST_F(Staging, WhatIsDiscardedInOneBatchIsGone) {
  PageMap pages;
  pages[3] = {std::make_shared<const Bytes>("three"), page_digest("three")};
  staging_.stage(pages, batch_);
  EXPECT_FALSE(staging_.empty());
  staging_.discard(batch_);
  EXPECT_TRUE(staging_.empty());
  write();
  EXPECT_EQ(fetched_left(), 0U);
}

}  // namespace
}  // namespace steward::replica
