// How the graph's own files write numbers: LEB128; and their checksum, FNV-1a over 64 bits, against
// faulty disks and not against people.
#pragma once

#include <cstdint>

#include "common/bytes.h"

namespace steward::accountability {

inline std::uint64_t checksum(BytesView bytes) {
  std::uint64_t sum = 0xcbf29ce484222325;
  for (const char c : bytes) {
    sum = (sum ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  }
  return sum;
}

inline void append_number(Bytes& out, std::uint64_t value) {
  while (value >= 0x80) {
    out.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<char>(value));
}

// Reads numbers until one is cut off or too long; from then on it has failed and gives zeros.
class NumberReader {
 public:
  explicit NumberReader(BytesView bytes) : bytes_(bytes) {}

  std::uint64_t next() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && at_ < bytes_.size(); shift += 7) {
      const auto byte = static_cast<unsigned char>(bytes_[at_++]);
      value |= std::uint64_t{byte & 0x7fU} << shift;
      if ((byte & 0x80) == 0) return value;
    }
    failed_ = true;
    at_ = bytes_.size();
    return 0;
  }

  bool failed() const { return failed_; }
  bool at_end() const { return at_ == bytes_.size(); }

 private:
  BytesView bytes_;
  std::size_t at_ = 0;
  bool failed_ = false;
};

}  // namespace steward::accountability
