#include "runtime/intake.h"

namespace steward::runtime {
namespace {

// What a small message costs beyond its bytes, roughly.
constexpr std::size_t kOverhead = 1 << 10;

}  // namespace

Intake::Ticket Intake::admit(const Bytes& source, std::size_t frame_bytes) {
  const std::size_t bytes = frame_bytes + kOverhead;
  {
    const std::lock_guard lock(mutex_);
    const auto known = waiting_.find(source);
    if (known != waiting_.end() && known->second + bytes > max_bytes_) return nullptr;
    waiting_[source] += bytes;
  }
  return {this, [this, source, bytes](const void*) {
            const std::lock_guard lock(mutex_);
            const auto waiting = waiting_.find(source);
            waiting->second -= bytes;
            if (waiting->second == 0) waiting_.erase(waiting);
          }};
}

}  // namespace steward::runtime
