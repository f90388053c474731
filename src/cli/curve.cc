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

struct Tick {
  double place;  // from 0 to 1
  std::string label;
};

std::string axes(const CurveTexts& texts, const std::vector<Tick>& x_ticks,
                 const std::vector<Tick>& y_ticks) {
  std::string out;
  for (const Tick& tick : x_ticks) {
    const double x = kLeft + kWidth * tick.place;
    out += line(x, kTop, x, kTop + kHeight, "#dddddd");
    out += text(x, kTop + kHeight + 18, "text-anchor=\"middle\"", tick.label);
  }
  for (const Tick& tick : y_ticks) {
    const double y = place_y(tick.place);
    out += line(kLeft, y, kLeft + kWidth, y, "#dddddd");
    out += text(kLeft - 8, y + 4, "text-anchor=\"end\"", tick.label);
  }
  out += text(kLeft + kWidth / 2, kTop + kHeight + 40, "text-anchor=\"middle\"", texts.x);
  out += text(kLeft, kTop - 10, "", texts.y);
  out += text(kLeft, 22, "font-size=\"17\"", texts.title);
  return out;
}

// Powers of ten, from 10^first on, of an axis that is `decades` long.
std::vector<Tick> decade_ticks(double first, double decades) {
  std::vector<Tick> out;
  for (int i = 0; i <= decades + 1e-9; ++i) {
    out.push_back({i / decades, fmt::format("{:.0f}", std::pow(10, first + i))});
  }
  return out;
}

std::vector<Tick> percent_ticks() {
  std::vector<Tick> out;
  for (int i = 0; i <= 10; i += 2) out.push_back({i / 10.0, fmt::format("{} %", 10 * i)});
  return out;
}

// From 0 in some five round steps; `most` becomes the end of the axis.
std::vector<Tick> round_ticks(double& most) {
  const double rough = std::max(most, 1e-9) / 5;
  const double power = std::pow(10, std::floor(std::log10(rough)));
  double step = 10 * power;
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (rough <= factor * power) {
      step = factor * power;
      break;
    }
  }
  const int count = std::max(1, static_cast<int>(std::ceil(most / step - 1e-9)));
  most = step * count;
  std::vector<Tick> out;
  for (int i = 0; i <= count; ++i) {
    out.push_back({static_cast<double>(i) / count, fmt::format("{:g}", step * i)});
  }
  return out;
}

// The same steps, but the axis ends at `most`, and the last of them before it.
std::vector<Tick> ticks_within(double most) {
  double end = most;
  std::vector<Tick> out = round_ticks(end);
  for (Tick& tick : out) tick.place *= end / most;
  std::erase_if(out, [](const Tick& tick) { return tick.place > 1 + 1e-9; });
  return out;
}

std::string sheet(double height, const std::string& content) {
  return fmt::format(
             "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 700 {0:.0f}\" "
             "font-family=\"sans-serif\" font-size=\"13\">\n"
             "<rect width=\"700\" height=\"{0:.0f}\" fill=\"white\"/>\n",
             height) +
         content + "</svg>\n";
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
  std::string out = axes(texts, decade_ticks(0, decades), percent_ticks());
  for (std::size_t i = 0; i < curves.size(); ++i) {
    const char* colour = kColours[i % std::size(kColours)];
    out += path(curves[i], decades, colour);
    const double y = kTop + kHeight - 20 * static_cast<double>(curves.size() - i);
    out += line(kLeft + kWidth - 190, y, kLeft + kWidth - 165, y, colour);
    out += text(kLeft + kWidth - 158, y + 4, "", curves[i].name);
  }
  return sheet(450, out);
}

std::string draw_lines(const CurveTexts& texts, const std::vector<Curve>& curves, Scale x_scale) {
  double least_x = 1e300;
  double most_x = 0;
  double most_y = 0;
  for (const Curve& curve : curves) {
    for (const auto& [x, y] : curve.points) {
      least_x = std::min(least_x, std::max(x, 1.0));
      most_x = std::max(most_x, x);
      most_y = std::max(most_y, y);
    }
  }
  most_x = std::max(most_x, 1e-9);
  const bool logarithmic = x_scale == Scale::kLogarithmic;
  const double first = logarithmic ? std::floor(std::log10(least_x)) : 0;
  const double decades = logarithmic ? std::max(1.0, std::log10(std::max(most_x, 1.0)) - first) : 0;
  const std::vector<Tick> x_ticks =
      logarithmic ? decade_ticks(first, decades) : ticks_within(most_x);
  std::string out = axes(texts, x_ticks, round_ticks(most_y));
  for (std::size_t i = 0; i < curves.size(); ++i) {
    const char* colour = kColours[i % std::size(kColours)];
    std::string points;
    for (const auto& [x, y] : curves[i].points) {
      const double place =
          logarithmic ? (std::log10(std::max(x, 1.0)) - first) / decades : x / most_x;
      points += fmt::format("{}{:.1f},{:.1f}", points.empty() ? "" : " ", kLeft + kWidth * place,
                            place_y(y / most_y));
    }
    out += fmt::format("<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2\"/>\n",
                       points, colour);
    const double x = kLeft + 150 * static_cast<double>(i);
    out += line(x, kTop + kHeight + 62, x + 20, kTop + kHeight + 62, colour);
    out += text(x + 25, kTop + kHeight + 66, "", curves[i].name);
  }
  return sheet(470, out);
}

}  // namespace steward::cli
