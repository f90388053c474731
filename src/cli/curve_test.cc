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

}  // namespace
}  // namespace steward::cli
