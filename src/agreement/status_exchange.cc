#include "agreement/status_exchange.h"

namespace steward::agreement {
namespace {

// Enough for a peer to catch up at speed, while a flood of statuses is not amplified.
constexpr std::uint32_t kAnswersPerTick = 16;

}  // namespace

void StatusExchange::heard(PeerId peer, Sequence committed) { committed_[peer] = committed; }

bool StatusExchange::peers_ahead(Sequence committed) const {
  std::uint32_t ahead = 0;
  for (const auto& [peer, theirs] : committed_) ahead += theirs > committed ? 1 : 0;
  return ahead >= options_.quorums.one_correct();
}

bool StatusExchange::may_answer(PeerId peer) {
  return !has_timer() || ++answered_[peer] <= kAnswersPerTick;
}

void StatusExchange::rearm(bool unfinished, Actions& actions) {
  if (!has_timer()) return;
  const Duration after = unfinished ? options_.status_interval : options_.idle_status_interval;
  if (armed_ && *armed_ <= after) return;
  armed_ = after;
  actions.timers.push_back({kTimer, after});
}

StatusExchange::Tick StatusExchange::tick(bool unfinished, Sequence committed) {
  silent_ += armed_.value_or(Duration{0});
  armed_.reset();
  answered_.clear();
  Tick tick;
  tick.stuck = committed == committed_at_tick_;
  tick.speak = silent_ >= options_.idle_status_interval || (unfinished && tick.stuck) ||
               peers_ahead(committed);
  if (tick.speak) silent_ = Duration{0};
  committed_at_tick_ = committed;
  return tick;
}

}  // namespace steward::agreement
