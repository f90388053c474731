#include "cli/curve.h"

#include <gtest/gtest.h>

namespace steward::cli {
namespace {

TEST(Curve, DrawsStepsFromOneToTheNextPowerOfTen) {
  const std::string svg =
      draw_curves({"title", "x", "y"}, {{"with", {{1, 0.5}, {100, 1}}}, {"without", {}}});
  // Left edge 70, width 600 for 1 to 100; top 50, height 340.
  EXPECT_NE(svg.find("points=\"70.0,390.0 70.0,220.0 670.0,220.0 670.0,50.0\""), std::string::npos)
      << svg;
  EXPECT_NE(svg.find(">100</text>"), std::string::npos);
  EXPECT_EQ(svg.find(">1000</text>"), std::string::npos);
  EXPECT_NE(svg.find(">without</text>"), std::string::npos);
  EXPECT_TRUE(svg.ends_with("</svg>\n"));
}

TEST(Curve, AValueOfNothingIsAtTheLeft) {
  const std::string svg = draw_curves({}, {{"zero", {{0, 1}}}});
  EXPECT_NE(svg.find("points=\"70.0,390.0 70.0,50.0\""), std::string::npos) << svg;
}

TEST(Curve, LinesBeginAtZeroAndEndAtTheRightAndBelowARoundNumber) {
  const std::string svg =
      draw_lines({"title", "x", "y"}, {{"a", {{0, 0}, {12, 7.2}}}, {"b", {}}}, Scale::kLinear);
  // All the way to the right, past 10 of 12; 7.2 of 8 upwards.
  EXPECT_NE(svg.find("points=\"70.0,390.0 670.0,84.0\""), std::string::npos) << svg;
  EXPECT_NE(svg.find("<text x=\"570.0\" y=\"408.0\" text-anchor=\"middle\">10</text>"),
            std::string::npos);
  EXPECT_EQ(svg.find(">15</text>"), std::string::npos);
  EXPECT_NE(svg.find(">8</text>"), std::string::npos);
  EXPECT_NE(svg.find(">b</text>"), std::string::npos);
  EXPECT_TRUE(svg.ends_with("</svg>\n"));
}

TEST(Curve, LogarithmicLinesBeginAtTheirOwnPowerOfTen) {
  const std::string svg =
      draw_lines({"title", "x", "y"}, {{"a", {{20, 5}, {1000, 10}}}}, Scale::kLogarithmic);
  // From 10 to 1000: lg 2 of two decades.
  EXPECT_NE(svg.find("points=\"160.3,220.0 670.0,50.0\""), std::string::npos) << svg;
  EXPECT_NE(svg.find(">1000</text>"), std::string::npos);
  EXPECT_EQ(svg.find(">1</text>"), std::string::npos);
}

TEST(Curve, NothingToDrawIsNoError) {
  for (const Scale scale : {Scale::kLinear, Scale::kLogarithmic}) {
    const std::string svg = draw_lines({}, {{"zero", {{0, 0}}}}, scale);
    EXPECT_EQ(svg.find("nan"), std::string::npos) << svg;
    EXPECT_EQ(svg.find("inf"), std::string::npos) << svg;
  }
}

}  // namespace
}  // namespace steward::cli
