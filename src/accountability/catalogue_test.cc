#include "accountability/catalogue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "accountability/image.h"
#include "accountability/risk.h"
#include "accountability/testing/naive.h"

namespace steward::accountability {
namespace {

Draft draft_of(const std::vector<std::vector<Draft::Need>>& needs) {
  Draft draft;
  for (std::size_t i = 0; i < needs.size(); ++i) {
    Draft::Entry entry;
    entry.name = "item" + std::to_string(i);
    entry.client = draft.client_named("client" + std::to_string(i % 3));
    entry.needs = needs[i];
    draft.entries.push_back(std::move(entry));
  }
  return draft;
}

std::vector<Label> labels_if_bad(const Catalogue& catalogue, ItemIndex bad) {
  Classification labels(catalogue.graph);
  EXPECT_TRUE(labels.mark(honest_bad(catalogue.items[bad].own)));
  std::vector<Label> out;
  for (ItemIndex i = 0; i < catalogue.items.size(); ++i) out.push_back(catalogue.label(labels, i));
  return out;
}

constexpr Label kClear = Label::kNotAffected;
constexpr Label kBad = Label::kCorrupt;
constexpr Label kSus = Label::kSuspect;

TEST(Catalogue, PutsWhatIsNeededFirstAndSharesGates) {
  // 0 needs (1 or 2) and 3; 4 needs (2 or 1).
  const auto catalogue = build_catalogue(draft_of({{{1, 2}, {3}}, {}, {}, {}, {{2, 1}}}));
  ASSERT_TRUE(catalogue);
  EXPECT_EQ(catalogue->graph.end(), 6U);  // five items and one gate
  EXPECT_EQ(labels_if_bad(*catalogue, 1),
            (std::vector<Label>{kClear, kBad, kClear, kClear, kClear}));
  EXPECT_EQ(labels_if_bad(*catalogue, 3), (std::vector<Label>{kSus, kClear, kClear, kBad, kClear}));
  Classification labels(catalogue->graph);
  ASSERT_TRUE(
      labels.mark_all({honest_bad(catalogue->items[1].own), honest_bad(catalogue->items[2].own)}));
  EXPECT_EQ(catalogue->label(labels, 0), kSus);
  EXPECT_EQ(catalogue->label(labels, 4), kSus);
}

TEST(Catalogue, ACircleFallsAsAWholeAndSaysSo) {
  // 0 and 1 need each other, 1 also needs 2; 3 needs 0; 1 could do with 4 in 0's place.
  const auto catalogue = build_catalogue(draft_of({{{1}}, {{0, 4}, {2}}, {}, {{0}}, {}}));
  ASSERT_TRUE(catalogue);
  EXPECT_EQ(catalogue->notes.circles, 1U);
  EXPECT_EQ(catalogue->notes.in_circles, 2U);
  EXPECT_EQ(catalogue->notes.largest_circle, 2U);
  EXPECT_EQ(catalogue->notes.dropped_alternatives, 1U);
  EXPECT_EQ(labels_if_bad(*catalogue, 0), (std::vector<Label>{kBad, kSus, kClear, kSus, kClear}));
  EXPECT_EQ(labels_if_bad(*catalogue, 1), (std::vector<Label>{kSus, kBad, kClear, kSus, kClear}));
  EXPECT_EQ(labels_if_bad(*catalogue, 2), (std::vector<Label>{kSus, kSus, kBad, kSus, kClear}));
  EXPECT_EQ(labels_if_bad(*catalogue, 4),
            (std::vector<Label>{kClear, kClear, kClear, kClear, kBad}));
  const std::vector<Seed> seeds = {{catalogue->items[0].own}};
  EXPECT_EQ(blast_radii(catalogue->graph, seeds, catalogue->weights()),
            std::vector<std::uint64_t>{3});
}

TEST(Catalogue, MoreAlternativesThanANodeMayHave) {
  std::vector<std::vector<Draft::Need>> needs(301);
  Draft::Need any;
  for (ItemIndex i = 1; i <= 300; ++i) any.push_back(i);
  needs[0] = {any};
  const auto catalogue = build_catalogue(draft_of(needs));
  ASSERT_TRUE(catalogue);
  Classification labels(catalogue->graph);
  for (ItemIndex i = 1; i <= 300; ++i) {
    EXPECT_EQ(catalogue->label(labels, 0), kClear) << i;
    ASSERT_TRUE(labels.mark(honest_bad(catalogue->items[i].own)));
  }
  EXPECT_EQ(catalogue->label(labels, 0), kSus);
}

TEST(Catalogue, RefusesDraftsThatLie) {
  EXPECT_EQ(build_catalogue(draft_of({{{1}}})).error().code, ErrorCode::kBadInput);
  EXPECT_EQ(build_catalogue(draft_of({{{}}})).error().code, ErrorCode::kBadInput);
  Draft backwards = draft_of({{}, {}});
  backwards.entries[0].release = 1;
  EXPECT_FALSE(build_catalogue(backwards));
  Draft future = draft_of({{{1}}, {}});
  future.entries[1].release = 1;
  EXPECT_FALSE(build_catalogue(future));
  Draft stranger = draft_of({{}});
  stranger.entries[0].client = 1;
  EXPECT_FALSE(build_catalogue(stranger));
}

// Without circles of alternatives the condensed graph is exact: compare with a fixpoint over the
// draft itself.
TEST(CatalogueProperty, EqualsAFixpointOverTheDraft) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    std::mt19937_64 random(seed);
    std::vector<std::vector<Draft::Need>> needs(40);
    for (ItemIndex i = 0; i < needs.size(); ++i) {
      for (std::uint64_t left = random() % 3; left > 0; --left) {
        // Alternatives among earlier items; needs without one may make circles.
        const bool any = i > 1 && random() % 2 == 0;
        Draft::Need need = {static_cast<ItemIndex>(any ? random() % i : random() % needs.size())};
        if (any) need.push_back(static_cast<ItemIndex>(random() % i));
        needs[i].push_back(need);
      }
    }
    const auto catalogue = build_catalogue(draft_of(needs));
    ASSERT_TRUE(catalogue);
    for (ItemIndex bad = 0; bad < needs.size(); bad += 7) {
      std::vector<bool> tainted(needs.size(), false);
      tainted[bad] = true;
      for (bool changed = true; changed;) {
        changed = false;
        for (ItemIndex i = 0; i < needs.size(); ++i) {
          const auto spoilt = [&tainted](const Draft::Need& need) {
            return std::all_of(need.begin(), need.end(), [&](ItemIndex j) { return tainted[j]; });
          };
          if (tainted[i] || std::none_of(needs[i].begin(), needs[i].end(), spoilt)) continue;
          tainted[i] = changed = true;
        }
      }
      const auto labels = labels_if_bad(*catalogue, bad);
      for (ItemIndex i = 0; i < needs.size(); ++i) {
        // Where an alternative was dropped, more may be suspect, never less.
        if (catalogue->notes.dropped_alternatives == 0) {
          EXPECT_EQ(labels[i] != kClear, tainted[i]) << "seed " << seed << " item " << i;
        } else {
          EXPECT_TRUE(labels[i] != kClear || !tainted[i]) << "seed " << seed << " item " << i;
        }
      }
    }
  }
}

Catalogue random_catalogue(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  Catalogue out;
  testing::Naive naive;
  testing::draw(random, {}, out.graph, naive);
  for (Client i = 0; i < out.graph.clients(); ++i) out.clients.push_back("c" + std::to_string(i));
  for (Node node = 0; node < out.graph.end(); ++node) {
    out.items.push_back({"n" + std::to_string(node), node, node});
  }
  return out;
}

TEST(Image, ReadsWhatItWrote) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const Catalogue before = random_catalogue(seed);
    const auto after = from_image(to_image(before));
    ASSERT_TRUE(after) << after.error().message;
    ASSERT_EQ(after->graph.end(), before.graph.end());
    EXPECT_EQ(after->clients, before.clients);
    for (Node node = 0; node < before.graph.end(); ++node) {
      EXPECT_EQ(after->graph.at(node).client, before.graph.at(node).client);
      EXPECT_EQ(after->graph.time_of(node), before.graph.time_of(node));
      EXPECT_EQ(after->graph.at(node).cells(), before.graph.at(node).cells());
      EXPECT_EQ(after->items[node].name, before.items[node].name);
    }
  }
}

std::uint64_t fnv(BytesView bytes) {
  std::uint64_t sum = 0xcbf29ce484222325;
  for (const char c : bytes) sum = (sum ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return sum;
}

TEST(Image, RefusesDamage) {
  const CatalogueImage good = to_image(random_catalogue(1));
  for (std::size_t i = 0; i < good.graph.size(); ++i) {
    CatalogueImage bad = good;
    bad.graph[i] = static_cast<char>(bad.graph[i] ^ 0x10);
    const auto read = from_image(bad);
    ASSERT_FALSE(read) << i;
    EXPECT_EQ(read.error().code, ErrorCode::kCorrupt);
    bad.graph = good.graph.substr(0, i);
    EXPECT_FALSE(from_image(bad));
  }
  CatalogueImage bad = good;
  bad.items = "0\t99\tx\n";
  EXPECT_FALSE(from_image(bad));
  bad.items = "0\t0\n";
  EXPECT_FALSE(from_image(bad));
  bad = good;
  bad.clients += "one more\n";
  EXPECT_FALSE(from_image(bad));
}

// With the right checksum, so that everything behind it is reached.
TEST(Image, RefusesLiesOrGivesAGraphThatHolds) {
  const CatalogueImage good = to_image(random_catalogue(2));
  std::mt19937_64 random(3);
  for (int i = 0; i < 3000; ++i) {
    CatalogueImage bad = good;
    bad.items.clear();
    for (std::uint64_t left = 1 + random() % 4; left > 0; --left) {
      const std::size_t at = 16 + random() % (bad.graph.size() - 24);
      bad.graph[at] = static_cast<char>(random());
    }
    Bytes body = bad.graph.substr(0, bad.graph.size() - 8);
    const std::uint64_t sum = fnv(body);
    append_u64(body, sum);
    bad.graph = body;
    const auto read = from_image(bad);
    if (!read) continue;
    read->graph.for_each(0, [](const NodeView& view) {
      for (const Cell& cell : view.cells()) {
        for (const Node node : cell) EXPECT_TRUE(node == kUnresolvable || node < view.node);
      }
    });
  }
}

}  // namespace
}  // namespace steward::accountability
