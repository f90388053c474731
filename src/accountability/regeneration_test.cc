#include "accountability/regeneration.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "accountability/testing/naive.h"

namespace steward::accountability {
namespace {

// A register machine: update n sets register n % 8 to a number made of n and of what it reads.
// Some updates read a register without declaring it.
class Registers final : public Replayer {
 public:
  Registers(const Graph& graph, std::vector<std::size_t> secret_reads)
      : graph_(graph), secret_reads_(std::move(secret_reads)) {
    for (Node node = 0; node < graph.end(); ++node) {
      snapshots_.push_back(state_);
      originals_.push_back(graph.at(node).is_gate() ? Bytes() : run(node));
    }
    snapshots_.push_back(state_);
  }

  Status restore(Node snapshot) override {
    state_ = snapshots_[snapshot];
    executed_.clear();
    return {};
  }
  Result<Bytes> execute(Node update) override {
    executed_.push_back(update);
    return run(update);
  }
  Result<Bytes> original_result(Node update) override { return originals_[update]; }

  const std::vector<Node>& executed() const { return executed_; }

 private:
  using State = std::vector<std::uint64_t>;

  Bytes run(Node node) {
    std::uint64_t value = node * 1'000'003;
    const bool is_secret =
        std::find(secret_reads_.begin(), secret_reads_.end(), node) != secret_reads_.end();
    if (is_secret) value += state_[(node + 1) % 8];
    state_[node % 8] = value;
    return std::to_string(value);
  }

  const Graph& graph_;
  std::vector<std::size_t> secret_reads_;
  State state_ = State(8, 0);
  std::vector<State> snapshots_;
  std::vector<Bytes> originals_;
  std::vector<Node> executed_;
};

// 0: honest; 1: malicious; 2: rests on 1; 3: a gate; 4: honest; 5: rests on the gate.
class RegenerationTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (int i = 0; i < 2; ++i) ASSERT_TRUE(graph_.add_client());
    ASSERT_TRUE(graph_.append(0, 1, Cells{}));
    ASSERT_TRUE(graph_.append(1, 1, Cells{}));
    ASSERT_TRUE(graph_.append(0, 2, Cells{{1}}));
    ASSERT_TRUE(graph_.append_gate({{1}}));
    ASSERT_TRUE(graph_.append(0, 3, Cells{}));
    ASSERT_TRUE(graph_.append(0, 4, Cells{{3}}));
  }

  Graph graph_;
};

TEST_F(RegenerationTest, TheTwoViewsLeaveOutWhatTheySay) {
  Classification labels(graph_);
  ASSERT_TRUE(labels.mark(corrupt_update(1)));
  const auto clean = plan_regeneration(labels, View::kClean, {});
  ASSERT_TRUE(clean);
  EXPECT_EQ(clean->snapshot, 0U);
  EXPECT_EQ(clean->excluded, (std::vector<Node>{1, 2, 5}));
  EXPECT_EQ(clean->permitted, 2U);
  const auto suspect = plan_regeneration(labels, View::kCleanAndSuspect, {});
  ASSERT_TRUE(suspect);
  EXPECT_EQ(suspect->excluded, (std::vector<Node>{1}));
  EXPECT_EQ(suspect->permitted, 4U);

  Registers registers(graph_, {});
  const auto done = regenerate(graph_, *clean, registers);
  ASSERT_TRUE(done);
  EXPECT_EQ(registers.executed(), (std::vector<Node>{0, 4}));
  EXPECT_TRUE(done->different.empty());
}

TEST_F(RegenerationTest, ASnapshotIsValidUpToTheFirstExcludedUpdateAndNotBeyond) {
  Classification labels(graph_);
  const std::vector<Node> snapshots = {4, 1, 2, 6};
  // Nothing is excluded: the newest, and nothing to do.
  EXPECT_EQ(plan_regeneration(labels, View::kClean, snapshots)->snapshot, 6U);
  EXPECT_EQ(plan_regeneration(labels, View::kClean, snapshots)->permitted, 0U);
  ASSERT_TRUE(labels.mark(corrupt_update(1)));
  // At 1 is before the bad update, at 2 is just after it.
  EXPECT_EQ(plan_regeneration(labels, View::kClean, snapshots)->snapshot, 1U);
  ASSERT_TRUE(labels.withdraw(corrupt_update(1)));
  ASSERT_TRUE(labels.mark(honest_bad(2)));
  EXPECT_EQ(plan_regeneration(labels, View::kClean, snapshots)->snapshot, 2U);
  ASSERT_TRUE(labels.withdraw(honest_bad(2)));
  // A gate is no update: a bad one by itself spoils no snapshot, what rests on it does.
  ASSERT_TRUE(labels.mark(honest_bad(3)));
  EXPECT_EQ(plan_regeneration(labels, View::kClean, snapshots)->snapshot, 4U);
  EXPECT_EQ(plan_regeneration(labels, View::kCleanAndSuspect, snapshots)->snapshot, 6U);
  // From the future it is nobody's snapshot.
  EXPECT_EQ(plan_regeneration(labels, View::kCleanAndSuspect, std::vector<Node>{7})->snapshot, 0U);
}

TEST_F(RegenerationTest, ReportsWhatReadTheExcludedWithoutSayingSo) {
  Classification labels(graph_);
  ASSERT_TRUE(labels.mark(honest_bad(5)));
  // 4 reads register 5, which nobody wrote before; 12 would read what 5 wrote.
  ASSERT_TRUE(graph_.append(1, 2, Cells{}));
  for (Timestamp time = 5; time < 12; ++time) ASSERT_TRUE(graph_.append(0, time, Cells{}));
  labels.catch_up();
  Registers registers(graph_, {4, 12});
  const auto plan = plan_regeneration(labels, View::kClean, {});
  ASSERT_TRUE(plan);
  const auto done = regenerate(graph_, *plan, registers);
  ASSERT_TRUE(done);
  EXPECT_EQ(done->different, std::vector<Node>{12});
}

TEST(RegenerationProperty, TheSameFromAnyValidSnapshot) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    std::mt19937_64 random(seed);
    Graph graph;
    testing::Naive naive;
    testing::draw(random, {}, graph, naive);
    Classification labels(graph);
    for (int i = 0; i < 2; ++i) ASSERT_TRUE(labels.mark(testing::draw_mark(random, graph)));
    const View view = seed % 2 == 0 ? View::kClean : View::kCleanAndSuspect;
    const auto whole = plan_regeneration(labels, view, {});
    ASSERT_TRUE(whole);
    std::vector<Node> snapshots;
    for (int i = 0; i < 5; ++i) snapshots.push_back(random() % (graph.end() + 2));
    const auto part = plan_regeneration(labels, view, snapshots);
    ASSERT_TRUE(part);
    // What the snapshot holds is what the whole regeneration does first.
    EXPECT_EQ(part->excluded, whole->excluded);
    for (Node node = 0; node < part->snapshot; ++node) {
      EXPECT_TRUE(graph.at(node).is_gate() || !is_excluded(view, labels.label(node)));
    }
  }
}

TEST(Regeneration, NeedsASnapshotWithinWhatIsHeld) {
  Graph graph;
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(graph.add_client());
  for (Node node = 0; node < 70'000; ++node) {
    ASSERT_TRUE(graph.append(static_cast<Client>(node % 2), node, Cells{}));
  }
  Classification labels(graph);
  graph.forget_before(66'000);
  labels.catch_up();
  const auto none = plan_regeneration(labels, View::kClean, std::vector<Node>{65'535});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::kNotFound);
  EXPECT_EQ(plan_regeneration(labels, View::kClean, std::vector<Node>{65'536})->snapshot, 65'536U);
  ASSERT_TRUE(labels.mark(honest_bad(65'536)));
  EXPECT_EQ(plan_regeneration(labels, View::kClean, std::vector<Node>{65'536})->snapshot, 65'536U);
  EXPECT_FALSE(plan_regeneration(labels, View::kClean, std::vector<Node>{65'537}));
  ASSERT_TRUE(labels.mark(client_from(0, 1000)));
  EXPECT_TRUE(labels.unbounded());
  const auto unbounded = plan_regeneration(labels, View::kClean, std::vector<Node>{65'536});
  ASSERT_FALSE(unbounded);
  EXPECT_NE(unbounded.error().message.find("reaches before"), std::string::npos);
}

TEST(Regeneration, NoSnapshotHoldsWhatWasTaintedBeforeTheHorizon) {
  Graph graph;
  ASSERT_TRUE(graph.add_client());
  for (Node node = 0; node < 70'000; ++node) ASSERT_TRUE(graph.append(0, node, Cells{}));
  Classification labels(graph);
  ASSERT_TRUE(labels.mark(honest_bad(12)));
  graph.forget_before(66'000);
  labels.catch_up();
  EXPECT_FALSE(plan_regeneration(labels, View::kClean, std::vector<Node>{65'536}));
}

TEST(Epochs, SnapshotsAreOneEpochBehind) {
  Epochs epochs;
  EXPECT_FALSE(epochs.end_epoch(0));
  auto step = epochs.end_epoch(100);
  ASSERT_TRUE(step);
  EXPECT_EQ(step->snapshot_at, 0U);
  EXPECT_EQ(step->forget_before, 0U);
  step = epochs.end_epoch(180);
  ASSERT_TRUE(step);
  EXPECT_EQ(step->snapshot_at, 100U);
  EXPECT_EQ(step->forget_before, 100U);
  EXPECT_FALSE(epochs.end_epoch(180));
  EXPECT_FALSE(epochs.end_epoch(5));
  EXPECT_EQ(epochs.last_end(), 180U);
}

}  // namespace
}  // namespace steward::accountability
