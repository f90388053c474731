#include "sim/fault_plan.h"

#include <algorithm>

namespace steward::sim {
namespace {

constexpr Duration kShortestOutage{200'000};
constexpr Duration kLongestOutage{4'000'000};
constexpr Duration kLongestCalm{10'000'000};

bool toss(Random& random) { return random.below(2) == 0; }

NetworkFaults draw_network(const FaultKinds& kinds, Random& random) {
  NetworkFaults faults;
  const bool loss = toss(random) && kinds.loss;
  const bool duplication = toss(random) && kinds.duplication;
  const bool jitter = toss(random) && kinds.delay;
  const bool spikes = toss(random) && kinds.delay;
  const auto ppm = [&random](std::uint64_t most) {
    return static_cast<std::uint32_t>(1 + random.below(most));
  };
  if (loss) faults.loss_ppm = ppm(toss(random) ? 10'000 : 100'000);
  if (duplication) faults.duplicate_ppm = ppm(100'000);
  if (jitter) faults.jitter = random.between(10us, 20ms);
  if (spikes) faults.spike_ppm = ppm(20'000);
  if (spikes) faults.spike = random.between(10ms, 1s);
  return faults;
}

// Outages one after the other, each over before the next, all over before `duration`.
template <class Begin, class End>
void add_outages(Duration duration, Random& random, std::vector<PlannedFault>& plan, Begin begin,
                 End end) {
  Duration at = random.between(Duration(0), kLongestCalm);
  while (true) {
    const Duration over = at + random.between(kShortestOutage, kLongestOutage);
    if (over >= duration) return;
    const auto victim = random.next();
    plan.push_back({at, begin(victim)});
    plan.push_back({over, end(victim)});
    at = over + random.between(kShortestOutage, kLongestCalm);
  }
}

// Members first, first + step, … of a group of `size`: the victims of one series of outages, so
// that series that run at the same time never share one.
std::uint32_t pick(std::uint64_t victim, std::uint32_t first, std::uint32_t step,
                   std::uint32_t size) {
  const std::uint32_t members = (size - first + step - 1) / step;
  return first + step * static_cast<std::uint32_t>(victim % members);
}

}  // namespace

std::vector<PlannedFault> make_fault_plan(const ClusterConfig& config, const FaultKinds& kinds,
                                          Duration duration, Random random) {
  std::vector<PlannedFault> plan;
  plan.push_back({Duration(0), SetNetwork{draw_network(kinds, random)}});
  const auto sites = static_cast<std::uint32_t>(config.sites.size());
  if (toss(random) && kinds.crashes) {
    for (SiteId site = 0; site < sites; ++site) {
      const SiteConfig& each = config.sites[site];
      const auto servers = static_cast<std::uint32_t>(each.servers.size());
      for (std::uint32_t series = 0; series < each.faults; ++series) {
        const auto server = [&](std::uint64_t victim) {
          return ServerId{site, pick(victim, series, each.faults, servers)};
        };
        add_outages(
            duration, random, plan, [&](std::uint64_t v) { return Fault(Crash{server(v)}); },
            [&](std::uint64_t v) { return Fault(Restart{server(v)}); });
      }
    }
  }
  if (toss(random) && kinds.cuts) {
    for (std::uint32_t series = 0; series < config.site_faults; ++series) {
      const auto site = [&](std::uint64_t victim) {
        return pick(victim, series, config.site_faults, sites);
      };
      add_outages(
          duration, random, plan,
          [&](std::uint64_t v) {
            return Fault(CutSite{site(v), true});
          },
          [&](std::uint64_t v) {
            return Fault(CutSite{site(v), false});
          });
    }
  }
  std::stable_sort(plan.begin(), plan.end(),
                   [](const PlannedFault& a, const PlannedFault& b) { return a.at < b.at; });
  return plan;
}

std::string to_string(const Fault& fault) {
  if (const auto* crash = std::get_if<Crash>(&fault)) return "crash " + to_string(crash->server);
  if (const auto* restart = std::get_if<Restart>(&fault)) {
    return "restart " + to_string(restart->server);
  }
  if (const auto* cut = std::get_if<CutSite>(&fault)) {
    return (cut->cut ? "cut site " : "heal site ") + std::to_string(cut->site);
  }
  if (const auto* copy = std::get_if<Backup>(&fault)) return "back up " + to_string(copy->server);
  if (const auto* wipe = std::get_if<Wipe>(&fault)) return "wipe " + to_string(wipe->server);
  if (const auto* old = std::get_if<Rollback>(&fault)) return "roll back " + to_string(old->server);
  const NetworkFaults& network = std::get<SetNetwork>(fault).faults;
  return "network: loss " + std::to_string(network.loss_ppm) + " ppm, duplicates " +
         std::to_string(network.duplicate_ppm) + " ppm, jitter " +
         std::to_string(network.jitter.count()) + " us, spikes " +
         std::to_string(network.spike_ppm) + " ppm up to " + std::to_string(network.spike.count()) +
         " us";
}

}  // namespace steward::sim
