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

bool benign(const SiteConfig& from, const SiteConfig& to) {
  return !from.quorums().byzantine && !to.quorums().byzantine;
}

VirtualLink virtual_link(const SiteConfig& from, const SiteConfig& to, const Replaced& replaced) {
  const auto from_size = static_cast<std::uint32_t>(from.servers.size());
  const auto to_size = static_cast<std::uint32_t>(to.servers.size());
  if (!benign(from, to)) return virtual_link(from_size, to_size, replaced.links);
  return {static_cast<ServerIndex>(replaced.forwarders % from_size),
          static_cast<ServerIndex>((replaced.links - replaced.forwarders) % to_size)};
}

std::uint64_t virtual_links(const SiteConfig& from, const SiteConfig& to) {
  const std::uint64_t a = from.servers.size();
  const std::uint64_t b = to.servers.size();
  return benign(from, to) ? a + b : a * b;
}

}  // namespace steward::site::blink
