#include "sim/event_queue.h"

#include "common/check.h"

namespace steward::sim {

EventQueue::EventId EventQueue::at(Duration when, Action action) {
  STEWARD_CHECK(when >= now_);
  const EventId id{when, next_++};
  events_.emplace(id, std::move(action));
  return id;
}

void EventQueue::run_until(Duration end) {
  while (!events_.empty() && events_.begin()->first.first <= end) {
    auto event = events_.extract(events_.begin());
    now_ = event.key().first;
    ++executed_;
    event.mapped()();
  }
  now_ = end;
}

}  // namespace steward::sim
