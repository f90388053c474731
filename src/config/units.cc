#include "config/units.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <span>

namespace steward::config {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

// Smallest first; the first has factor 1.
constexpr std::array<Unit, 5> kDurationUnits{
    {{"us", 1}, {"ms", 1'000}, {"s", 1'000'000}, {"min", 60'000'000}, {"h", 3'600'000'000}}};
constexpr std::array<Unit, 4> kRateUnits{
    {{"bit/s", 1}, {"kbit/s", 1'000}, {"Mbit/s", 1'000'000}, {"Gbit/s", 1'000'000'000}}};
constexpr std::array<Unit, 4> kSizeUnits{
    {{"B", 1}, {"KiB", 1ULL << 10}, {"MiB", 1ULL << 20}, {"GiB", 1ULL << 30}}};

constexpr std::string_view kUnlimited = "unlimited";

// Below this every whole number is a double, so the arithmetic here is exact.
constexpr double kLargest = 9.0e15;

std::optional<std::uint64_t> parse(std::string_view text, std::span<const Unit> units) {
  const std::size_t digits = text.find_first_not_of("0123456789.");
  if (digits == 0 || digits == std::string_view::npos) return std::nullopt;
  double number = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + digits, number, std::chars_format::fixed);
  if (error != std::errc{} || end != text.data() + digits) return std::nullopt;

  std::string_view name = text.substr(digits);
  name.remove_prefix(std::min(name.find_first_not_of(' '), name.size()));
  for (const Unit& unit : units) {
    if (unit.name != name) continue;
    const double value = number * static_cast<double>(unit.factor);
    // 2.3 * 1000 misses 2300 by the last bit: the nearest whole number is what was meant.
    const double whole = std::round(value);
    if (whole > kLargest || std::abs(value - whole) > 1e-6) return std::nullopt;
    return static_cast<std::uint64_t>(whole);
  }
  return std::nullopt;
}

std::string format(std::uint64_t value, std::span<const Unit> units) {
  const Unit* best = &units.front();
  for (const Unit& unit : units) {
    if (value != 0 && value % unit.factor == 0) best = &unit;
  }
  return fmt::format("{}{}", value / best->factor, best->name);
}

}  // namespace

std::optional<Duration> parse_duration(std::string_view text) {
  const auto value = parse(text, kDurationUnits);
  if (!value) return std::nullopt;
  return Duration(static_cast<Duration::rep>(*value));
}

std::string format_duration(Duration value) {
  return format(static_cast<std::uint64_t>(value.count()), kDurationUnits);
}

std::optional<std::uint64_t> parse_rate(std::string_view text) {
  if (text == kUnlimited) return 0;
  return parse(text, kRateUnits);
}

std::string format_rate(std::uint64_t bits_per_s) {
  return bits_per_s == 0 ? std::string(kUnlimited) : format(bits_per_s, kRateUnits);
}

std::optional<std::uint64_t> parse_size(std::string_view text) { return parse(text, kSizeUnits); }

std::string format_size(std::uint64_t bytes) { return format(bytes, kSizeUnits); }

}  // namespace steward::config
