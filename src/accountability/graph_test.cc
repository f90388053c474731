#include "accountability/graph.h"

#include <gtest/gtest.h>

#include <random>

#include "accountability/testing/naive.h"

namespace steward::accountability {
namespace {

Graph with_clients(Client count, Causality causality = Causality::kDeclared) {
  Graph graph(causality);
  for (Client i = 0; i < count; ++i) EXPECT_EQ(*graph.add_client(), i);
  return graph;
}

TEST(Graph, GivesBackWhatItWasGiven) {
  std::mt19937_64 random(1);
  Graph graph;
  testing::Naive naive;
  testing::RandomGraphOptions options;
  options.nodes = 3000;
  testing::draw(random, options, graph, naive);
  for (Node node = 0; node < graph.end(); ++node) {
    const testing::NaiveUpdate& update = naive.updates[node];
    const NodeView view = graph.at(node);
    EXPECT_EQ(view.client, update.client);
    EXPECT_EQ(graph.time_of(node), update.time);
    Cells cells = update.cells;
    for (const Cell& cell : update.cells) {
      if (cell.empty()) cells.clear();  // an empty alternative needs nothing
    }
    EXPECT_EQ(view.cells(), cells) << node;
    if (view.is_gate()) continue;
    EXPECT_EQ(graph.find(update.client, update.time), node);
  }
}

TEST(Graph, FollowsEachClientsUpdatesBackwards) {
  Graph graph = with_clients(2);
  ASSERT_TRUE(graph.append(0, 1, Cells{}));
  ASSERT_TRUE(graph.append(1, 5, Cells{}));
  ASSERT_TRUE(graph.append_gate({}));
  ASSERT_TRUE(graph.append(0, 2, Cells{}));
  ASSERT_TRUE(graph.append(0, 9, Cells{}));
  EXPECT_EQ(graph.previous(4), 3U);
  EXPECT_EQ(graph.previous(3), 0U);
  EXPECT_EQ(graph.previous(0), std::nullopt);
  EXPECT_EQ(graph.previous(1), std::nullopt);
  EXPECT_EQ(graph.previous(2), std::nullopt);
  EXPECT_EQ(graph.first_from(0, 0), 0U);
  EXPECT_EQ(graph.first_from(0, 2), 3U);
  EXPECT_EQ(graph.first_from(0, 3), 4U);
  EXPECT_EQ(graph.first_from(0, 10), std::nullopt);
  EXPECT_EQ(graph.find(0, 3), std::nullopt);
  EXPECT_EQ(graph.find(1, 5), 1U);
}

TEST(Graph, RefusesWhatIsNotOrderedBefore) {
  Graph graph = with_clients(1);
  ASSERT_TRUE(graph.append(0, 1, Cells{}));
  const auto itself = graph.append(0, 2, Cells{{1}});
  ASSERT_FALSE(itself);
  EXPECT_EQ(itself.error().code, ErrorCode::kBadInput);
  EXPECT_EQ(itself.error().message, "update 1 cannot depend on 1, which is not ordered before it");
  EXPECT_FALSE(graph.append(0, 2, Cells{{0}, {0, 7}}));
  EXPECT_FALSE(graph.append(0, 2, std::vector<Node>{kUnresolvable - 1}));
  EXPECT_FALSE(graph.append_gate({{1}}));
  // Nothing of them remained.
  EXPECT_EQ(graph.end(), 1U);
  EXPECT_EQ(graph.dependencies(), 0U);
  EXPECT_EQ(*graph.append(0, 2, Cells{{0}}), 1U);
  EXPECT_EQ(graph.at(1).cells(), (Cells{{0}}));
}

TEST(Graph, RefusesDuplicatesAndStrangers) {
  Graph graph = with_clients(1);
  ASSERT_TRUE(graph.append(0, 7, Cells{}));
  for (const Timestamp time : {Timestamp{0}, Timestamp{6}, Timestamp{7}}) {
    const auto again = graph.append(0, time, Cells{});
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, ErrorCode::kBadInput);
    EXPECT_NE(again.error().message.find("already has an update of time 7"), std::string::npos);
  }
  EXPECT_FALSE(graph.append(1, 8, Cells{}));
  EXPECT_FALSE(graph.append(kGate, 8, Cells{}));
  EXPECT_EQ(graph.end(), 1U);
}

TEST(Graph, RefusesMoreThanItsLimits) {
  Graph graph = with_clients(1);
  ASSERT_TRUE(graph.append(0, 1, Cells{}));
  const auto cells = graph.append(0, 2, Cells(kMaxCells + 1, Cell{0}));
  ASSERT_FALSE(cells);
  EXPECT_EQ(cells.error().code, ErrorCode::kTooLarge);
  EXPECT_FALSE(graph.append(0, 2, std::vector<Node>(kMaxDependencies + 1, 0)));
  EXPECT_FALSE(graph.append(0, 2, Cells(2, Cell(kMaxDependencies / 2 + 1, 0))));
  EXPECT_FALSE(graph.append_gate(Cells(kMaxCells + 1, Cell{0})));
  EXPECT_TRUE(graph.append(0, 2, Cells(kMaxCells, Cell{0})));
  EXPECT_TRUE(graph.append(0, 3, std::vector<Node>(kMaxDependencies, 0)));
}

TEST(Graph, FlagsWhatCannotBeResolved) {
  Graph graph = with_clients(1);
  ASSERT_TRUE(graph.append(0, 1, Cells{}));
  EXPECT_FALSE(graph.has_unresolvable());
  ASSERT_TRUE(graph.append(0, 2, Cells{{0}, {0, kUnresolvable}}));
  EXPECT_TRUE(graph.has_unresolvable());
  EXPECT_FALSE(graph.at(0).is_malformed());
  EXPECT_TRUE(graph.at(1).is_malformed());
  EXPECT_EQ(graph.at(1).cells(), (Cells{{0}, {0, kUnresolvable}}));
}

TEST(Graph, NetworkCausalityAddsThePreviousUpdateToEachCell) {
  Graph graph = with_clients(2, Causality::kNetwork);
  ASSERT_TRUE(graph.append(0, 1, Cells{}));
  ASSERT_TRUE(graph.append(1, 1, Cells{}));
  ASSERT_TRUE(graph.append(0, 2, Cells{}));
  ASSERT_TRUE(graph.append(0, 3, Cells{{0}, {1}}));
  ASSERT_TRUE(graph.append(0, 4, Cells{{1}, {}}));
  EXPECT_EQ(graph.at(0).cells(), Cells{});
  EXPECT_EQ(graph.at(1).cells(), Cells{});
  EXPECT_EQ(graph.at(2).cells(), (Cells{{0}}));
  EXPECT_EQ(graph.at(3).cells(), (Cells{{0, 2}, {1, 2}}));
  EXPECT_EQ(graph.at(4).cells(), (Cells{{1, 3}, {3}}));
}

TEST(Graph, ForgetsWholeSegmentsAndKeepsNumbers) {
  Graph graph = with_clients(2);
  constexpr Node kCount = 150'000;
  for (Node node = 0; node < kCount; ++node) {
    const Client client = node % 3 == 0 ? 1 : 0;
    const std::vector<Node> all = node == 0 ? std::vector<Node>{} : std::vector<Node>{node / 2};
    ASSERT_TRUE(graph.append(client, client == 0 ? node : 2 * node + 1, all));
  }
  const std::size_t before = graph.memory_bytes();
  graph.forget_before(70'000);
  EXPECT_EQ(graph.horizon(), 65'536U);
  EXPECT_LT(graph.memory_bytes(), before);
  EXPECT_EQ(graph.at(65'536).cells(), (Cells{{32'768}}));
  EXPECT_EQ(graph.at(149'999).client, 0U);
  EXPECT_EQ(graph.time_of(149'999), 149'999U);
  EXPECT_EQ(graph.time_of(149'997), 2 * 149'997U + 1);
  EXPECT_EQ(graph.find(0, 65'537), 65'537U);
  EXPECT_EQ(graph.find(0, 3), std::nullopt);
  EXPECT_EQ(graph.forgotten_time(0), 65'534U);
  EXPECT_EQ(graph.previous(65'536), std::nullopt);
  EXPECT_EQ(graph.previous(65'538), std::nullopt);
  EXPECT_EQ(graph.previous(65'539), 65'537U);
  // Still no duplicate, and still what is earlier.
  EXPECT_FALSE(graph.append(0, 3, Cells{}));
  EXPECT_EQ(*graph.append(0, kCount, Cells{{1, kCount - 1}}), kCount);
  graph.forget_before(10);
  EXPECT_EQ(graph.horizon(), 65'536U);
  graph.forget_before(10 * kCount);
  EXPECT_EQ(graph.horizon(), 131'072U);
}

TEST(Graph, ForgetsEverythingAndGoesOn) {
  Graph graph = with_clients(1);
  for (Node node = 0; node < 65'536; ++node) ASSERT_TRUE(graph.append(0, node + 1, Cells{}));
  graph.forget_before(65'536);
  EXPECT_EQ(graph.horizon(), graph.end());
  EXPECT_EQ(graph.dependencies(), 0U);
  EXPECT_EQ(*graph.append(0, 65'537, Cells{{65'535}}), 65'536U);
  EXPECT_EQ(graph.at(65'536).cells(), (Cells{{65'535}}));
  EXPECT_EQ(graph.time_of(65'536), 65'537U);
}

TEST(Graph, NetworkCausalityReachesBackToWhatIsForgotten) {
  Graph graph = with_clients(2, Causality::kNetwork);
  ASSERT_TRUE(graph.append(0, 5, Cells{}));
  for (Node node = 1; node < 65'536; ++node) ASSERT_TRUE(graph.append(1, node, Cells{}));
  graph.forget_before(65'536);
  EXPECT_FALSE(graph.append(0, 5, Cells{}));
  EXPECT_EQ(*graph.append(0, 6, Cells{}), 65'536U);
  EXPECT_EQ(graph.at(65'536).cells(), (Cells{{0}}));
  EXPECT_EQ(graph.forgotten_time(0), 5U);
  // Who came after the forgetting has forgotten nothing.
  EXPECT_EQ(*graph.add_client(), 2U);
  EXPECT_EQ(graph.forgotten_time(2), std::nullopt);
  EXPECT_EQ(*graph.append(2, 0, Cells{}), 65'537U);
  EXPECT_EQ(graph.at(65'537).cells(), Cells{});
}

TEST(Graph, ManyClientsWithFewUpdatesCostLittleMoreThanThese) {
  constexpr Client kClients = 20'000;
  Graph graph = with_clients(kClients);
  for (Node node = 0; node < 40 * kClients; ++node) {
    ASSERT_TRUE(graph.append(static_cast<Client>(node % kClients), node / kClients + 1, Cells{}));
  }
  // 12 bytes an update; the rest is what its client costs, with room to grow.
  const double rest = static_cast<double>(graph.memory_bytes()) - 12.0 * 40 * kClients;
  EXPECT_LT(rest / kClients, 160);
}

}  // namespace
}  // namespace steward::accountability
