#include "sim/flat.h"

#include <algorithm>
#include <charconv>

#include "wire/limits.h"

namespace steward::sim {

Result<ClusterConfig> flat_cluster(const std::string& name) {
  const std::size_t slash = name.find('/');
  const std::string protocol = name.substr(0, slash);
  std::uint32_t servers = 0;
  bool number = false;
  if (slash != std::string::npos) {
    const char* end = name.data() + name.size();
    const auto [rest, error] = std::from_chars(name.data() + slash + 1, end, servers);
    number = error == std::errc() && rest == end && servers > 0;
  }
  if (!number || (protocol != "pbft" && protocol != "paxos")) {
    return bad_input("'" + name + "' is no flat cluster: write pbft/4 or paxos/3, for example");
  }
  ClusterConfig config;
  config.name = "flat-" + protocol + "-" + std::to_string(servers);
  SiteConfig& site = config.sites.emplace_back();
  site.name = "flat";
  site.protocol = protocol == "pbft" ? LocalProtocol::kPbft : LocalProtocol::kPaxos;
  site.faults = (servers - 1) / (site.protocol == LocalProtocol::kPbft ? 3 : 2);
  // One too many is enough to be refused below.
  site.servers.resize(std::min<std::size_t>(servers, limits::kMaxServersPerSite + 1));
  if (auto sound = check_cluster_config(config); !sound.ok()) return sound.error();
  return config;
}

}  // namespace steward::sim
