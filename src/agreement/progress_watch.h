// When to give up on a leader: it gets nothing done while progress is expected, its new view does
// not come, or it proposes late again and again (docs/protocols.md, section 2). Asks for two timers
// and judges by events alone.
//
// Not thread-safe. Does nothing where view changes are switched off.
#pragma once

#include <optional>

#include "agreement/core.h"
#include "agreement/reader.h"

namespace steward::agreement {

class ProgressWatch {
 public:
  static constexpr TimerId kTimer = 2;
  static constexpr TimerId kLateTimer = 3;

  enum class Waiting : std::uint8_t { kNothing, kProgress, kNewView };

  explicit ProgressWatch(const Options& options) : options_(options) {}

  bool enabled() const {
    return options_.view_change_timeout.count() > 0 && options_.quorums.peers > 1;
  }

  // After each step. The timer starts anew with each view and each executed batch. `leader_due`:
  // progress is expected, and the leader has nothing in flight.
  void rearm(Waiting waiting, View view, Sequence executed, bool leader_due, Actions& actions);

  // kTimer fired: is it time for the next view?
  bool expired();
  void late_timer_fired();

  // A proposal came. True when the leader has been late too often.
  bool proposal_came();

  void changing();   // to another view: the next time-out is twice as long
  void installed();  // a view: its leader begins with a clean record

  void encode(Bytes& out) const;
  void decode(Reader& in);

 private:
  struct Armed {
    Waiting waiting = Waiting::kNothing;
    View view = 0;
    Sequence executed = 0;
    bool operator==(const Armed&) const = default;
  };

  void note_progress(Sequence executed);
  Duration timeout(Waiting waiting) const;

  Options options_;
  Armed armed_;
  std::uint32_t doublings_ = 0;
  Sequence executed_ = 0;
  Sequence progress_ = 0;  // batches executed since the last doubling or halving
  bool late_armed_ = false;
  bool late_ = false;          // the proposal that is due
  std::uint16_t history_ = 0;  // of the last proposals: a bit for each that came late
};

}  // namespace steward::agreement
