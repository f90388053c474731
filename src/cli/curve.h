// Curves as an SVG picture, from 1 on the left, logarithmic; 0 to 100 % upwards.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace steward::cli {

struct Curve {
  std::string name;
  std::vector<std::pair<double, double>> points;  // (at least 0, share), both not falling
};

struct CurveTexts {
  std::string title;
  std::string x;
  std::string y;
};

// At most four curves are told apart by colour.
std::string draw_curves(const CurveTexts& texts, const std::vector<Curve>& curves);

}  // namespace steward::cli
