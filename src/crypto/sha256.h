// SHA-256, the only digest of the project.
#pragma once

#include <array>
#include <compare>
#include <initializer_list>

#include "common/bytes.h"

namespace steward::crypto {

struct Digest {
  std::array<char, 32> bytes{};

  BytesView view() const { return {bytes.data(), bytes.size()}; }
  Bytes str() const { return Bytes(view()); }
  std::string hex() const { return to_hex(view()); }
  auto operator<=>(const Digest&) const = default;

  // nullopt unless exactly 32 bytes.
  static std::optional<Digest> from(BytesView bytes);
};

Digest sha256(BytesView bytes);

// Over the concatenation of framed parts (32-bit length, bytes): fields cannot run together.
Digest sha256_parts(std::initializer_list<BytesView> parts);

}  // namespace steward::crypto
