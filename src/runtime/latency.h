// Where a server's time goes: durations between the marks of replica::Output, and of disk writes.
// Thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "replica/server.h"

namespace steward::runtime {

class Latency {
 public:
  using Clock = std::chrono::steady_clock;

  void on_mark(const replica::Mark& mark);
  void on_disk_write(Clock::duration took);

  // For each step NAME the counters NAME_count and NAME_us, the sum of its durations.
  void fill(wire::StatusReply& reply) const;

 private:
  struct Sum {
    std::uint64_t count = 0;
    std::uint64_t microseconds = 0;
  };
  using Started = std::map<std::uint64_t, Clock::time_point>;

  static void start(Started& started, std::uint64_t number);
  static void finish(Started& started, std::uint64_t number, Sum& sum);

  mutable std::mutex mutex_;
  Started ordering_started_;
  Started signing_started_;
  Sum ordering_;
  Sum signing_;
  Sum disk_;
};

}  // namespace steward::runtime
