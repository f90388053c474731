#include "crypto/fingerprint.h"

namespace steward::crypto {
namespace {

std::string grouped(const Digest& digest) {
  constexpr std::size_t kDigits = 32;
  constexpr std::size_t kGroup = 4;
  const std::string hex = digest.hex().substr(0, kDigits);
  std::string out;
  for (std::size_t at = 0; at < hex.size(); at += kGroup) {
    out += (at == 0 ? "" : " ") + hex.substr(at, kGroup);
  }
  return out;
}

std::string line(const std::string& what, const std::string& rest) {
  constexpr std::size_t kWidth = 28;
  return what + std::string(what.size() < kWidth ? kWidth - what.size() : 1, ' ') + rest + "\n";
}

std::string describe(const SitePublicKey& key, std::size_t servers) {
  std::string out = key.scheme() + ", " + std::to_string(key.threshold()) + " of " +
                    std::to_string(servers) + " sign";
  if (key.epoch() != 0) out += ", shares of epoch " + std::to_string(key.epoch());
  return out;
}

}  // namespace

std::string fingerprint(BytesView public_key) { return grouped(sha256(public_key)); }

std::string fingerprint(const SitePublicKey& key) {
  return grouped(sha256_parts({"steward/site-key-fingerprint", key.scheme(), key.identity()}));
}

std::string fingerprint_sheet(const ClusterKeys& cluster) {
  const KeyDirectory& directory = cluster.directory;
  std::string out = line("cluster", "\"" + cluster.cluster + "\"");
  out += line("cluster id", grouped(directory.cluster_id()));
  for (SiteId id = 0; id < directory.sites.size(); ++id) {
    const SiteKeys& site = directory.sites[id];
    out += "\n" + line("site " + std::to_string(id), describe(*site.site, site.servers.size()));
    out += line("  site key", fingerprint(*site.site));
    for (ServerIndex server = 0; server < site.servers.size(); ++server) {
      out += line("  server " + to_string(ServerId{id, server}), fingerprint(site.servers[server]));
    }
  }
  if (!directory.clients.empty()) out += "\n";
  for (std::size_t i = 0; i < directory.clients.size(); ++i) {
    const bool is_operator = directory.is_operator(directory.clients[i]);
    out += line((is_operator ? "operator " : "client ") + cluster.client_names[i],
                fingerprint(directory.clients[i]));
  }
  return out;
}

}  // namespace steward::crypto
