// Reads what append_u8, append_u32, append_u64 and append_framed of common/bytes.h wrote. Bounds
// are checked: the first short read fails the reader, and all later ones return nothing.
#pragma once

#include "common/bytes.h"
#include "crypto/sha256.h"

namespace steward::agreement {

class Reader {
 public:
  explicit Reader(BytesView in) : in_(in) {}

  std::uint8_t u8() { return take(1) ? static_cast<std::uint8_t>(in_[at_ - 1]) : std::uint8_t{0}; }
  std::uint32_t u32() { return take(4) ? read_u32(in_, at_ - 4) : 0; }
  std::uint64_t u64() { return take(8) ? read_u64(in_, at_ - 8) : 0; }
  Bytes framed() {
    const std::uint32_t size = u32();
    return take(size) ? Bytes(in_.substr(at_ - size, size)) : Bytes();
  }
  crypto::Digest digest() {
    const auto digest = crypto::Digest::from(framed());
    if (!digest) ok_ = false;
    return digest.value_or(crypto::Digest{});
  }

  bool ok() const { return ok_; }
  bool at_end() const { return ok_ && at_ == in_.size(); }
  void fail() { ok_ = false; }

 private:
  bool take(std::size_t size) {
    if (!ok_ || size > in_.size() - at_) return ok_ = false;
    at_ += size;
    return true;
  }

  BytesView in_;
  std::size_t at_ = 0;
  bool ok_ = true;
};

}  // namespace steward::agreement
