// Who and where. All ids are 0-based; SPEC's glossary gives the words.
#pragma once

#include <compare>
#include <cstdint>
#include <string>

namespace steward {

using SiteId = std::uint32_t;
using ServerIndex = std::uint32_t;  // of a server within its site
using View = std::uint64_t;         // local or global; the leader is view mod group size
using Sequence = std::uint64_t;     // position of a batch; the first is 1, 0 means none yet

struct ServerId {
  SiteId site = 0;
  ServerIndex server = 0;
  auto operator<=>(const ServerId&) const = default;
};

// As people read it in logs and status: site 2's server 0 is "2.0".
inline std::string to_string(ServerId id) {
  return std::to_string(id.site) + "." + std::to_string(id.server);
}

}  // namespace steward
