// Takes an input of the fuzzer apart. Past the end everything is zero and empty, so that every byte
// string is some input and its shortened forms are, too.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "common/bytes.h"
#include "common/check.h"

namespace steward::fuzz {

class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size)
      : left_(reinterpret_cast<const char*>(data), size) {}

  bool empty() const { return left_.empty(); }
  std::uint8_t u8() {
    const BytesView one = take(1);
    return one.empty() ? std::uint8_t{0} : static_cast<std::uint8_t>(one[0]);
  }
  std::uint32_t u16() {
    const std::uint32_t high = u8();
    return high << 8 | u8();
  }
  // At most this many bytes.
  BytesView take(std::size_t size) {
    const BytesView taken = left_.substr(0, size);
    left_.remove_prefix(taken.size());
    return taken;
  }
  BytesView framed() { return take(u16()); }  // a 16-bit length goes before
  BytesView rest() { return take(left_.size()); }

 private:
  BytesView left_;
};

// The other direction, for whoever writes inputs.
inline void append_u16(Bytes& out, std::size_t value) {
  append_u8(out, static_cast<std::uint8_t>(value >> 8));
  append_u8(out, static_cast<std::uint8_t>(value));
}
inline void append_framed16(Bytes& out, BytesView field) {
  STEWARD_CHECK(field.size() < 1 << 16);
  append_u16(out, field.size());
  out.append(field);
}

}  // namespace steward::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
