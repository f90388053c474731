// Virtual time: what is to happen, in order of time and, at equal times, of being asked for.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <utility>

#include "common/time.h"

namespace steward::sim {

class EventQueue {
 public:
  using Action = std::function<void()>;
  using EventId = std::pair<Duration, std::uint64_t>;

  // Since the start of the run.
  Duration now() const { return now_; }

  EventId at(Duration when, Action action);  // not in the past
  EventId after(Duration delay, Action action) { return at(now_ + delay, std::move(action)); }
  void cancel(const EventId& event) { events_.erase(event); }  // no effect once it has run

  // Runs everything due up to `end`, which is the time afterwards.
  void run_until(Duration end);

  std::uint64_t executed() const { return executed_; }
  std::size_t size() const { return events_.size(); }

 private:
  Duration now_{0};
  std::uint64_t next_ = 0;
  std::uint64_t executed_ = 0;
  std::map<EventId, Action> events_;
};

}  // namespace steward::sim
