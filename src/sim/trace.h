// One number for everything that happened in a run, in order: equal seeds give equal traces.
#pragma once

#include <cstdint>

#include "common/bytes.h"

namespace steward::sim {

class Trace {
 public:
  enum class Event : std::uint64_t { kMessage = 1, kClient, kTimer, kExecuted, kSigned, kFault };

  void add(std::uint64_t value) {
    hash_ = (hash_ ^ value) * 0x9fb21c651e98df25ULL;
    hash_ ^= hash_ >> 32;
  }
  void add(Event event) { add(static_cast<std::uint64_t>(event)); }
  void add(BytesView bytes) {
    add(bytes.size());
    std::size_t at = 0;
    for (; at + 8 <= bytes.size(); at += 8) add(read_u64(bytes, at));
    std::uint64_t rest = 0;
    for (; at < bytes.size(); ++at) rest = rest << 8 | static_cast<unsigned char>(bytes[at]);
    add(rest);
  }

  std::uint64_t hash() const { return hash_; }

 private:
  std::uint64_t hash_ = 0x5bd1e9955bd1e995ULL;
};

}  // namespace steward::sim
