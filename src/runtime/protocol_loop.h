// The protocol thread: runs posted tasks and expired timers, one after the other.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <thread>

#include "common/time.h"

namespace steward::runtime {

class ProtocolLoop {
 public:
  using Task = std::function<void()>;
  using TimerId = std::uint64_t;

  // `on_timer` runs on the loop's thread.
  explicit ProtocolLoop(std::function<void(TimerId)> on_timer);
  ~ProtocolLoop();  // stops
  ProtocolLoop(const ProtocolLoop&) = delete;
  ProtocolLoop& operator=(const ProtocolLoop&) = delete;

  void start();
  // Ends the thread after the task that runs; the rest is dropped.
  void stop();

  // Any thread.
  void post(Task task);

  // On the loop's thread. nullopt cancels; an armed timer is moved.
  void set_timer(TimerId timer, std::optional<Duration> after);

 private:
  using Clock = std::chrono::steady_clock;

  void run();
  void fire_due_timers();

  std::function<void(TimerId)> on_timer_;
  std::map<TimerId, Clock::time_point> deadlines_;            // loop's thread only
  std::multimap<Clock::time_point, TimerId> timers_by_time_;  // likewise
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Task> tasks_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace steward::runtime
