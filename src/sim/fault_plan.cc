#include "sim/fault_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

namespace steward::sim {
namespace {

constexpr Duration kShortestOutage{200'000};
constexpr Duration kLongestOutage{4'000'000};
constexpr Duration kLongestCalm{10'000'000};
constexpr Duration kLongestStorm{3'000'000};
constexpr std::uint64_t kMostTraps = 3;     // of one ambush
constexpr std::uint64_t kMostLetPass = 8;   // before it strikes
constexpr Duration kLongestDelay{10'000};   // of its blow
constexpr Duration kShortestWait{500'000};  // for each deed
constexpr Duration kLongestWait{2'000'000};

using FaultMaker = std::function<Fault(ServerId)>;

bool toss(Random& random) { return random.below(2) == 0; }

// Small numbers as often as large ones: 2 … `most`, even over the powers of two.
std::uint32_t strength(Random& random, std::uint32_t most) {
  std::uint32_t doublings = 0;
  while (2U << doublings < most) ++doublings;
  const std::uint64_t scale = 2ULL << random.below(doublings + 1);
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(scale + random.below(scale), most));
}

FaultKinds draw_subset(FaultKinds kinds, Random& random) {
  for (bool FaultKinds::*kind :
       {&FaultKinds::loss, &FaultKinds::delay, &FaultKinds::duplication, &FaultKinds::corruption,
        &FaultKinds::crashes, &FaultKinds::restart_loops, &FaultKinds::pauses,
        &FaultKinds::slow_cpus, &FaultKinds::slow_disks, &FaultKinds::failing_disks,
        &FaultKinds::lost_disks, &FaultKinds::slow_links, &FaultKinds::partitions,
        &FaultKinds::clocks, &FaultKinds::cuts, &FaultKinds::storms}) {
    const bool chosen = toss(random);
    kinds.*kind = kinds.*kind && chosen;
  }
  return kinds;
}

NetworkFaults draw_network(const FaultKinds& kinds, Random& random) {
  NetworkFaults faults;
  const auto ppm = [&random](std::uint64_t most) {
    return static_cast<std::uint32_t>(1 + random.below(most));
  };
  if (kinds.loss) faults.loss_ppm = ppm(toss(random) ? 10'000 : 100'000);
  if (kinds.duplication) faults.duplicate_ppm = ppm(100'000);
  if (kinds.corruption) faults.corrupt_ppm = ppm(20'000);
  if (!kinds.delay) return faults;
  const bool jitter = toss(random);
  if (jitter) faults.jitter = random.between(10us, 20ms);
  if (!jitter || toss(random)) {
    faults.spike_ppm = ppm(20'000);
    faults.spike = random.between(10ms, 1s);
  }
  return faults;
}

class Planner {
 public:
  Planner(const ClusterConfig& config, const FaultKinds& kinds, Duration duration, Random random)
      : config_(config), duration_(duration), random_(random) {
    kinds_ = draw_subset(kinds, random_);
    longest_calm_ = kLongestCalm / static_cast<std::int64_t>(1ULL << random_.below(4));
    for (SiteId site = 0; site < config.sites.size(); ++site) {
      for (ServerIndex i = 0; i < config.sites[site].servers.size(); ++i) all_.push_back({site, i});
    }
  }

  FaultPlan make() {
    plan_.episodes.push_back({Duration(0), duration_, true, SetNetwork{draw_network()}});
    const std::vector<FaultMaker> makers = server_faults();
    for (SiteId site = 0; site < config_.sites.size(); ++site) add_server_outages(site, makers);
    if (kinds_.cuts) add_cuts();
    if (kinds_.storms) add_storms();
    if (kinds_.lost_disks) add_backups();
    for (SiteId site = 0; site < config_.sites.size(); ++site) leave_servers_out(site, makers);
    if (kinds_.cuts) leave_sites_out();
    // The last, so that with or without them a seed's other faults are the same.
    const bool chosen = toss(random_);
    for (SiteId site = 0; site < config_.sites.size(); ++site) {
      if (chosen && kinds_.ambushes && config_.sites[site].faults > 0) add_ambushes(site);
    }
    std::stable_sort(plan_.episodes.begin(), plan_.episodes.end(),
                     [](const Episode& a, const Episode& b) { return a.from < b.from; });
    return std::move(plan_);
  }

 private:
  NetworkFaults draw_network() { return sim::draw_network(kinds_, random_); }

  std::vector<ServerId> others(ServerId self) const {
    std::vector<ServerId> out;
    for (const ServerId& each : all_) {
      if (each != self) out.push_back(each);
    }
    return out;
  }

  // Some of its site's others, at least one.
  std::vector<ServerId> some_others(ServerId self) {
    std::vector<ServerId> out = others(self);
    std::erase_if(out, [&](ServerId each) { return each.site != self.site; });
    const std::size_t left = 1 + random_.below(out.size());
    while (out.size() > left) out.erase(out.begin() + static_cast<long>(random_.below(out.size())));
    return out;
  }

  Fault draw_partition(ServerId server) {
    switch (random_.below(4)) {
      case 0:
        return Block{{server}, others(server)};  // mute
      case 1:
        return Block{others(server), {server}};  // deaf
      case 2:
        return Block{{server}, some_others(server)};
      default:
        return Block{some_others(server), {server}};
    }
  }

  Fault draw_clock(ServerId server) {
    if (toss(random_)) {
      return SetClock{server, static_cast<std::uint32_t>(50 + random_.below(151))};
    }
    // Timers run on clocks that nobody sets back: they only lag a little.
    if (toss(random_)) return JumpClock{server, -random_.between(10ms, 1s)};
    return JumpClock{server, random_.between(10ms, 60s)};
  }

  // The kinds that are switched on and hit one server.
  std::vector<FaultMaker> server_faults() {
    std::vector<FaultMaker> makers;
    if (kinds_.crashes) makers.emplace_back([](ServerId id) { return Crash{id}; });
    if (kinds_.restart_loops) {
      makers.emplace_back([this](ServerId id) {
        return RestartLoop{id, random_.between(1ms, 500ms), random_.between(1ms, 200ms)};
      });
    }
    if (kinds_.pauses) makers.emplace_back([](ServerId id) { return Pause{id}; });
    if (kinds_.slow_cpus) {
      makers.emplace_back([this](ServerId id) { return SlowCpu{id, strength(random_, 64)}; });
    }
    if (kinds_.slow_disks) {
      makers.emplace_back([this](ServerId id) { return SlowDisk{id, strength(random_, 1024)}; });
    }
    if (kinds_.failing_disks) makers.emplace_back([](ServerId id) { return FailDisk{id}; });
    if (kinds_.lost_disks) {
      makers.emplace_back([this](ServerId id) {
        return LoseDisk{id, static_cast<LoseDisk::How>(random_.below(3))};
      });
    }
    if (kinds_.slow_links) {
      makers.emplace_back([this](ServerId id) { return SlowLinks{id, strength(random_, 4096)}; });
    }
    if (kinds_.partitions) {
      makers.emplace_back([this](ServerId id) { return draw_partition(id); });
    }
    if (kinds_.clocks) makers.emplace_back([this](ServerId id) { return draw_clock(id); });
    return makers;
  }

  // Outages one after the other, each over before the next, all over before the end.
  void add_outages(const std::function<Fault()>& draw) {
    Duration at = random_.between(Duration(0), std::min(longest_calm_, duration_));
    while (true) {
      const Duration over = at + random_.between(kShortestOutage, kLongestOutage);
      if (over >= duration_) return;
      plan_.episodes.push_back({at, over, false, draw()});
      at = over + random_.between(kShortestOutage, longest_calm_);
    }
  }

  // One of members first, first + step, … of a group of `size`: the victims of one series of
  // outages, so that series that run at the same time never share one.
  std::uint32_t pick(std::uint32_t first, std::uint32_t step, std::size_t size) {
    const std::uint64_t members = (size - first + step - 1) / step;
    return first + step * static_cast<std::uint32_t>(random_.below(members));
  }

  void add_server_outages(SiteId site, const std::vector<FaultMaker>& makers) {
    const SiteConfig& each = config_.sites[site];
    if (makers.empty()) return;
    for (std::uint32_t series = 0; series < each.faults; ++series) {
      add_outages([&] {
        const ServerId victim{site, pick(series, each.faults, each.servers.size())};
        return makers[random_.below(makers.size())](victim);
      });
    }
  }

  void add_cuts() {
    for (std::uint32_t series = 0; series < config_.site_faults; ++series) {
      add_outages([&] {
        return CutSite{pick(series, config_.site_faults, config_.sites.size()), true};
      });
    }
  }

  void add_backups() {
    for (const ServerId& server : all_) {
      const Duration at = random_.between(Duration(0), duration_ / 2);
      plan_.episodes.push_back({at, at, false, Backup{server}});
    }
  }

  void add_storms() {
    for (std::uint64_t left = 1 + random_.below(3); left > 0; --left) {
      const Duration at = random_.between(Duration(0), duration_);
      const Duration over = at + random_.between(kShortestOutage, kLongestStorm);
      if (over < duration_) add_storm(at, over);
    }
  }

  void add_storm(Duration at, Duration over) {
    const std::uint64_t kind = random_.below(5);
    if (kind == 0) return add_split(at, over);
    const std::uint32_t times = strength(random_, 1024);
    const Duration apart = toss(random_) ? Duration(0) : random_.between(1ms, 500ms);
    for (const ServerId& server : all_) {
      const Duration from = at + random_.between(Duration(0), apart);
      const Duration until = std::min(over + random_.between(Duration(0), apart), duration_);
      if (kind == 1 || kind == 2) plan_.episodes.push_back({from, until, false, Crash{server}});
      if (kind == 3) plan_.episodes.push_back({from, until, false, Pause{server}});
      if (kind == 4) plan_.episodes.push_back({from, until, false, SlowLinks{server, times}});
    }
  }

  // Two parts that do not hear each other, of whatever sizes.
  void add_split(Duration at, Duration over) {
    Block there;
    for (const ServerId& server : all_) (toss(random_) ? there.from : there.to).push_back(server);
    const Block back{there.to, there.from};
    plan_.episodes.push_back({at, over, false, there});
    if (toss(random_)) plan_.episodes.push_back({at, over, false, back});
  }

  void add_ambushes(SiteId site) {
    Duration at = random_.between(Duration(0), duration_ / 4);
    while (true) {
      Ambush ambush = draw_ambush(site);
      const Duration each = ambush.dark + random_.between(kShortestWait, kLongestWait);
      const std::int64_t fit = (duration_ - at - Duration(1)) / each;
      if (fit < 1) return;
      if (std::ssize(ambush.traps) > fit) ambush.traps.resize(static_cast<std::size_t>(fit));
      const Duration until = at + each * std::ssize(ambush.traps);
      plan_.episodes.push_back({at, until, false, ambush});
      at = until + random_.between(Duration(0), kShortestWait);
    }
  }

  Ambush draw_ambush(SiteId site) {
    // What is executed at one server alone is what the others must not forget.
    static constexpr Deed kDeeds[] = {Deed::kProposes, Deed::kVotes,    Deed::kPrepares,
                                      Deed::kPrepares, Deed::kExecutes, Deed::kExecutes,
                                      Deed::kExecutes, Deed::kLeaves,   Deed::kOpens};
    using How = Ambush::How;
    static constexpr How kHow[] = {How::kCutOff, How::kCutOff, How::kCrash, How::kRestartOthers,
                                   How::kForget};
    Ambush ambush;
    ambush.site = site;
    for (std::uint64_t left = 1 + random_.below(kMostTraps); left > 0; --left) {
      Deed deed = kDeeds[random_.below(std::size(kDeeds))];
      if (!ambush.traps.empty() && toss(random_)) deed = Deed::kExecutes;
      // Paxos prepares nothing.
      const bool paxos = config_.sites[site].protocol != LocalProtocol::kPbft;
      if (paxos && deed == Deed::kPrepares) deed = Deed::kProposes;
      Trap trap{deed};
      const bool heard = deed == Deed::kVotes || deed == Deed::kPrepares || deed == Deed::kExecutes;
      const auto by = static_cast<ServerIndex>(random_.below(config_.sites[site].servers.size()));
      if (heard && random_.below(4) != 0) trap.by = by;
      ambush.traps.push_back(trap);
    }
    ambush.times = 1 + static_cast<std::uint32_t>(random_.below(kMostLetPass));
    ambush.how = kHow[random_.below(std::size(kHow) - (kinds_.lost_disks ? 0 : 1))];
    if (toss(random_)) ambush.late = random_.between(Duration(0), kLongestDelay);
    // Mostly longer than the patience with a leader, which runs draw up to the one in the file.
    const Duration dark =
        config_.timeouts.view_change / static_cast<std::int64_t>(2ULL << random_.below(3));
    ambush.dark = dark + random_.between(Duration(0), dark);
    ambush.alone = ambush.dark + random_.between(Duration(0), kLongestOutage);
    return ambush;
  }

  // Up to f servers of the site suffer on in the liveness phase.
  void leave_servers_out(SiteId site, const std::vector<FaultMaker>& makers) {
    const SiteConfig& each = config_.sites[site];
    if (makers.empty()) return;
    for (std::uint32_t series = 0; series < each.faults; ++series) {
      if (random_.below(4) == 0) continue;
      const ServerId server{site, pick(series, each.faults, each.servers.size())};
      const Fault fault = makers[random_.below(makers.size())](server);
      plan_.outside.insert(server);
      // The servers of a site share its links to others: one that is slow makes all slow.
      if (std::holds_alternative<SlowLinks>(fault) && config_.sites.size() > 1) continue;
      plan_.episodes.push_back({duration_, duration_, true, fault});
    }
  }

  void leave_sites_out() {
    for (std::uint32_t series = 0; series < config_.site_faults; ++series) {
      const SiteId site = pick(series, config_.site_faults, config_.sites.size());
      if (toss(random_)) continue;
      plan_.episodes.push_back({duration_, duration_, true, CutSite{site, true}});
      for (const ServerId& server : all_) {
        if (server.site == site) plan_.outside.insert(server);
      }
    }
  }

  const ClusterConfig& config_;
  const Duration duration_;
  Random random_;
  FaultKinds kinds_;
  Duration longest_calm_{0};  // between two outages of one series
  std::vector<ServerId> all_;
  FaultPlan plan_;
};

std::string list(const std::vector<ServerId>& servers) {
  std::string out;
  for (const ServerId& each : servers) out += (out.empty() ? "" : ", ") + to_string(each);
  return out.empty() ? "nobody" : out;
}

double seconds(Duration duration) { return static_cast<double>(duration.count()) / 1e6; }

struct Describe {
  std::string operator()(const Crash& fault) const { return "crash " + to_string(fault.server); }
  std::string operator()(const Restart& fault) const {
    return "restart " + to_string(fault.server);
  }
  std::string operator()(const RestartLoop& fault) const {
    return fmt::format("{} of {}: {:.1f} ms down, {:.1f} ms up",
                       fault.on ? "restart loop" : "end of the restart loop",
                       to_string(fault.server), to_ms(fault.down), to_ms(fault.up));
  }
  std::string operator()(const Pause& fault) const {
    return (fault.on ? "pause " : "resume ") + to_string(fault.server);
  }
  std::string operator()(const SlowCpu& fault) const { return times("core", fault); }
  std::string operator()(const SlowDisk& fault) const { return times("disk", fault); }
  std::string operator()(const SlowLinks& fault) const { return times("links", fault); }
  std::string operator()(const SetClock& fault) const {
    return fmt::format("clock of {} at {} %", to_string(fault.server), fault.percent);
  }
  std::string operator()(const JumpClock& fault) const {
    return fmt::format("clock of {} jumps by {:.3f} s", to_string(fault.server), seconds(fault.by));
  }
  std::string operator()(const CutSite& fault) const {
    return (fault.cut ? "cut site " : "heal site ") + std::to_string(fault.site);
  }
  std::string operator()(const Backup& fault) const { return "back up " + to_string(fault.server); }
  std::string operator()(const Wipe& fault) const { return "wipe " + to_string(fault.server); }
  std::string operator()(const Rollback& fault) const {
    return "roll back " + to_string(fault.server);
  }
  std::string operator()(const FailDisk& fault) const {
    return (fault.on ? "no write succeeds at " : "writes succeed again at ") +
           to_string(fault.server);
  }
  std::string operator()(const LoseDisk& fault) const {
    static constexpr const char* kHow[] = {"wiped", "damaged", "rolled back"};
    return fmt::format("disk of {} {}, if its site can bear it", to_string(fault.server),
                       kHow[static_cast<std::size_t>(fault.how)]);
  }
  std::string operator()(const Block& fault) const {
    return fmt::format("{} from {} to {}", fault.on ? "nothing gets" : "again", list(fault.from),
                       list(fault.to));
  }
  std::string operator()(const Ambush& fault) const {
    static constexpr const char* kHow[] = {"cut off", "down", "cut off, the others down", "wiped"};
    std::string deeds;
    for (const Trap& trap : fault.traps) {
      if (!deeds.empty()) deeds += ", then ";
      deeds += trap.by ? fmt::format("until {} alone ", to_string(ServerId{fault.site, *trap.by}))
                       : std::string("until one ");
      deeds += to_string(trap.deed);
    }
    return fmt::format(
        "{} at site {} {}, {} times: it is {}, {:.1f} ms later, dark for {:.0f} ms, alone for "
        "{:.0f} "
        "ms",
        fault.on ? "lie in wait" : "no longer lie in wait", fault.site, deeds, fault.times,
        kHow[static_cast<std::size_t>(fault.how)], to_ms(fault.late), to_ms(fault.dark),
        to_ms(fault.alone));
  }
  std::string operator()(const SetNetwork& fault) const {
    const NetworkFaults& network = fault.faults;
    return fmt::format(
        "network: loss {} ppm, duplicates {} ppm, damage {} ppm, jitter {} us, spikes {} ppm up "
        "to {} us",
        network.loss_ppm, network.duplicate_ppm, network.corrupt_ppm, network.jitter.count(),
        network.spike_ppm, network.spike.count());
  }

  template <class Slow>
  static std::string times(const char* what, const Slow& fault) {
    return fmt::format("{} of {} {} times as slow", what, to_string(fault.server), fault.times);
  }
};

struct End {
  using Maybe = std::optional<Fault>;
  Maybe operator()(const SetNetwork& /*fault*/) const { return SetNetwork{}; }
  Maybe operator()(const Crash& fault) const { return Restart{fault.server}; }
  Maybe operator()(const Restart& /*fault*/) const { return std::nullopt; }
  Maybe operator()(RestartLoop fault) const { return off(fault); }
  Maybe operator()(Pause fault) const { return off(fault); }
  Maybe operator()(const SlowCpu& fault) const { return SlowCpu{fault.server, 1}; }
  Maybe operator()(const SlowDisk& fault) const { return SlowDisk{fault.server, 1}; }
  Maybe operator()(const SlowLinks& fault) const { return SlowLinks{fault.server, 1}; }
  Maybe operator()(const SetClock& fault) const { return SetClock{fault.server, 100}; }
  Maybe operator()(const JumpClock& /*fault*/) const { return std::nullopt; }
  Maybe operator()(const CutSite& fault) const { return CutSite{fault.site, false}; }
  Maybe operator()(const Backup& /*fault*/) const { return std::nullopt; }
  Maybe operator()(const Wipe& fault) const { return Restart{fault.server}; }
  Maybe operator()(const Rollback& fault) const { return Restart{fault.server}; }
  Maybe operator()(FailDisk fault) const { return off(fault); }
  Maybe operator()(const LoseDisk& fault) const { return Restart{fault.server}; }
  Maybe operator()(Block fault) const { return off(std::move(fault)); }
  Maybe operator()(Ambush fault) const { return off(std::move(fault)); }

  template <class Switched>
  static Fault off(Switched fault) {
    fault.on = false;
    return fault;
  }
};

}  // namespace

std::optional<Fault> ended(const Fault& fault) { return std::visit(End{}, fault); }

FaultPlan make_fault_plan(const ClusterConfig& config, const FaultKinds& kinds, Duration duration,
                          Random random) {
  return Planner(config, kinds, duration, random).make();
}

std::string to_string(Deed deed) {
  static constexpr const char* kNames[] = {"proposes", "votes",      "prepares",
                                           "executes", "leaves for", "opens"};
  return kNames[static_cast<std::size_t>(deed)];
}

std::string to_string(const Fault& fault) { return std::visit(Describe{}, fault); }

std::string to_string(const Episode& episode) {
  const std::string what = to_string(episode.fault);
  const double from = seconds(episode.from);
  if (episode.kept) return fmt::format("{:10.3f} s  {}, for good", from, what);
  if (!ended(episode.fault)) return fmt::format("{:10.3f} s  {}", from, what);
  return fmt::format("{:10.3f} s  {}, for {:.3f} s", from, what,
                     seconds(episode.until - episode.from));
}

}  // namespace steward::sim
