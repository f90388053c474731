#include "accountability/debian_version.h"

#include <cstddef>

namespace steward::accountability {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// The place of a character in the order: tilde, end, letters, the rest.
int order(std::string_view text, std::size_t i) {
  if (i >= text.size() || is_digit(text[i])) return 0;
  if (text[i] == '~') return -1;
  const int code = static_cast<unsigned char>(text[i]);
  return is_letter(text[i]) ? code : code + 256;
}

// Part by part, in turns without digits and of digits.
int compare_parts(std::string_view a, std::string_view b) {
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < a.size() || j < b.size()) {
    while ((i < a.size() && !is_digit(a[i])) || (j < b.size() && !is_digit(b[j]))) {
      const int difference = order(a, i) - order(b, j);
      if (difference != 0) return difference;
      ++i;
      ++j;
    }
    while (i < a.size() && a[i] == '0') ++i;
    while (j < b.size() && b[j] == '0') ++j;
    int first_difference = 0;
    while (i < a.size() && j < b.size() && is_digit(a[i]) && is_digit(b[j])) {
      if (first_difference == 0) first_difference = a[i] - b[j];
      ++i;
      ++j;
    }
    if (i < a.size() && is_digit(a[i])) return 1;
    if (j < b.size() && is_digit(b[j])) return -1;
    if (first_difference != 0) return first_difference;
  }
  return 0;
}

struct Version {
  std::string_view epoch;
  std::string_view upstream;
  std::string_view revision;
};

Version split(std::string_view text) {
  Version out;
  const std::size_t colon = text.find(':');
  if (colon != std::string_view::npos) {
    out.epoch = text.substr(0, colon);
    text.remove_prefix(colon + 1);
  }
  const std::size_t dash = text.rfind('-');
  out.upstream = text.substr(0, dash);
  if (dash != std::string_view::npos) out.revision = text.substr(dash + 1);
  return out;
}

}  // namespace

int compare_debian_versions(std::string_view a, std::string_view b) {
  const Version left = split(a);
  const Version right = split(b);
  if (const int epochs = compare_parts(left.epoch, right.epoch); epochs != 0) return epochs;
  if (const int upstream = compare_parts(left.upstream, right.upstream); upstream != 0) {
    return upstream;
  }
  return compare_parts(left.revision, right.revision);
}

bool debian_version_satisfies(std::string_view version, std::string_view relation,
                              std::string_view other) {
  const int difference = compare_debian_versions(version, other);
  if (relation == "<<") return difference < 0;
  if (relation == "<=" || relation == "<") return difference <= 0;
  if (relation == "=") return difference == 0;
  if (relation == ">=" || relation == ">") return difference >= 0;
  if (relation == ">>") return difference > 0;
  return false;
}

}  // namespace steward::accountability
