// The model of one directed wide-area link between two sites: latency, rate, loss and cut. No I/O
// and no clock: the caller says what time it is. Real servers delay what they send by it (links.h);
// the simulator's network is made of the same class.
#pragma once

#include <cstdint>
#include <optional>

#include "common/time.h"
#include "steward/cluster_config.h"

namespace steward::net {

class Shaper {
 public:
  // What becomes of the fraction LinkConfig::loss of the messages.
  enum class Loss {
    kDrop,   // gone: a network without retransmission below
    kDelay,  // late by one round trip, and all behind it with it: what TCP makes of a lost packet
  };

  // `seed` decides which messages are lost; equal seeds and calls give equal outcomes.
  Shaper(const LinkConfig& link, Loss loss, std::uint64_t seed);

  // When a message of `bytes` handed over at `now` arrives: after all earlier ones have left at the
  // link's rate, itself too, and the latency. nullopt when the link drops it. Times are durations
  // since a start that the caller chooses; `now` never goes back. Arrivals never overtake.
  std::optional<Duration> pass(Duration now, std::size_t bytes);

  // A cut link drops everything at once, also what still waited to leave: the caller discards that.
  void set_cut(bool cut);
  bool is_cut() const { return cut_; }

  std::uint64_t lost_messages() const { return lost_; }
  std::uint64_t cut_messages() const { return cut_off_; }

 private:
  bool draw_loss();

  LinkConfig link_;
  Loss loss_;
  std::uint64_t random_state_;
  std::int64_t free_at_ns_ = 0;  // nanoseconds: a small message takes less than a microsecond
  Duration last_arrival_{0};
  bool cut_ = false;
  std::uint64_t lost_ = 0;
  std::uint64_t cut_off_ = 0;
};

}  // namespace steward::net
