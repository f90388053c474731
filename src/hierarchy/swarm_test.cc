// Seeds: what breaks is drawn, then everything heals and everything asked for has to be executed.

#include <gtest/gtest.h>

#include "hierarchy/testing/sites.h"

namespace steward::hierarchy {
namespace {

struct Swarm {
  std::uint32_t sites;
  std::uint32_t servers;
  std::uint32_t faults;
};

// Crashes (of servers, of whole sites), cuts and losses, for some time.
void trouble(Sites& sites, const SitesOptions& options) {
  auto& random = sites.random();
  const std::vector<ServerId> servers = sites.servers();
  const std::uint64_t rounds = 5 + random() % 20;
  for (std::uint64_t round = 0; round < rounds; ++round) {
    const ServerId server = servers[random() % servers.size()];
    const SiteId site = server.site;
    switch (random() % 6) {
      case 0:
        if (sites.up(server)) sites.crash(server);
        break;
      case 1:
        if (!sites.up(server)) sites.restart(server);
        break;
      case 2:
        sites.cut_site(site, random() % 2 == 0);
        break;
      case 3:
        sites.cut_server(server, random() % 2 == 0);
        break;
      case 4:
        sites.set_loss(random() % 3 == 0 ? 0.2 : 0);
        break;
      default:
        for (ServerIndex one = 0; one < options.servers; ++one) {
          if (sites.up({site, one}) && random() % 2 == 0) sites.crash({site, one});
        }
    }
    sites.ask(static_cast<std::uint32_t>(random() % 4));
    sites.run_for(Duration(static_cast<std::int64_t>(random() % 1'500'000)));
  }
}

void heal(Sites& sites, const SitesOptions& options) {
  sites.set_loss(0);
  for (SiteId site = 0; site < options.sites; ++site) sites.cut_site(site, false);
  for (const ServerId server : sites.servers()) {
    sites.cut_server(server, false);
    if (!sites.up(server)) sites.restart(server);
  }
}

class Swarms : public ::testing::TestWithParam<Swarm> {};

TEST_P(Swarms, WhateverBreaksAllIsExecutedInTheEnd) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    SitesOptions options;
    options.sites = GetParam().sites;
    options.servers = GetParam().servers;
    options.faults = GetParam().faults;
    options.seed = seed;
    Sites sites(options);
    trouble(sites, options);
    heal(sites, options);
    sites.ask(3);
    ASSERT_TRUE(sites.run_until_done(300s)) << "seed " << seed << sites.standings();
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, Swarms,
                         ::testing::Values(Swarm{1, 4, 1}, Swarm{2, 4, 1}, Swarm{3, 4, 1},
                                           Swarm{4, 4, 1}, Swarm{5, 4, 1}, Swarm{3, 7, 2}),
                         [](const auto& size) {
                           return std::to_string(size.param.sites) + "x" +
                                  std::to_string(size.param.servers);
                         });

}  // namespace
}  // namespace steward::hierarchy
