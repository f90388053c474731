#include <gtest/gtest.h>

#include "accountability/classification.h"
#include "studies/board.h"
#include "studies/picture.h"
#include "studies/scaling.h"

namespace steward::studies {
namespace {

using namespace accountability;

// FNV-1a over everything that the graph says.
std::uint64_t digest(const Graph& graph) {
  std::uint64_t sum = 0xcbf29ce484222325;
  graph.for_each(0, [&sum](const NodeView& view) {
    sum = (sum ^ view.client) * 0x100000001b3;
    for (const std::uint32_t word : view.words) sum = (sum ^ word) * 0x100000001b3;
  });
  return sum;
}

PictureOptions small_picture() {
  PictureOptions options;
  options.side = 3;
  options.observers = 9;
  options.planners = 4;
  options.minutes = 180;
  return options;
}

TEST(PictureStudy, EachUnitWritesOnceAMinute) {
  const PictureOptions options = small_picture();
  const Picture picture = make_picture(options);
  EXPECT_EQ(options.units(), 117U);
  EXPECT_EQ(picture.updates, 117U * 180);
  ASSERT_EQ(picture.plans.size(), picture.graph.end());
  for (Client unit = 0; unit < options.units(); ++unit) {
    EXPECT_EQ(picture.graph.nodes_of(unit).size(), 180U);
    EXPECT_TRUE(picture.graph.find(unit, 180));
  }
  picture.graph.for_each(0, [&picture](const NodeView& view) {
    const bool is_plan = !view.is_gate() && picture.is_planner[view.client];
    EXPECT_EQ(picture.plans[view.node], is_plan ? 1U : 0U);
    // Who observes depends on nothing; a plan does, once everybody has written.
    if (!view.is_gate() && !is_plan) {
      EXPECT_TRUE(view.words.empty());
    }
    if (is_plan && picture.graph.time_of(view.node) > 1) {
      EXPECT_GE(view.words.size(), 2U);
    }
  });
}

TEST(PictureStudy, TheSeedSaysEverything) {
  PictureOptions options = small_picture();
  const std::uint64_t one = digest(make_picture(options).graph);
  EXPECT_EQ(digest(make_picture(options).graph), one);
  options.seed = 2;
  EXPECT_NE(digest(make_picture(options).graph), one);
}

TEST(PictureStudy, LaterCompromisesAndAlternativesTaintLess) {
  PictureOptions options = small_picture();
  const Picture picture = make_picture(options);
  const auto answers = ask_picture(picture, options, false);
  ASSERT_EQ(answers.size(), 3U);
  for (std::size_t hour = 0; hour < answers.size(); ++hour) {
    EXPECT_NEAR(answers[hour].corrupt, 180.0 - 60.0 * static_cast<double>(hour), 1e-6);
    EXPECT_GT(answers[hour].tainted_plans, 0);
    EXPECT_LT(answers[hour].tainted_plans, answers[hour].tainted_without_alternatives);
    if (hour > 0) {
      EXPECT_LT(answers[hour].tainted_plans, answers[hour - 1].tainted_plans);
    }
  }
}

TEST(PictureStudy, OneObserverTaintsNothingThatHasThreeWitnesses) {
  PictureOptions options = small_picture();
  options.witnessed_percent = 100;
  // From the second minute on: in the first some have not seen anything yet.
  const Picture picture = make_picture(options);
  const auto answers = ask_picture(picture, options, false);
  EXPECT_EQ(answers[1].tainted_plans, 0);
  EXPECT_GT(answers[1].tainted_without_alternatives, 0);
  // A planner still taints those who rest on its plans.
  EXPECT_GT(ask_picture(picture, options, true)[1].tainted_plans, answers[1].corrupt);
}

TEST(PictureStudy, AnswersAreThoseOfAClassification) {
  PictureOptions options = small_picture();
  options.minutes = 60;
  options.observers = 1;
  options.planners = 1;
  options.side = 2;
  const Picture picture = make_picture(options);
  double plans = 0;
  for (Client unit = 0; unit < options.units(); ++unit) {
    if (picture.is_planner[unit]) continue;
    Classification labels(picture.graph);
    ASSERT_TRUE(labels.mark(client_from(unit, 0)));
    for (Node node = 0; node < picture.graph.end(); ++node) {
      if (labels.label(node) != Label::kNotAffected) plans += picture.plans[node];
    }
  }
  EXPECT_NEAR(ask_picture(picture, options, false).at(0).tainted_plans, plans / 4, 1e-6);
}

TEST(BoardStudy, TheSeedSaysEverything) {
  BoardOptions options;
  options.days = 1;
  const Graph board = make_board(options);
  EXPECT_EQ(board.end(), 5000U);
  EXPECT_EQ(board.clients(), 300U);
  EXPECT_EQ(digest(make_board(options)), digest(board));
  options.seed = 2;
  EXPECT_NE(digest(make_board(options)), digest(board));
}

TEST(BoardStudy, MoreAccountsReachMoreAndAlternativesSave) {
  BoardOptions options;
  options.days = 2;
  options.messages_a_day = 1000;
  const auto answers = ask_board(make_board(options), options, 1);
  ASSERT_EQ(answers.size(), 8U);
  EXPECT_EQ(answers.back().accounts, 128U);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    EXPECT_LT(answers[i].suspect, answers[i].suspect_without_alternatives);
    // Nothing before the second day, and what the accounts wrote themselves is not counted twice.
    EXPECT_LE(answers[i].corrupt + answers[i].suspect_without_alternatives, 1000);
    if (i > 0) {
      EXPECT_GT(answers[i].corrupt, answers[i - 1].corrupt);
    }
  }
  EXPECT_GT(answers[4].suspect, answers[0].suspect);
}

TEST(ScalingStudy, CountsWhatTheReportCounts) {
  for (const Experiment experiment :
       {Experiment::kUpdates, Experiment::kClients, Experiment::kDependencies}) {
    for (const Slices& shape : shapes_of(experiment, 4000)) {
      const Measured it = measure(shape);
      EXPECT_GE(it.tainted, shape.updates / shape.clients);  // the client's own, at least
      EXPECT_LE(it.tainted, shape.updates);
      EXPECT_GT(it.bytes, 12 * shape.updates);
    }
  }
  // More clients: it takes more slices until all of one are tainted. More dependencies: fewer.
  const std::uint64_t few = measure({40'000, 20, 20, 5}).tainted;
  const std::uint64_t many = measure({40'000, 4000, 20, 5}).tainted;
  EXPECT_GT(few, many);
  EXPECT_GT(measure({40'000, 4000, 20, 8}).tainted, many);
}

}  // namespace
}  // namespace steward::studies
