#include "runtime/protocol_loop.h"

namespace steward::runtime {

ProtocolLoop::ProtocolLoop(std::function<void(TimerId)> on_timer)
    : on_timer_(std::move(on_timer)) {}

ProtocolLoop::~ProtocolLoop() { stop(); }

void ProtocolLoop::start() {
  thread_ = std::thread([this] { run(); });
}

void ProtocolLoop::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void ProtocolLoop::post(Task task) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    tasks_.push_back(std::move(task));
  }
  wake_.notify_one();
}

void ProtocolLoop::set_timer(TimerId timer, std::optional<Duration> after) {
  if (const auto armed = deadlines_.find(timer); armed != deadlines_.end()) {
    auto [first, last] = timers_by_time_.equal_range(armed->second);
    while (first != last && first->second != timer) ++first;
    timers_by_time_.erase(first);
    deadlines_.erase(armed);
  }
  if (!after) return;
  const Clock::time_point deadline = Clock::now() + *after;
  deadlines_[timer] = deadline;
  timers_by_time_.emplace(deadline, timer);
}

void ProtocolLoop::run() {
  std::deque<Task> batch;
  while (true) {
    {
      std::unique_lock lock(mutex_);
      const auto ready = [this] { return stopping_ || !tasks_.empty(); };
      if (timers_by_time_.empty()) {
        wake_.wait(lock, ready);
      } else {
        wake_.wait_until(lock, timers_by_time_.begin()->first, ready);
      }
      if (stopping_) return;
      batch.swap(tasks_);
    }
    for (Task& task : batch) task();
    batch.clear();
    fire_due_timers();
  }
}

void ProtocolLoop::fire_due_timers() {
  const Clock::time_point now = Clock::now();
  while (!timers_by_time_.empty() && timers_by_time_.begin()->first <= now) {
    const TimerId timer = timers_by_time_.begin()->second;
    timers_by_time_.erase(timers_by_time_.begin());
    deadlines_.erase(timer);
    on_timer_(timer);
  }
}

}  // namespace steward::runtime
