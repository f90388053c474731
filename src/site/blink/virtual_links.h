// BLink's selection orders (SRDS'07, section 5): which pair of servers carries the messages of a
// link between two sites, as a function of how often the pair has been replaced.
//
// Where a server of either site may lie, nobody can tell which of the two is at fault: the order of
// section 5.1 goes through all pairs. Where servers only crash, a forwarder that still answers is
// believed: it is kept and tries one peer after the other, and a forwarder that does not answer is
// replaced by the next one, which goes on with the same peer (section 5.2). At most F_A forwarders
// and F_B peers in a row are replaced.
#pragma once

#include <cstdint>

#include "common/ids.h"
#include "steward/cluster_config.h"

namespace steward::site::blink {

struct VirtualLink {
  ServerIndex forwarder = 0;  // of the sending site
  ServerIndex peer = 0;       // of the receiving site
  bool operator==(const VirtualLink&) const = default;
};

// The `index`-th virtual link of the directed link between sites of these sizes. The order is
// indexed from the larger site, whichever sends: series s = (index / lcm) mod larger pairs the
// larger site's server (i + s) mod larger with the smaller site's server i mod smaller.
VirtualLink virtual_link(std::uint32_t from_size, std::uint32_t to_size, std::uint64_t index);

// How often it was replaced, and how often the forwarder only.
struct Replaced {
  std::uint64_t links = 0;
  std::uint64_t forwarders = 0;
  bool operator==(const Replaced&) const = default;
};

// Servers of neither site lie.
bool benign(const SiteConfig& from, const SiteConfig& to);
VirtualLink virtual_link(const SiteConfig& from, const SiteConfig& to, const Replaced& replaced);
// How many are tried until all have been.
std::uint64_t virtual_links(const SiteConfig& from, const SiteConfig& to);

}  // namespace steward::site::blink
