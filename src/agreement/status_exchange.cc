#include "agreement/status_exchange.h"

#include <algorithm>

namespace steward::agreement {
namespace {

// Enough for a peer to catch up at speed, while a flood of statuses is not amplified.
constexpr std::uint32_t kAnswersPerTick = 16;
constexpr std::uint32_t kMaxDoublings = 5;
// Who was asked may not have had it yet: so many windows later the next one is.
constexpr Sequence kWindowsUnanswered = 4;

}  // namespace

void StatusExchange::heard(PeerId peer, Sequence committed) { committed_[peer] = committed; }

bool StatusExchange::peers_ahead(Sequence committed) const {
  std::uint32_t ahead = 0;
  for (const auto& [peer, theirs] : committed_) ahead += theirs > committed ? 1 : 0;
  return ahead >= options_.quorums.one_correct();
}

bool StatusExchange::passed_by(Sequence n, Sequence committed) {
  const Sequence window = options_.window;
  if (!options_.reliable || !has_timer() || n <= committed + window) return false;
  if (asked_) {
    const bool answered = committed > asked_->committed;
    if (n < asked_->vote + (answered ? 1 : kWindowsUnanswered) * window) return false;
  }
  asked_ = Asked{committed, n};
  return true;
}

bool StatusExchange::may_answer(PeerId peer) {
  return !has_timer() || options_.reliable || ++answered_[peer] <= kAnswersPerTick;
}

void StatusExchange::rearm(bool unfinished, Actions& actions) {
  if (!has_timer()) return;
  if (options_.reliable) {
    if (!unfinished || armed_) return;
    armed_ = options_.status_interval * (std::int64_t{1} << doublings_);
    return actions.timers.push_back({kTimer, *armed_});
  }
  const Duration after = unfinished ? options_.status_interval : options_.idle_status_interval;
  if (armed_ && *armed_ <= after) return;
  armed_ = after;
  actions.timers.push_back({kTimer, after});
}

StatusExchange::Tick StatusExchange::tick(bool unfinished, Sequence committed) {
  silent_ += armed_.value_or(Duration{0});
  armed_.reset();
  answered_.clear();
  asked_.reset();
  Tick tick;
  tick.stuck = committed == committed_at_tick_;
  const bool idle = !options_.reliable && silent_ >= options_.idle_status_interval;
  tick.speak = idle || (unfinished && tick.stuck) || peers_ahead(committed);
  doublings_ = unfinished && tick.stuck ? std::min(doublings_ + 1, kMaxDoublings) : 0;
  if (tick.speak) silent_ = Duration{0};
  committed_at_tick_ = committed;
  return tick;
}

void StatusExchange::encode(Bytes& out) const {
  append_u32(out, static_cast<std::uint32_t>(committed_.size()));
  for (const auto& [peer, committed] : committed_) {
    append_u32(out, peer);
    append_u64(out, committed);
  }
  append_u8(out, armed_ ? 1 : 0);
  append_u64(out, static_cast<std::uint64_t>(armed_.value_or(Duration{0}).count()));
  append_u64(out, static_cast<std::uint64_t>(silent_.count()));
  append_u64(out, committed_at_tick_);
  append_u32(out, doublings_);
  append_u8(out, asked_ ? 1 : 0);
  const Asked asked = asked_.value_or(Asked{});
  append_u64(out, asked.committed);
  append_u64(out, asked.vote);
}

void StatusExchange::decode(Reader& in) {
  committed_.clear();
  for (std::uint32_t left = in.u32(); left > 0 && in.ok(); --left) {
    const PeerId peer = in.u32();
    committed_[peer] = in.u64();
  }
  const bool armed = in.u8() == 1;
  const Duration after{static_cast<std::int64_t>(in.u64())};
  armed_ = armed ? std::optional(after) : std::nullopt;
  silent_ = Duration{static_cast<std::int64_t>(in.u64())};
  committed_at_tick_ = in.u64();
  doublings_ = std::min(in.u32(), kMaxDoublings);
  const bool has_asked = in.u8() == 1;
  Asked asked;
  asked.committed = in.u64();
  asked.vote = in.u64();
  asked_ = has_asked ? std::optional(asked) : std::nullopt;
}

}  // namespace steward::agreement
