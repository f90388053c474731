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

// A time-out that begins with `first` and doubles each time that it runs out, up to `cap`: how long
// the one that runs after an outage can be.
Duration grown(Duration first, Duration cap, Duration outage) {
  Duration timeout = first;
  for (Duration passed = first; passed <= outage && timeout < cap; passed += timeout) timeout *= 2;
  return std::min(timeout, std::max(first, cap));
}

std::int64_t most_faults(const ClusterConfig& config) {
  std::int64_t faults = 0;
  for (const SiteConfig& site : config.sites) faults = std::max<std::int64_t>(faults, site.faults);
  return faults;
}

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

// Between sites each crossing adds what it takes to find a pair of servers that forward and
// receive, and each of up to F leader sites that are lost its time-out, and what it takes to
// replace it.
Duration progress_bound(const ClusterConfig& config, Duration outage) {
  const TimeoutConfig& timeouts = config.timeouts;
  const std::int64_t faults = most_faults(config);
  // The view that cannot go on, and those of up to f leaders outside the core.
  Duration views{0};
  Duration view = grown(timeouts.view_change, timeouts.view_change_cap, outage);
  for (std::int64_t left = faults + 1; left > 0; --left) {
    views += view;
    view = std::min(2 * view, std::max(timeouts.view_change, timeouts.view_change_cap));
  }
  const Duration catch_up = timeouts.idle_status_interval + faults * kSilentSource;
  const Duration site = views + catch_up + timeouts.view_change + faults * timeouts.fair;
  const Duration client =
      grown(timeouts.client_retry, kClientBackOff * timeouts.client_retry, outage);
  if (config.sites.size() == 1) return client + site;
  const Duration crossing =
      (2 * faults + 1) * grown(timeouts.link, kLinkBackOff * timeouts.link, outage);
  // Before that the site of the client has to know that the leader site is late.
  Duration wide = timeouts.client_retry;
  const Duration wide_cap = std::max(wide_view_change(config), timeouts.wide_view_change_cap);
  Duration wide_view = grown(wide_view_change(config), wide_cap, outage);
  for (std::int64_t left = config.site_faults + 1; left > 0; --left) {
    wide += wide_view + site + kCrossings * crossing;
    wide_view = std::min(2 * wide_view, wide_cap);
  }
  return client + kCrossings * (site + crossing) + wide;
}

Duration fairness_allowance(const ClusterConfig& config) {
  const TimeoutConfig& timeouts = config.timeouts;
  const std::int64_t faults = most_faults(config);
  const Duration site = faults * (timeouts.fair + timeouts.view_change);
  if (config.sites.size() == 1) return timeouts.client_retry + site;
  return timeouts.client_retry + kCrossings * (site + (2 * faults + 1) * timeouts.link);
}

namespace {

// Since when the one that has waited longest does; nullopt when nobody waits.
std::optional<Duration> waiting_since(World& world, const std::vector<SiteId>& sites) {
  std::optional<Duration> oldest;
  for (const SiteId site : sites) {
    const auto since = world.clients(site).waiting_since();
    if (since) oldest = std::min(*since, oldest.value_or(*since));
  }
  return oldest;
}

bool fair(World& world, const std::vector<SiteId>& sites, Duration allowance) {
  std::vector<Duration> waits;
  for (const SiteId site : sites) {
    const std::vector<Duration> more = world.clients(site).longest_waits();
    waits.insert(waits.end(), more.begin(), more.end());
  }
  return world.checker().clients_waited(std::move(waits), allowance);
}

}  // namespace

std::optional<Duration> demand_progress(World& world, const std::set<ServerId>& outside,
                                        const Demand& demand) {
  world.heal_all_but(outside);
  const std::vector<SiteId> sites = sites_of_core(world, outside);
  const Duration begun = world.now();
  for (const SiteId site : sites) world.clients(site).watch_waits();
  Duration longest{0};
  bool stopped = false;
  while (true) {
    const auto since = waiting_since(world, sites);
    // While one waits the others go on, or their waits would say nothing about its.
    const bool asked_in_time = since && *since < begun + demand.load;
    if (!stopped && !asked_in_time && world.now() >= begun + demand.load) {
      world.stop_clients();
      stopped = true;
    }
    if (since) longest = std::max(longest, world.now() - std::max(*since, begun));
    if (since && longest >= demand.bound) {
      world.checker().violation(
          fmt::format("progress: a client has waited since {:.1f} s, longer than the bound of "
                      "{:.0f} s, though enough servers are well",
                      to_ms(*since) / 1e3, to_ms(demand.bound) / 1e3));
      return std::nullopt;
    }
    if (!fair(world, sites, demand.allowance)) return std::nullopt;
    if (stopped && !since) return longest;
    world.run_for(kStep);
  }
}

}  // namespace steward::sim
