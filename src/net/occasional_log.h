// Warnings that strangers can cause at will: at most one a second is written, the others counted.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "common/log.h"

namespace steward::net {

// One thread at a time.
class OccasionalLog {
 public:
  void warning(const std::string& line) {
    const auto now = std::chrono::steady_clock::now();
    if (written_ && now - last_ < std::chrono::seconds(1)) {
      ++held_back_;
      return;
    }
    if (held_back_ == 0) {
      log::warning("{}", line);
    } else {
      log::warning("{} (and {} more like this since the last line)", line, held_back_);
    }
    written_ = true;
    last_ = now;
    held_back_ = 0;
  }

 private:
  std::chrono::steady_clock::time_point last_;
  bool written_ = false;
  std::uint64_t held_back_ = 0;
};

}  // namespace steward::net
