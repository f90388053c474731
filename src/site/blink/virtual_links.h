// BLink's selection order (SRDS'07, section 5.1): which pair of servers carries the messages of a
// link between two sites, as a function of how often the pair has been replaced.
#pragma once

#include <cstdint>

#include "common/ids.h"

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

}  // namespace steward::site::blink
