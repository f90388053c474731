#include "hierarchy/time_outs.h"

#include <algorithm>

namespace steward::hierarchy {
namespace {

std::uint32_t most_faults(const Options& options) {
  std::uint32_t most = 0;
  for (const Quorums& site : options.sites) most = std::max(most, site.faults);
  return most;
}

}  // namespace

Duration TimeOuts::t1() const {
  const Options& options = context_.options;
  const View rounds = context_.views.now.global / context_.site_count();
  Duration t1 = options.t1;
  for (View round = 0; round < rounds && t1 < options.t1_cap; ++round) t1 *= 2;
  return std::min(t1, options.t1_cap);
}

Duration TimeOuts::t2() const { return (most_faults(context_.options) + 2) * t1() + t1() / 4; }
Duration TimeOuts::t3() const { return (most_faults(context_.options) + 3) * t2() + t1() / 4; }

void TimeOuts::set(Timer timer, bool& armed, bool runs, Duration after, bool anew) {
  if (runs && (!armed || anew)) {
    context_.out->timers.push_back({timer, after});
  } else if (armed && !runs) {
    context_.out->timers.push_back({timer, std::nullopt});
  }
  armed = runs;
}

void TimeOuts::follow(bool installing) {
  const Views& views = context_.views;
  const bool waits = context_.work_expected || installing;
  const bool new_global = std::exchange(view_.global, views.now.global) != views.now.global;
  const bool new_local = std::exchange(view_.local, views.now.local) != views.now.local;
  const bool progressed = std::exchange(progressed_, false);
  set(kLocal, local_, waits && views.local_installed, context_.leads() ? t2() : t1(),
      progressed || new_global || new_local);
  set(kGlobal, global_, waits && views.global_installed, t3(), progressed || new_global);
}

void TimeOuts::on_progress() { progressed_ = true; }

void TimeOuts::fired(Timer timer) {
  if (timer == kLocal) local_ = false;
  if (timer == kGlobal) global_ = false;
}

}  // namespace steward::hierarchy
