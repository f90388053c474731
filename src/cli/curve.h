// Curves as an SVG picture.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace steward::cli {

struct Curve {
  std::string name;
  std::vector<std::pair<double, double>> points;  // (x, y), both at least 0; x does not fall
};

struct CurveTexts {
  std::string title;
  std::string x;
  std::string y;
};

// At most four curves are told apart by colour, in both pictures.

// Distributions as steps: from 1 on the left, logarithmic; shares of 0 to 100 % upwards.
std::string draw_curves(const CurveTexts& texts, const std::vector<Curve>& curves);

enum class Scale { kLinear, kLogarithmic };  // from 0; from the power of ten below the least x

// Measurements as points joined by straight lines; upwards from 0, linear.
std::string draw_lines(const CurveTexts& texts, const std::vector<Curve>& curves, Scale x_scale);

}  // namespace steward::cli
