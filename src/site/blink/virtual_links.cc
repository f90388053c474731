#include "site/blink/virtual_links.h"

#include <algorithm>
#include <numeric>

namespace steward::site::blink {

VirtualLink virtual_link(std::uint32_t from_size, std::uint32_t to_size, std::uint64_t index) {
  const std::uint64_t larger = std::max(from_size, to_size);
  const std::uint64_t smaller = std::min(from_size, to_size);
  const std::uint64_t lcm = std::lcm(larger, smaller);
  const std::uint64_t series = (index / lcm) % larger;
  const std::uint64_t i = index % lcm;
  const auto of_larger = static_cast<ServerIndex>((i + series) % larger);
  const auto of_smaller = static_cast<ServerIndex>(i % smaller);
  if (from_size >= to_size) return {of_larger, of_smaller};
  return {of_smaller, of_larger};
}

}  // namespace steward::site::blink
