#include "service/kv/paged_map.h"

#include <gtest/gtest.h>

#include <random>

#include "wire/limits.h"

namespace steward::kv {
namespace {

constexpr HashKey kKey = {1, 2, 3};

bool put(PagedMap& map, BytesView key, BytesView value) {
  const PagedMap::Pair pair{key, value};
  return map.put({&pair, 1});
}

std::map<PageKey, Bytes> pages_of(PagedMap& map) {
  std::map<PageKey, Bytes> pages;
  for (auto& [key, page] : map.collect()) {
    if (page) pages[key] = *page;
  }
  return pages;
}

// Keys of one page under kKey.
std::vector<Bytes> colliding_keys(std::size_t count) {
  std::map<PageKey, std::vector<Bytes>> by_page;
  for (int i = 0;; ++i) {
    PagedMap one(kKey);
    const Bytes key = "key" + std::to_string(i);
    EXPECT_TRUE(put(one, key, ""));
    auto& keys = by_page[one.collect().begin()->first];
    keys.push_back(key);
    if (keys.size() == count) return keys;
  }
}

TEST(PagedMap, CollectsOnlyWhatChanged) {
  PagedMap map(kKey);
  EXPECT_TRUE(map.collect().empty());
  ASSERT_TRUE(put(map, "a", "1"));
  ASSERT_TRUE(put(map, "a", "2"));
  PageChanges changes = map.collect();
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_EQ(changes.begin()->second, Bytes("\0\0\0\1a\0\0\0\0012", 10));
  EXPECT_TRUE(map.collect().empty());
  EXPECT_FALSE(map.erase("b"));
  EXPECT_TRUE(map.collect().empty());
  EXPECT_TRUE(map.erase("a"));
  changes = map.collect();
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_EQ(changes.begin()->second, std::nullopt);
}

TEST(PagedMap, PagesDependOnlyOnContents) {
  std::mt19937 random(7);
  PagedMap first(kKey);
  PagedMap second(kKey);
  for (int i = 0; i < 5000; ++i) {
    const Bytes key = std::to_string(random() % 1000);
    if (random() % 3 == 0) {
      first.erase(key);
    } else {
      ASSERT_TRUE(put(first, key, std::to_string(random())));
    }
  }
  for (PageKey page = PagedMap::kPages; page-- > 0;) {
    for (const auto& [key, value] : first.page(page)) ASSERT_TRUE(put(second, key, value));
  }
  const auto pages = pages_of(first);
  EXPECT_EQ(pages, pages_of(second));
  PagedMap third(kKey);
  ASSERT_TRUE(put(third, "gone", "x"));
  ASSERT_TRUE(third.load(pages));
  EXPECT_EQ(third.size(), first.size());
  EXPECT_TRUE(third.collect().empty());
  EXPECT_EQ(third.find("gone"), nullptr);
}

TEST(PagedMap, ClearForgetsEverything) {
  PagedMap map(kKey);
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(put(map, std::to_string(i), "x"));
  const std::size_t pages = pages_of(map).size();
  map.clear();
  EXPECT_EQ(map.size(), 0U);
  const PageChanges changes = map.collect();
  EXPECT_EQ(changes.size(), pages);
  for (const auto& [key, page] : changes) EXPECT_FALSE(page.has_value());
}

TEST(PagedMap, LoadsSomePagesAndKeepsTheRest) {
  PagedMap map(kKey);
  PagedMap other(kKey);
  for (int i = 0; i < 3000; ++i) {
    ASSERT_TRUE(put(map, std::to_string(i), "x"));
    if (i % 3 != 0) {
      ASSERT_TRUE(put(other, std::to_string(i), i % 5 == 0 ? "y" : "x"));
    }
  }
  const auto from = pages_of(map);
  const auto to = pages_of(other);
  PageChanges changes;
  for (const auto& [key, page] : from) {
    if (!to.contains(key)) changes[key] = std::nullopt;
  }
  for (const auto& [key, page] : to) {
    if (!from.contains(key) || from.at(key) != page) changes[key] = page;
  }
  ASSERT_LT(changes.size(), 4096U);
  ASSERT_TRUE(map.load_changes(changes));
  EXPECT_EQ(map.size(), other.size());
  EXPECT_TRUE(map.collect().empty());
  for (int i = 0; i < 3000; ++i) {
    const Bytes* mine = map.find(std::to_string(i));
    const Bytes* theirs = other.find(std::to_string(i));
    ASSERT_EQ(mine == nullptr, theirs == nullptr) << i;
    if (mine != nullptr) {
      EXPECT_EQ(*mine, *theirs);
    }
  }
  EXPECT_FALSE(map.load_changes({{PagedMap::kPages, std::nullopt}}));
  EXPECT_FALSE(map.load_changes({{0, "no page"}}));
}

TEST(PagedMap, RefusesAFullPageAndChangesNothing) {
  const auto keys = colliding_keys(15);
  PagedMap map(kKey);
  const Bytes big(limits::kMaxValueBytes, 'v');
  std::size_t stored = 0;
  while (stored < keys.size() && put(map, keys[stored], big)) ++stored;
  EXPECT_EQ(stored, 13U);
  EXPECT_EQ(map.size(), 13U);
  const std::vector<PagedMap::Pair> pairs = {{"elsewhere", "1"}, {keys[14], big}};
  EXPECT_FALSE(map.put(pairs));
  EXPECT_EQ(map.find("elsewhere"), nullptr);
  EXPECT_TRUE(put(map, keys[0], big));  // replacing needs no more room
  EXPECT_TRUE(map.erase(keys[0]));
  EXPECT_TRUE(put(map, keys[14], big));
  for (const auto& [key, page] : map.collect()) EXPECT_LE(page->size(), PagedMap::kMaxPageBytes);
}

TEST(PagedMap, LoadRefusesWhatCollectDoesNotWrite) {
  const auto keys = colliding_keys(2);
  PagedMap map(kKey);
  ASSERT_TRUE(put(map, keys[0], "1"));
  ASSERT_TRUE(put(map, keys[1], "2"));
  const auto good = pages_of(map);
  ASSERT_EQ(good.size(), 1U);
  const PageKey page = good.begin()->first;
  const Bytes& bytes = good.begin()->second;
  PagedMap other(kKey);
  ASSERT_TRUE(other.load(good));
  EXPECT_FALSE(other.load({{page, ""}}));
  EXPECT_FALSE(other.load({{page, bytes + "x"}}));
  EXPECT_FALSE(other.load({{(page + 1) % PagedMap::kPages, bytes}}));
  EXPECT_FALSE(other.load({{PagedMap::kPages, bytes}}));
  EXPECT_FALSE(other.load({{page, bytes + bytes}}));  // not ascending
  EXPECT_FALSE(other.load({{page, Bytes("\xff\xff\xff\xff", 4)}}));
  for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
    PagedMap part(kKey);
    const bool loaded = part.load({{page, bytes.substr(0, cut)}});
    EXPECT_EQ(loaded, cut == bytes.size() / 2) << cut;  // both entries are equally long
  }
}

}  // namespace
}  // namespace steward::kv
