#include "sim/shorten.h"

#include <algorithm>

namespace steward::sim {
namespace {

constexpr Duration kShortestRun{100'000};
constexpr Duration kShortestOutage{20'000};

class Shortener {
 public:
  Shortener(const RunOptions& options, const FaultPlan& plan, std::string kind,
            const Attempt& attempt, std::size_t most)
      : best_{options, plan, 0}, kind_(std::move(kind)), attempt_(attempt), most_(most) {}

  Shortest run() {
    // What one step makes possible another may have needed.
    while (drop_faults() | cut_time() | drop_users() | shorten_outages() | calm_network()) {
    }
    return best_;
  }

 private:
  // True when it goes wrong in this way, too: then it is the new best.
  bool accept(RunOptions options, FaultPlan plan) {
    if (best_.tried >= most_) return false;
    ++best_.tried;
    if (attempt_(options, plan).kind() != kind_) return false;
    best_.options = std::move(options);
    best_.plan = std::move(plan);
    return true;
  }
  bool accept(FaultPlan plan) { return accept(best_.options, std::move(plan)); }

  // Delta debugging: large parts first, then single faults.
  bool drop_faults() {
    bool changed = false;
    for (std::size_t part = best_.plan.episodes.size(); part > 0; part /= 2) {
      for (std::size_t at = 0; at < best_.plan.episodes.size();) {
        FaultPlan plan = best_.plan;
        const auto begin = plan.episodes.begin() + static_cast<long>(at);
        const std::size_t left = plan.episodes.size() - at;
        plan.episodes.erase(begin, begin + static_cast<long>(std::min(part, left)));
        if (accept(std::move(plan))) {
          changed = true;
        } else {
          at += part;
        }
      }
    }
    return changed;
  }

  // What is kept begins at the end of the time under faults.
  bool cut_time() {
    bool changed = false;
    for (Duration cut = best_.options.duration / 2; cut >= kShortestRun; cut /= 2) {
      while (best_.options.duration > cut) {
        RunOptions options = best_.options;
        FaultPlan plan = best_.plan;
        options.duration -= cut;
        for (Episode& each : plan.episodes) {
          if (each.kept && each.from == best_.options.duration) each.from = options.duration;
          each.from = std::min(each.from, options.duration);
          each.until = std::clamp(each.until, each.from, options.duration);
        }
        if (!accept(std::move(options), std::move(plan))) break;
        changed = true;
      }
    }
    return changed;
  }

  bool drop_users() {
    bool changed = false;
    while (best_.options.world.workload.users > 1) {
      RunOptions options = best_.options;
      options.world.workload.users /= 2;
      if (!accept(std::move(options), best_.plan)) break;
      changed = true;
    }
    return changed;
  }

  bool shorten_outages() {
    bool changed = false;
    for (std::size_t i = 0; i < best_.plan.episodes.size(); ++i) {
      while (!best_.plan.episodes[i].kept) {
        FaultPlan plan = best_.plan;
        Episode& each = plan.episodes[i];
        const Duration half = (each.until - each.from) / 2;
        if (half < kShortestOutage || !ended(each.fault)) break;
        each.until = each.from + half;
        if (!accept(std::move(plan))) break;
        changed = true;
      }
    }
    return changed;
  }

  bool calm_network() {
    bool changed = false;
    for (std::size_t i = 0; i < best_.plan.episodes.size(); ++i) {
      for (std::uint32_t NetworkFaults::*each :
           {&NetworkFaults::loss_ppm, &NetworkFaults::duplicate_ppm, &NetworkFaults::corrupt_ppm,
            &NetworkFaults::spike_ppm}) {
        changed =
            calm(i, [each](NetworkFaults& faults) { return std::exchange(faults.*each, 0) > 0; }) ||
            changed;
      }
      const auto jitter = [](NetworkFaults& faults) {
        return std::exchange(faults.jitter, Duration(0)) > Duration(0);
      };
      changed = calm(i, jitter) || changed;
    }
    return changed;
  }

  // `change` says whether it changed anything.
  bool calm(std::size_t episode, const std::function<bool(NetworkFaults&)>& change) {
    FaultPlan plan = best_.plan;
    auto* network = std::get_if<SetNetwork>(&plan.episodes[episode].fault);
    return network != nullptr && change(network->faults) && accept(std::move(plan));
  }

  Shortest best_;
  const std::string kind_;
  const Attempt& attempt_;
  const std::size_t most_;
};

}  // namespace

Shortest shorten(const RunOptions& options, const FaultPlan& plan, const std::string& kind,
                 const Attempt& attempt, std::size_t most) {
  return Shortener(options, plan, kind, attempt, most).run();
}

}  // namespace steward::sim
