#include "agreement/progress_watch.h"

#include <algorithm>
#include <bit>

namespace steward::agreement {
namespace {

constexpr Sequence kBatchesPerHalving = 16;
constexpr std::uint32_t kMaxDoublings = 20;
// Of the last 16 proposals.
constexpr int kMaxLate = 8;
constexpr int kLatePart = 4;  // late: after this part of the time-out

}  // namespace

Duration ProgressWatch::timeout(Waiting waiting) const {
  const bool first = doublings_ == 0 || waiting != Waiting::kNewView;
  // A change has just doubled it: the new view may still take as long as the old one had.
  const std::uint32_t doublings = first ? doublings_ : doublings_ - 1;
  const Duration longest = std::max(options_.view_change_timeout, options_.view_change_cap);
  return std::min(options_.view_change_timeout * (std::int64_t{1} << doublings), longest);
}

void ProgressWatch::note_progress(Sequence executed) {
  if (executed <= executed_) return;
  progress_ += executed - executed_;
  executed_ = executed;
  if (progress_ < kBatchesPerHalving) return;
  progress_ = 0;
  if (doublings_ > 0) --doublings_;
}

void ProgressWatch::rearm(Waiting waiting, View view, Sequence executed, bool leader_due,
                          Actions& actions) {
  if (!enabled()) return;
  if (waiting != Waiting::kNewView) note_progress(executed);
  Armed wanted{waiting, view, waiting == Waiting::kProgress ? executed : 0};
  if (waiting == Waiting::kNothing) wanted = {};
  if (wanted != armed_) {
    armed_ = wanted;
    const bool none = waiting == Waiting::kNothing;
    actions.timers.push_back({kTimer, none ? std::nullopt : std::optional(timeout(waiting))});
  }
  if (!leader_due) late_ = false;
  if (leader_due != late_armed_) {
    late_armed_ = leader_due;
    const Duration late = options_.view_change_timeout / kLatePart;
    actions.timers.push_back({kLateTimer, leader_due ? std::optional(late) : std::nullopt});
  }
}

bool ProgressWatch::expired() {
  if (armed_ == Armed{}) return false;
  armed_ = {};
  return true;
}

void ProgressWatch::late_timer_fired() { late_ = late_armed_; }

bool ProgressWatch::proposal_came() {
  if (!enabled()) return false;
  history_ = static_cast<std::uint16_t>(history_ << 1 | (late_ ? 1 : 0));
  late_ = false;
  return std::popcount(history_) > kMaxLate;
}

void ProgressWatch::changing() {
  doublings_ = std::min(doublings_ + 1, kMaxDoublings);
  progress_ = 0;
}

void ProgressWatch::installed() {
  history_ = 0;
  late_ = false;
}

void ProgressWatch::encode(Bytes& out) const {
  append_u8(out, static_cast<std::uint8_t>(armed_.waiting));
  append_u64(out, armed_.view);
  append_u64(out, armed_.executed);
  append_u32(out, doublings_);
  append_u64(out, executed_);
  append_u64(out, progress_);
  append_u8(out, late_armed_ ? 1 : 0);
  append_u8(out, late_ ? 1 : 0);
  append_u32(out, history_);
}

void ProgressWatch::decode(Reader& in) {
  const std::uint8_t waiting = in.u8();
  if (waiting > static_cast<std::uint8_t>(Waiting::kNewView)) return in.fail();
  armed_.waiting = static_cast<Waiting>(waiting);
  armed_.view = in.u64();
  armed_.executed = in.u64();
  doublings_ = std::min(in.u32(), kMaxDoublings);
  executed_ = in.u64();
  progress_ = in.u64();
  late_armed_ = in.u8() == 1;
  late_ = in.u8() == 1;
  history_ = static_cast<std::uint16_t>(in.u32());
}

}  // namespace steward::agreement
