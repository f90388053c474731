#include "accountability/risk.h"

#include <gtest/gtest.h>

#include <random>

#include "accountability/classification.h"
#include "accountability/testing/naive.h"

namespace steward::accountability {
namespace {

std::uint64_t count_tainted(const Classification& labels) {
  std::uint64_t count = 0;
  for (Node node = 0; node < labels.graph().end(); ++node) {
    if (labels.label(node) != Label::kNotAffected) ++count;
  }
  return count;
}

std::uint64_t radius(const Graph& graph, const Seed& seed) {
  Classification labels(graph);
  const std::uint64_t anyway = count_tainted(labels);
  for (const Node node : seed) EXPECT_TRUE(labels.mark(honest_bad(node)));
  return count_tainted(labels) - anyway;
}

TEST(RiskProperty, ManySeedsAtOnceAreEachLikeAClassificationOfItsOwn) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    std::mt19937_64 random(seed);
    Graph graph;
    testing::Naive naive;
    testing::RandomGraphOptions options;
    options.nodes = 300;  // more than one pass
    options.unresolvable = seed % 2 == 0 ? 0 : 0.02;
    testing::draw(random, options, graph, naive);
    std::vector<Seed> seeds;
    for (Node node = 0; node < graph.end(); ++node) seeds.push_back({node});
    seeds.push_back({1, 17, 40});
    seeds.push_back({});
    const std::vector<std::uint32_t> weights(graph.end(), 1);
    const auto radii = blast_radii(graph, seeds, weights);
    for (std::size_t i = 0; i < seeds.size(); ++i) {
      EXPECT_EQ(radii[i], radius(graph, seeds[i])) << "seed " << seed << " of " << i;
    }
  }
}

TEST(Risk, CountsWhatItIsAskedToAndTellsWhatRedundancyIsWorth) {
  Graph graph;
  for (Client i = 0; i < 4; ++i) ASSERT_TRUE(graph.add_client());
  ASSERT_TRUE(graph.append(0, 1, Cells{}));
  ASSERT_TRUE(graph.append(1, 1, Cells{}));
  ASSERT_TRUE(graph.append(2, 1, Cells{{0}, {1}}));
  ASSERT_TRUE(graph.append(3, 1, Cells{{2}}));
  const std::vector<Seed> seeds = {{0}, {1}, {0, 1}, {2}, {99}};
  const std::vector<std::uint32_t> all(4, 1);
  using Radii = std::vector<std::uint64_t>;
  EXPECT_EQ(blast_radii(graph, seeds, all), (Radii{1, 1, 4, 2, 0}));
  EXPECT_EQ(blast_radii(graph, seeds, all, {true, {}}), (Radii{3, 3, 4, 2, 0}));
  EXPECT_EQ(blast_radii(graph, seeds, std::vector<std::uint32_t>{0, 0, 0, 1}),
            (Radii{0, 0, 1, 1, 0}));
  EXPECT_EQ(tainted_by(graph, {0}), (std::vector<Node>{0}));
  EXPECT_EQ(tainted_by(graph, {0}, {true, {}}), (std::vector<Node>{0, 2, 3}));
  EXPECT_EQ(tainted_by(graph, {0, 1}), (std::vector<Node>{0, 1, 2, 3}));
  const std::vector<Node> candidates = {0, 1, 2, 3};
  EXPECT_EQ(single_points_of_failure(graph, 3, candidates), (std::vector<Node>{2, 3}));
  EXPECT_EQ(single_points_of_failure(graph, 2, candidates), (std::vector<Node>{2}));
}

}  // namespace
}  // namespace steward::accountability
