#include "service/kv/glob.h"

#include <algorithm>
#include <cstddef>

namespace steward::kv {
namespace {

// Matches `c` against the class whose first byte after '[' is at `at`; leaves `at` behind the
// class. A class that is not closed ends with the pattern.
bool match_class(std::string_view pattern, std::size_t& at, unsigned char c) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(pattern[i]); };
  const bool negated = at < pattern.size() && pattern[at] == '^';
  if (negated) ++at;
  bool matched = false;
  while (at < pattern.size()) {
    const std::size_t left = pattern.size() - at;
    if (left >= 2 && pattern[at] == '\\') {
      matched |= byte(at + 1) == c;
      at += 2;
    } else if (pattern[at] == ']') {
      ++at;
      break;
    } else if (left >= 3 && pattern[at + 1] == '-') {
      const auto [low, high] = std::minmax({byte(at), byte(at + 2)});
      matched |= low <= c && c <= high;
      at += 3;
    } else {
      matched |= byte(at) == c;
      ++at;
    }
  }
  return matched != negated;
}

// Matches one byte against the element at `at` (no star); leaves `at` behind the element.
bool match_one(std::string_view pattern, std::size_t& at, char c) {
  if (pattern[at] == '?') {
    ++at;
    return true;
  }
  if (pattern[at] == '[') return match_class(pattern, ++at, static_cast<unsigned char>(c));
  if (pattern[at] == '\\' && at + 1 < pattern.size()) ++at;
  return pattern[at++] == c;
}

}  // namespace

// A mismatch lets the last star take one byte more; earlier stars never need another try, because
// what they matched so far is the shortest that works.
bool glob_match(std::string_view pattern, std::string_view text) {
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t after_star = std::string_view::npos;
  std::size_t star_text = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      after_star = ++p;
      star_text = t;
      continue;
    }
    if (p < pattern.size() && match_one(pattern, p, text[t])) {
      ++t;
      continue;
    }
    if (after_star == std::string_view::npos) return false;
    p = after_star;
    t = ++star_text;
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

}  // namespace steward::kv
