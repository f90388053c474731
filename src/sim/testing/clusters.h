// Cluster configurations for tests: sites of equal size and protocol, 50 ms and 10 Mbit/s apart.
#pragma once

#include <string>

#include "steward/cluster_config.h"

namespace steward::sim {

inline ClusterConfig test_cluster(std::size_t sites, std::size_t servers,
                                  LocalProtocol local = LocalProtocol::kPbft,
                                  WideProtocol wide = WideProtocol::kPaxos) {
  ClusterConfig config;
  config.name = "simulated";
  config.wide = wide;
  config.site_faults =
      static_cast<std::uint32_t>((sites - 1) / (wide == WideProtocol::kPbft ? 3 : 2));
  config.crypto.rsa_bits = 2048;
  config.topology.wide = {50ms, 10'000'000, 0};
  for (std::size_t site = 0; site < sites; ++site) {
    SiteConfig& each = config.sites.emplace_back();
    each.name = "site" + std::to_string(site);
    each.protocol = local;
    each.servers.resize(servers);
    each.faults =
        static_cast<std::uint32_t>((servers - 1) / (local == LocalProtocol::kPbft ? 3 : 2));
  }
  return config;
}

}  // namespace steward::sim
