#include "accountability/explanation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "accountability/testing/naive.h"

namespace steward::accountability {
namespace {

bool rests_on(const Graph& graph, Node node, Node other) {
  for (const Cell& cell : graph.at(node).cells()) {
    if (std::find(cell.begin(), cell.end(), other) != cell.end()) return true;
  }
  return false;
}

TEST(Explanation, TellsEachAlternativeThatFailed) {
  Graph graph;
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(graph.add_client());
  ASSERT_TRUE(graph.append(0, 1, Cells{}));
  ASSERT_TRUE(graph.append(1, 1, Cells{}));
  ASSERT_TRUE(graph.append(2, 1, Cells{{1}}));
  ASSERT_TRUE(graph.append(2, 2, Cells{{0}, {2}}));
  Classification labels(graph);
  ASSERT_TRUE(labels.mark_all({corrupt_update(0), honest_bad(1)}));
  const Proof proof = explain(labels, 3);
  ASSERT_EQ(proof.steps.size(), 4U);
  EXPECT_FALSE(proof.cut_short);
  EXPECT_EQ(proof.steps[0].cause, Cause::kDependencies);
  EXPECT_EQ(proof.steps[0].witnesses, (std::vector<Node>{0, 2}));
  EXPECT_EQ(proof.steps[1].node, 0U);
  EXPECT_EQ(proof.steps[1].cause, Cause::kClient);
  EXPECT_EQ(proof.steps[2].witnesses, (std::vector<Node>{1}));
  EXPECT_EQ(proof.steps[3].cause, Cause::kMarked);
  EXPECT_EQ(taint_path(labels, 3), (std::vector<Node>{3, 0}));
  EXPECT_EQ(dependency_path(graph, 3, 1), (std::vector<Node>{3, 2, 1}));
  EXPECT_EQ(dependency_path(graph, 2, 0), std::vector<Node>{});
  EXPECT_EQ(dependency_path(graph, 0, 3), std::vector<Node>{});
  EXPECT_EQ(dependency_path(graph, 1, 1), std::vector<Node>{1});
  EXPECT_TRUE(explain(labels, 3, 2).cut_short);
  ASSERT_TRUE(labels.withdraw(honest_bad(1)));
  EXPECT_EQ(explain(labels, 3).steps[0].cause, Cause::kNone);
  EXPECT_EQ(taint_path(labels, 3), std::vector<Node>{});
}

// Each proof is checked against the rules alone: what it says to be bad is marked so, and each cell
// of the rest has its witness among the steps.
void check_proof(const Classification& labels, const Proof& proof) {
  std::map<Node, const Step*> steps;
  for (const Step& step : proof.steps) steps[step.node] = &step;
  for (const Step& step : proof.steps) {
    const NodeView view = labels.graph().at(step.node);
    if (step.cause == Cause::kMarked) {
      EXPECT_TRUE(labels.marks().contains(honest_bad(step.node)));
    } else if (step.cause == Cause::kClient) {
      EXPECT_GE(labels.graph().time_of(step.node), *labels.malicious_from(view.client));
    } else {
      ASSERT_EQ(step.cause, Cause::kDependencies);
      const Cells cells = view.cells();
      ASSERT_EQ(step.witnesses.size(), cells.size());
      for (std::size_t i = 0; i < cells.size(); ++i) {
        const Node witness = step.witnesses[i];
        EXPECT_NE(std::find(cells[i].begin(), cells[i].end(), witness), cells[i].end());
        EXPECT_TRUE(witness == kUnresolvable || steps.contains(witness));
      }
    }
  }
}

TEST(ExplanationProperty, ProvesEveryTaintAndItsPathsHold) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    std::mt19937_64 random(seed);
    Graph graph;
    testing::Naive naive;
    testing::draw(random, {}, graph, naive);
    Classification labels(graph);
    for (int i = 0; i < 4; ++i) ASSERT_TRUE(labels.mark(testing::draw_mark(random, graph)));
    for (Node node = 0; node < graph.end(); ++node) {
      if (labels.label(node) == Label::kNotAffected) {
        EXPECT_TRUE(taint_path(labels, node).empty());
        continue;
      }
      check_proof(labels, explain(labels, node));
      const std::vector<Node> path = taint_path(labels, node);
      if (path.empty()) continue;
      EXPECT_EQ(path.front(), node);
      EXPECT_EQ(labels.label(path.back()), Label::kCorrupt);
      for (std::size_t i = 0; i + 1 < path.size(); ++i) {
        EXPECT_TRUE(rests_on(graph, path[i], path[i + 1]));
        EXPECT_NE(labels.label(path[i]), Label::kNotAffected);
      }
    }
  }
}

}  // namespace
}  // namespace steward::accountability
