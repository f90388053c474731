#include "cli/curve.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace steward::cli {
namespace {

constexpr double kLeft = 70;
constexpr double kTop = 50;
constexpr double kWidth = 600;
constexpr double kHeight = 340;
constexpr const char* kColours[] = {"#1f5fa8", "#c4501b", "#3a8a3a", "#7a4fa0"};

std::string text(double x, double y, const char* style, const std::string& content) {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" {}>{}</text>\n", x, y, style, content);
}

std::string line(double x1, double y1, double x2, double y2, const char* colour) {
  return fmt::format(
      "<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"{}\"/>\n", x1, y1, x2,
      y2, colour);
}

double place_y(double share) { return kTop + kHeight * (1 - share); }

double place_x(double value, double decades) {
  return kLeft + kWidth * std::log10(std::max(value, 1.0)) / decades;
}

std::string axes(const CurveTexts& texts, int decades) {
  std::string out;
  for (int i = 0; i <= decades; ++i) {
    const double x = kLeft + kWidth * i / decades;
    out += line(x, kTop, x, kTop + kHeight, "#dddddd");
    out += text(x, kTop + kHeight + 18, "text-anchor=\"middle\"",
                fmt::format("{:.0f}", std::pow(10, i)));
  }
  for (int i = 0; i <= 10; i += 2) {
    const double y = place_y(i / 10.0);
    out += line(kLeft, y, kLeft + kWidth, y, "#dddddd");
    out += text(kLeft - 8, y + 4, "text-anchor=\"end\"", fmt::format("{} %", 10 * i));
  }
  out += text(kLeft + kWidth / 2, kTop + kHeight + 40, "text-anchor=\"middle\"", texts.x);
  out += text(kLeft, kTop - 10, "", texts.y);
  out += text(kLeft, 22, "font-size=\"17\"", texts.title);
  return out;
}

std::string path(const Curve& curve, double decades, const char* colour) {
  std::string steps;
  double y = place_y(0);
  for (const auto& [value, share] : curve.points) {
    const double x = place_x(value, decades);
    steps += fmt::format("{}{:.1f},{:.1f} {:.1f},{:.1f}", steps.empty() ? "" : " ", x, y, x,
                         place_y(share));
    y = place_y(share);
  }
  return fmt::format("<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2\"/>\n",
                     steps, colour);
}

}  // namespace

std::string draw_curves(const CurveTexts& texts, const std::vector<Curve>& curves) {
  double most = 10;
  for (const Curve& curve : curves) {
    if (!curve.points.empty()) most = std::max(most, curve.points.back().first);
  }
  const int decades = static_cast<int>(std::ceil(std::log10(most)));
  std::string out =
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 700 450\" "
      "font-family=\"sans-serif\" font-size=\"13\">\n"
      "<rect width=\"700\" height=\"450\" fill=\"white\"/>\n";
  out += axes(texts, decades);
  for (std::size_t i = 0; i < curves.size(); ++i) {
    const char* colour = kColours[i % std::size(kColours)];
    out += path(curves[i], decades, colour);
    const double y = kTop + kHeight - 20 * static_cast<double>(curves.size() - i);
    out += line(kLeft + kWidth - 190, y, kLeft + kWidth - 165, y, colour);
    out += text(kLeft + kWidth - 158, y + 4, "", curves[i].name);
  }
  return out + "</svg>\n";
}

}  // namespace steward::cli
