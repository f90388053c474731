// Giving snapshots to servers of the site that lag: which are kept, and how fast they are given.
//
// Kept are those of the last checkpoints, and longer than that one that somebody is fetching: it
// stays until nothing was asked of it for kIdle, at most kLongest, for at most `faults` + 1 of
// them, so that servers that lie cannot keep a correct one from it. A snapshot costs the pages that
// have changed since, at worst as much memory as the state. A large state is thus fetched from one
// snapshot, however many checkpoints go by meanwhile.
//
// All together are given `rate` bytes per second: answers begin while the account is not empty, and
// it is refilled each tick with what a tick's time brings, up to that much. An answer may overdraw
// it by itself. Requests wait their turn, one for each server, of which a newer one takes the
// place. Not thread-safe.
#pragma once

#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "common/ids.h"
#include "common/time.h"
#include "replica/page_set.h"
#include "wire/state.pb.h"

namespace steward::replica {

class StateDonor {
 public:
  static constexpr Duration kTick{20'000};
  static constexpr Duration kIdle{10'000'000};
  static constexpr Duration kLongest{1'800'000'000};
  static constexpr std::size_t kKept = 3;
  // An answer ends with the piece beyond so many bytes, or beyond what kAnswerTime brings: who asks
  // gives a slow source's part to others.
  static constexpr std::size_t kAnswerBytes = 512 << 10;
  static constexpr std::size_t kLeastAnswerBytes = 64 << 10;
  static constexpr Duration kAnswerTime{200'000};

  using Answers = std::vector<std::pair<ServerIndex, wire::StateAnswer>>;

  // `rate_bytes_per_s` 0: as fast as asked.
  StateDonor(std::uint32_t faults, std::uint64_t rate_bytes_per_s);

  void keep(Sequence sequence, Pages pages);  // of a checkpoint newer than those before
  void forget_all();
  const std::map<Sequence, Pages>& snapshots() const { return snapshots_; }

  void on_request(ServerIndex from, const wire::StateRequest& request, Answers& answers);
  // Each kTick while ticking().
  void on_tick(Answers& answers);
  bool ticking() const { return !waiting_.empty() || !pins_.empty() || account_ < full_; }

  std::uint64_t given_bytes() const { return given_bytes_; }  // of all answers

 private:
  struct Pin {
    Sequence sequence = 0;
    std::int64_t idle = 0;  // ticks
    std::int64_t age = 0;
  };

  void serve(Answers& answers);
  void forget_old();

  const std::size_t max_pinned_;
  const std::int64_t full_;  // bytes of one tick; 0: unlimited
  const std::size_t answer_bytes_;
  std::int64_t account_;
  std::map<Sequence, Pages> snapshots_;
  std::map<ServerIndex, Pin> pins_;
  std::map<ServerIndex, wire::StateRequest> waiting_;
  ServerIndex last_served_ = 0;
  std::uint64_t given_bytes_ = 0;
};

// Some of what is asked for, at least a piece of it where there is one.
wire::StateAnswer answer_request(const wire::StateRequest& request, const Pages& snapshot,
                                 std::size_t max_bytes = StateDonor::kAnswerBytes);

}  // namespace steward::replica
