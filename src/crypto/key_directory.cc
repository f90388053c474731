#include "crypto/key_directory.h"

#include <algorithm>

namespace steward::crypto {

Digest KeyDirectory::cluster_id() const {
  Bytes keys;
  append_u32(keys, static_cast<std::uint32_t>(sites.size()));
  for (const SiteKeys& site : sites) {
    append_framed(keys, site.site->scheme());
    append_framed(keys, site.site->identity());
    append_u32(keys, static_cast<std::uint32_t>(site.servers.size()));
    for (const Bytes& server : site.servers) append_framed(keys, server);
  }
  append_u32(keys, static_cast<std::uint32_t>(clients.size()));
  for (const Bytes& client : clients) {
    append_framed(keys, client);
    append_u8(keys, is_operator(client) ? 1 : 0);
  }
  return sha256_parts({"steward/cluster-id", keys});
}

std::optional<ServerId> KeyDirectory::find_server(BytesView public_key) const {
  for (std::size_t site = 0; site < sites.size(); ++site) {
    const std::vector<Bytes>& servers = sites[site].servers;
    const auto found = std::find(servers.begin(), servers.end(), public_key);
    if (found == servers.end()) continue;
    return ServerId{static_cast<SiteId>(site), static_cast<ServerIndex>(found - servers.begin())};
  }
  return std::nullopt;
}

bool KeyDirectory::is_client(BytesView public_key) const {
  return std::find(clients.begin(), clients.end(), public_key) != clients.end();
}

bool KeyDirectory::is_operator(BytesView public_key) const {
  return std::find(operators.begin(), operators.end(), public_key) != operators.end();
}

}  // namespace steward::crypto
