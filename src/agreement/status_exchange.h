// When to tell the peers where this core stands, and what the peers said of themselves. Nothing in
// the agreement protocols is sent once only: a peer that stands still says so, and the others send
// again what it lacks.
//
// With a status interval of zero there are no timers; statuses are then only answers to messages.
// Where the transport is reliable the timer runs only on demand, and twice as long each time it
// finds that nothing went on, up to 32-fold: what was asked is on its way.
#pragma once

#include <map>
#include <optional>

#include "agreement/core.h"
#include "agreement/reader.h"

namespace steward::agreement {

class StatusExchange {
 public:
  static constexpr TimerId kTimer = 1;

  explicit StatusExchange(const Options& options) : options_(options) {}

  bool has_timer() const {
    return options_.status_interval.count() > 0 && options_.quorums.peers > 1;
  }

  void heard(PeerId peer, Sequence committed);
  // Until they say so again.
  void forget_claims() { committed_.clear(); }

  // Enough peers to include a correct one have committed more than this.
  bool peers_ahead(Sequence committed) const;

  // Where the transport is reliable: enough peers vote for `n`, and what follows `committed` was
  // never proposed here. A leader has `window` batches in flight, so beyond that others must have
  // committed it. True when one of them is to be asked now: again when that was answered.
  bool passed_by(Sequence n, Sequence committed);

  // A peer gets one answer a status, and only so many between two ticks.
  bool may_answer(PeerId peer);

  // After each step: a short interval while work is unfinished, else a long one, or (reliable)
  // none.
  void rearm(bool unfinished, Actions& actions);

  // The timer fired.
  struct Tick {
    bool stuck = false;  // nothing was committed since the last tick
    bool speak = false;  // a Status to all is due
  };
  Tick tick(bool unfinished, Sequence committed);

  void encode(Bytes& out) const;
  void decode(Reader& in);

 private:
  struct Asked {
    Sequence committed = 0;  // here, by then
    Sequence vote = 0;
  };

  Options options_;
  std::map<PeerId, Sequence> committed_;      // as the peers last said
  std::map<PeerId, std::uint32_t> answered_;  // since the last tick
  std::optional<Duration> armed_;
  Duration silent_{0};  // since the last Status to all
  Sequence committed_at_tick_ = 0;
  std::uint32_t doublings_ = 0;
  std::optional<Asked> asked_;  // by passed_by, since the last tick
};

}  // namespace steward::agreement
