#include "sim/liveness.h"

#include <fmt/format.h>

#include <algorithm>

namespace steward::sim {
namespace {

constexpr Duration kStep{50'000};
constexpr Duration kSilentSource{1'000'000};  // replica/state_fetch.h: twice 500 ms
constexpr std::int64_t kClientBackOff = 8;    // client/client.cc: at most so many T0
constexpr std::int64_t kLinkBackOff = 32;     // site/blink/virtual_links.h
constexpr std::int64_t kCrossings = 3;        // of the wide area, for an update of a remote client

std::vector<SiteId> sites_of_core(const World& world, const std::set<ServerId>& outside) {
  std::vector<SiteId> sites;
  for (const auto& [id, machine] : world.machines()) {
    if (!outside.contains(id) && (sites.empty() || sites.back() != id.site)) {
      sites.push_back(id.site);
    }
  }
  return sites;
}

}  // namespace

// The worst that can come one after the other:
//   8 T0          the client has backed off, and only its next copy reaches a server of the core
//   idle status,  a server of the core learns that it is behind, and asks each of the f outside
//   f sources     for a snapshot first
//   cap           the time-out of a view, doubled to its cap while nothing went on, runs out
//   f cap         up to f servers outside the core lead views in a row, and do not open them
//   cap           the next leader is of the core and opens its view, which takes at most as long:
//                 the cap of a cluster file is far above what a network needs
//   fair, cap     the leader serves others first, and is replaced for that
// and between sites, for each crossing, up to f + f' + 1 pairs of servers that forward and receive,
// tried for 32 link time-outs each. Where leader sites are among those outside, for each of up to F
// of them and the next two:
//   wide cap      the time-out of a wide view, and the crossings of what changes it
// and before that T0, until the site of the client knows that the leader site is late.
Duration progress_bound(const ClusterConfig& config) {
  const TimeoutConfig& timeouts = config.timeouts;
  std::int64_t faults = 0;
  for (const SiteConfig& site : config.sites) faults = std::max<std::int64_t>(faults, site.faults);
  const Duration site = (faults + 3) * timeouts.view_change_cap + timeouts.fair +
                        timeouts.idle_status_interval + faults * kSilentSource;
  const Duration client = kClientBackOff * timeouts.client_retry;
  if (config.sites.size() == 1) return client + site;
  const Duration crossing = (2 * faults + 1) * kLinkBackOff * timeouts.link;
  const Duration wide =
      (config.site_faults + 3) * std::max(timeouts.wide_view_change_cap, crossing);
  return client + kCrossings * (site + crossing) + timeouts.client_retry + wide;
}

bool demand_progress(World& world, const std::set<ServerId>& outside, Duration load,
                     Duration bound) {
  world.heal_all_but(outside);
  const std::vector<SiteId> sites = sites_of_core(world, outside);
  const Duration begun = world.now();
  bool stopped = false;
  while (true) {
    if (!stopped && world.now() >= begun + load) {
      world.stop_clients();
      stopped = true;
    }
    bool idle = true;
    for (const SiteId site : sites) {
      const auto since = world.clients(site).waiting_since();
      idle = idle && !since;
      if (!since || world.now() - std::max(*since, begun) < bound) continue;
      world.checker().violation(
          fmt::format("progress: a client of site {} has waited since {:.1f} s, longer than the "
                      "bound of {:.0f} s, though enough servers are well",
                      site, to_ms(*since) / 1e3, to_ms(bound) / 1e3));
      return false;
    }
    if (stopped && idle) return true;
    world.run_for(kStep);
  }
}

}  // namespace steward::sim
