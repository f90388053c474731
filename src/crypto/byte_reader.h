// Reads the framed encodings of this folder's keys and proofs. Bounded: a read past the end makes
// the reader fail, and everything after it fails too.
#pragma once

#include "common/bytes.h"

namespace steward::crypto {

class ByteReader {
 public:
  explicit ByteReader(BytesView in) : in_(in) {}

  std::uint32_t u32() {
    if (failed_ || in_.size() < 4) {
      failed_ = true;
      return 0;
    }
    const std::uint32_t value = read_u32(in_, 0);
    in_.remove_prefix(4);
    return value;
  }

  std::uint64_t u64() {
    const std::uint64_t high = u32();
    return high << 32 | u32();
  }

  // Empty when the reader failed.
  BytesView framed() {
    const std::uint32_t size = u32();
    if (failed_ || in_.size() < size) {
      failed_ = true;
      return {};
    }
    const BytesView field = in_.substr(0, size);
    in_.remove_prefix(size);
    return field;
  }

  bool failed() const { return failed_; }
  bool done() const { return !failed_ && in_.empty(); }

 private:
  BytesView in_;
  bool failed_ = false;
};

}  // namespace steward::crypto
