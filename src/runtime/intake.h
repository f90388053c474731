// What others have sent and the server has not dealt with yet, in bytes and by who sent it. Whoever
// sends more than is dealt with is refused, and takes no room from the others. Thread-safe.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>

#include "common/bytes.h"

namespace steward::runtime {

class Intake {
 public:
  explicit Intake(std::size_t max_bytes_per_source) : max_bytes_(max_bytes_per_source) {}
  Intake(const Intake&) = delete;
  Intake& operator=(const Intake&) = delete;

  // Null when the source has too much waiting; one frame always may. The frame counts until the
  // ticket is gone, which has to be before the intake is.
  using Ticket = std::shared_ptr<const void>;
  Ticket admit(const Bytes& source, std::size_t frame_bytes);

 private:
  const std::size_t max_bytes_;
  std::mutex mutex_;
  std::map<Bytes, std::size_t> waiting_;  // by source; none that has nothing waiting
};

}  // namespace steward::runtime
