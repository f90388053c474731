// How much more memory this process had resident at most since a moment, as Linux counts it: with
// everything that the allocator keeps and rounds, which no sum over arrays sees.
#pragma once

#include <malloc.h>

#include <cstdint>
#include <fstream>
#include <string>

namespace steward::bench {

class PeakMemory {
 public:
  // From now on. What was freed before goes back to the system, or it would hide growth.
  PeakMemory() {
    malloc_trim(0);
    std::ofstream("/proc/self/clear_refs") << "5";  // the peak begins anew
    start_ = read("VmRSS:");
  }

  std::uint64_t growth_bytes() const {
    const std::uint64_t peak = read("VmHWM:");
    return peak > start_ ? peak - start_ : 0;
  }

 private:
  static std::uint64_t read(const std::string& name) {
    std::ifstream status("/proc/self/status");
    for (std::string word; status >> word;) {
      std::uint64_t kilobytes = 0;
      if (word == name && status >> kilobytes) return kilobytes * 1024;
    }
    return 0;
  }

  std::uint64_t start_ = 0;
};

}  // namespace steward::bench
