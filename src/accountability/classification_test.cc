#include "accountability/classification.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "accountability/testing/naive.h"

namespace steward::accountability {
namespace {

using testing::labels_of;
using testing::Naive;

constexpr Label kClear = Label::kNotAffected;
constexpr Label kBad = Label::kCorrupt;
constexpr Label kSus = Label::kSuspect;

class ClassificationTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (int i = 0; i < 4; ++i) ASSERT_TRUE(graph_.add_client());
  }
  Node add(Client client, const Cells& cells = {}) {
    return *graph_.append(client, ++times_[client], cells);
  }

  Graph graph_;
  Timestamp times_[4] = {};
};

// The example of the paper: a dispatch that rests on either of two sensors, and on a map.
TEST_F(ClassificationTest, AnAlternativeExoneratesUntilBothAreBad) {
  const Node a = add(0);
  const Node b = add(1);
  const Node map = add(2);
  const Node dispatch = add(3, {{a, map}, {b, map}});
  Classification labels(graph_);
  ASSERT_TRUE(labels.mark(corrupt_update(a)));
  EXPECT_EQ(labels.label(dispatch), kClear);
  ASSERT_TRUE(labels.mark(corrupt_update(b)));
  EXPECT_EQ(labels.label(dispatch), kSus);
  ASSERT_TRUE(labels.withdraw(corrupt_update(a)));
  EXPECT_EQ(labels.label(dispatch), kClear);
  ASSERT_TRUE(labels.mark(honest_bad(map)));
  EXPECT_EQ(labels.label(dispatch), kSus);
  EXPECT_EQ(labels.counts(), (Counts{1, 1, 2}));
}

TEST_F(ClassificationTest, AMaliciousClientsLaterUpdatesAreCorruptAndItsEarlierOnesAreNot) {
  const Node before = add(0);
  const Node bad = add(0);
  const Node good = add(1);
  const Node later = add(0, {{good}, {before}});  // no alternative rescues it
  const Node rests = add(1, {{later}});
  const Node next = add(1);  // a suspect update makes no malicious client
  Classification labels(graph_);
  ASSERT_TRUE(labels.mark(corrupt_update(bad)));
  EXPECT_EQ(labels_of(labels), (std::vector<Label>{kClear, kBad, kClear, kBad, kSus, kClear}));
  EXPECT_EQ(labels.label(next), kClear);
  EXPECT_EQ(labels.malicious_from(0), 2U);
  EXPECT_EQ(labels.malicious_from(1), std::nullopt);
  const Node new_bad = add(0);
  const Node new_suspect = add(2, {{rests}});
  labels.catch_up();
  EXPECT_EQ(labels.label(new_bad), kBad);
  EXPECT_EQ(labels.label(new_suspect), kSus);
}

TEST_F(ClassificationTest, AnHonestMistakeIsAlone) {
  const Node bad = add(0);
  const Node later = add(0);
  const Node rests = add(1, {{bad}});
  Classification labels(graph_);
  ASSERT_TRUE(labels.mark(honest_bad(bad)));
  EXPECT_EQ(labels.label(bad), kBad);
  EXPECT_EQ(labels.label(later), kClear);
  EXPECT_EQ(labels.label(rests), kSus);
}

TEST_F(ClassificationTest, ClearedStopsTheTaintAndLosesToCorrupt) {
  const Node bad = add(0);
  const Node reviewed = add(1, {{bad}});
  const Node rests = add(2, {{reviewed}});
  Classification labels(graph_);
  ASSERT_TRUE(labels.mark_all({cleared(reviewed), corrupt_update(bad)}));
  EXPECT_EQ(labels.label(reviewed), kClear);
  EXPECT_EQ(labels.label(rests), kClear);
  ASSERT_TRUE(labels.mark(client_from(1, 0)));
  EXPECT_EQ(labels.label(reviewed), kBad);
  EXPECT_EQ(labels.label(rests), kSus);
  ASSERT_TRUE(labels.withdraw(client_from(1, 0)));
  ASSERT_TRUE(labels.withdraw(cleared(reviewed)));
  EXPECT_EQ(labels.label(reviewed), kSus);
}

TEST_F(ClassificationTest, WithoutCellsOrWithAnEmptyOneNothingTaints) {
  const Node bad = add(0);
  const Node free = add(1, {{bad}, {}});
  const Node unresolvable = add(1, {{kUnresolvable}});
  const Node either = add(1, {{kUnresolvable}, {free}});
  Classification labels(graph_);
  ASSERT_TRUE(labels.mark(honest_bad(bad)));
  EXPECT_EQ(labels.label(free), kClear);
  EXPECT_EQ(labels.label(unresolvable), kSus);
  EXPECT_EQ(labels.label(either), kClear);
}

TEST_F(ClassificationTest, AClientMayBeMaliciousBeforeItActs) {
  Classification labels(graph_);
  ASSERT_TRUE(labels.mark(client_from(2, 2)));
  const Node first = add(2);
  const Node second = add(2);
  labels.catch_up();
  EXPECT_EQ(labels.label(first), kClear);
  EXPECT_EQ(labels.label(second), kBad);
  // The earlier of two times counts, and the other remains when it goes.
  ASSERT_TRUE(labels.mark(client_from(2, 1)));
  EXPECT_EQ(labels.label(first), kBad);
  ASSERT_TRUE(labels.withdraw(client_from(2, 1)));
  EXPECT_EQ(labels.label(first), kClear);
  EXPECT_EQ(labels.label(second), kBad);
}

TEST_F(ClassificationTest, RefusesMarksOnWhatIsNotThere) {
  const Node node = add(0);
  const Node gate = *graph_.append_gate({{node}});
  Classification labels(graph_);
  EXPECT_EQ(labels.mark(corrupt_update(gate + 1)).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(labels.mark(honest_bad(kUnresolvable)).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(labels.mark(client_from(4, 0)).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(labels.mark(corrupt_update(gate)).error().code, ErrorCode::kBadInput);
  EXPECT_EQ(labels.withdraw(honest_bad(node)).error().code, ErrorCode::kNotFound);
  // All or nothing.
  EXPECT_FALSE(labels.mark_all({honest_bad(node), honest_bad(99)}));
  EXPECT_TRUE(labels.marks().empty());
  EXPECT_EQ(labels.label(node), kClear);
  EXPECT_TRUE(labels.mark(honest_bad(gate)));
}

TEST(ClassificationProperty, EqualsTheNaiveReferenceAfterEachMarkAndWithdrawal) {
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    std::mt19937_64 random(seed);
    Graph graph;
    Naive naive;
    testing::RandomGraphOptions options;
    options.nodes = 1 + random() % 80;
    testing::draw(random, options, graph, naive);
    Classification labels(graph);
    for (int step = 0; step < 12; ++step) {
      if (step % 3 != 2 || naive.marks.empty()) {
        const Mark mark = testing::draw_mark(random, graph);
        ASSERT_TRUE(labels.mark(mark));
        const bool is_new =
            std::find(naive.marks.begin(), naive.marks.end(), mark) == naive.marks.end();
        if (is_new) naive.marks.push_back(mark);
      } else {
        const auto chosen =
            naive.marks.begin() + static_cast<std::ptrdiff_t>(random() % naive.marks.size());
        ASSERT_TRUE(labels.withdraw(*chosen));
        naive.marks.erase(chosen);
      }
      ASSERT_EQ(labels_of(labels), naive.labels()) << "seed " << seed << " step " << step;
    }
  }
}

TEST(ClassificationProperty, TheOrderOfMarksAndUpdatesDoesNotMatter) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    std::mt19937_64 random(seed);
    Graph graph;
    Naive naive;
    testing::draw(random, {}, graph, naive);
    std::vector<Mark> marks;
    for (int i = 0; i < 6; ++i) marks.push_back(testing::draw_mark(random, graph));
    Classification together(graph);
    ASSERT_TRUE(together.mark_all(marks));
    std::shuffle(marks.begin(), marks.end(), random);
    Classification one_by_one(graph);
    for (const Mark& mark : marks) ASSERT_TRUE(one_by_one.mark(mark));
    EXPECT_EQ(labels_of(together), labels_of(one_by_one)) << seed;
    EXPECT_EQ(together.counts(), one_by_one.counts());

    // Marks on half of the graph, then the other half arrives.
    Graph growing;
    while (growing.clients() < graph.clients()) ASSERT_TRUE(growing.add_client());
    Classification live(growing);
    for (Node node = 0; node < graph.end(); ++node) {
      const testing::NaiveUpdate& update = naive.updates[node];
      if (update.client == kGate) {
        ASSERT_TRUE(growing.append_gate(update.cells));
      } else {
        ASSERT_TRUE(growing.append(update.client, update.time, update.cells));
      }
      live.catch_up();
      for (const Mark& mark : marks) {
        const bool is_new = mark.kind == MarkKind::kClientFrom ? node == 0 : mark.node == node;
        if (is_new) {
          ASSERT_TRUE(live.mark(mark));
        }
      }
    }
    EXPECT_EQ(labels_of(together), labels_of(live)) << seed;
    EXPECT_EQ(together.counts(), live.counts());
  }
}

TEST(ClassificationProperty, WithdrawnIsTheSameAsNeverMarked) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    std::mt19937_64 random(seed);
    Graph graph;
    Naive naive;
    testing::draw(random, {}, graph, naive);
    Classification kept(graph);
    Classification changed(graph);
    std::vector<Mark> withdrawn;
    for (int i = 0; i < 8; ++i) {
      const Mark mark = testing::draw_mark(random, graph);
      if (i % 2 == 0) {
        ASSERT_TRUE(kept.mark(mark));
      } else {
        withdrawn.push_back(mark);
      }
      ASSERT_TRUE(changed.mark(mark));
    }
    for (const Mark& mark : withdrawn) {
      if (kept.marks().contains(mark) || !changed.marks().contains(mark)) continue;
      ASSERT_TRUE(changed.withdraw(mark));
    }
    EXPECT_EQ(labels_of(kept), labels_of(changed)) << seed;
    EXPECT_EQ(kept.counts(), changed.counts());
    EXPECT_EQ(kept.marks(), changed.marks());
  }
}

TEST(ClassificationProperty, MoreMarksNeverTaintLess) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    std::mt19937_64 random(seed);
    Graph graph;
    Naive naive;
    testing::draw(random, {}, graph, naive);
    Classification labels(graph);
    std::vector<Label> before = labels_of(labels);
    for (int i = 0; i < 6; ++i) {
      const Mark mark = testing::draw_mark(random, graph);
      if (mark.kind == MarkKind::kCleared) continue;
      ASSERT_TRUE(labels.mark(mark));
      const std::vector<Label> after = labels_of(labels);
      for (std::size_t node = 0; node < after.size(); ++node) EXPECT_GE(after[node], before[node]);
      before = after;
    }
  }
}

// 100,000 updates: each client's k-th rests on the one 10 before it in the order.
class HorizonTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(graph_.add_client());
    for (Node node = 0; node < 100'000; ++node) {
      const Cells cells = node < 10 ? Cells{} : Cells{{node - 10}};
      ASSERT_TRUE(graph_.append(static_cast<Client>(node % 10), node / 10, cells));
    }
  }

  Graph graph_;
};

TEST_F(HorizonTest, WhatWasTaintedStaysSoWhenItIsForgotten) {
  Classification labels(graph_);
  ASSERT_TRUE(labels.mark(honest_bad(3)));
  graph_.forget_before(70'000);
  labels.catch_up();
  EXPECT_FALSE(labels.unbounded());
  EXPECT_EQ(labels.label(3), Label::kSuspect);
  EXPECT_EQ(labels.label(4), Label::kNotAffected);
  EXPECT_EQ(labels.label(70'003), Label::kSuspect);
  EXPECT_EQ(labels.counts().suspect, 3446U);  // those of 65,536 to 99,999 that end in 3
  // An unrelated mark recomputes everything from the horizon on, with the same result.
  ASSERT_TRUE(labels.mark(honest_bad(65'536)));
  EXPECT_EQ(labels.label(70'003), Label::kSuspect);
  EXPECT_EQ(labels.label(70'004), Label::kNotAffected);
  EXPECT_EQ(labels.label(70'006), Label::kSuspect);
}

TEST_F(HorizonTest, AMarkBeforeTheHorizonMakesEverythingThatRestsOnItSuspect) {
  Classification labels(graph_);
  graph_.forget_before(70'000);
  labels.catch_up();
  const Node independent = *graph_.append(1, 20'000, Cells{});
  labels.catch_up();
  const auto refused = labels.mark(corrupt_update(5));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kNotFound);
  EXPECT_NE(refused.error().message.find("forgotten"), std::string::npos);

  ASSERT_TRUE(labels.mark(client_from(2, 6553)));
  EXPECT_TRUE(labels.unbounded());
  EXPECT_EQ(labels.label(70'000), Label::kSuspect);
  EXPECT_EQ(labels.label(70'002), Label::kCorrupt);
  EXPECT_EQ(labels.label(7), Label::kSuspect);
  EXPECT_EQ(labels.label(independent), Label::kNotAffected);
  EXPECT_EQ(labels.counts().not_affected, 1U);
  ASSERT_TRUE(labels.withdraw(client_from(2, 6553)));
  EXPECT_FALSE(labels.unbounded());
  EXPECT_EQ(labels.label(70'000), Label::kNotAffected);
}

TEST_F(HorizonTest, AMarkFromTheHorizonOnIsFollowedExactly) {
  Classification labels(graph_);
  graph_.forget_before(70'000);
  labels.catch_up();
  // Client 2's last forgotten update is 65,532, of time 6553.
  ASSERT_TRUE(labels.mark(client_from(2, 6554)));
  EXPECT_FALSE(labels.unbounded());
  EXPECT_EQ(labels.counts().corrupt, 3446U);
  EXPECT_EQ(labels.counts().suspect, 0U);
}

// As if it had never been cleared, it is tainted, and so is what rests on it.
TEST_F(HorizonTest, WhatWasClearedAndForgottenIsNotCleanWhenTheMarkIsWithdrawn) {
  Classification labels(graph_);
  ASSERT_TRUE(labels.mark_all({honest_bad(3), cleared(13)}));
  graph_.forget_before(70'000);
  labels.catch_up();
  ASSERT_EQ(labels.label(70'003), Label::kNotAffected);
  const bool withdrawn = bool(labels.withdraw(cleared(13)));
  EXPECT_TRUE(!withdrawn || labels.label(70'003) == Label::kSuspect);
}

}  // namespace
}  // namespace steward::accountability
