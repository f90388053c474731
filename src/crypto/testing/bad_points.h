// Points of BLS12-381 that must not be accepted from anybody.
#pragma once

#include <random>

#include "crypto/bls_group.h"

namespace steward::crypto::testing {

// A point of the curve whose order divides the cofactor: r times a point outside of the group.
inline G1 torsion_point() {
  for (char x = 1;; ++x) {
    const std::optional<G1> outside = decode_g1('\x80' + Bytes(kG1Bytes - 2, '\0') + x);
    if (!outside || in_group(*outside)) continue;
    const Bytes order =
        from_hex("73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001").value();
    G1 multiple{};
    for (const char byte : order) {
      for (int bit = 7; bit >= 0; --bit) {
        multiple = sum(multiple, multiple);
        if (byte >> bit & 1) multiple = sum(multiple, *outside);
      }
    }
    if (!is_infinity(multiple)) return multiple;
  }
}

// Encodings that are no point of the group, or no point at all.
inline std::vector<Bytes> bad_points(std::size_t size, const Bytes& good) {
  Bytes infinity(size, '\0');
  infinity[0] = '\xc0';
  Bytes negative_infinity = infinity;
  negative_infinity[0] = '\xe0';
  Bytes infinity_and_more = infinity;
  infinity_and_more.back() = 1;
  Bytes not_reduced =  // x = p + 1 instead of 1
      from_hex(
          "9a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffff"
          "ffffaaac")
          .value();
  not_reduced.resize(size, '\0');
  Bytes uncompressed = good;
  uncompressed[0] = static_cast<char>(uncompressed[0] & 0x7f);
  std::vector<Bytes> bad = {Bytes(),        Bytes(size, '\0'), Bytes(size, '\xff'),
                            infinity,       negative_infinity, infinity_and_more,
                            not_reduced,    uncompressed,      good + '\0',
                            good.substr(1), good + good,       Bytes("\x80") + good};
  std::mt19937 random(7);
  for (int i = 0; i < 40; ++i) {
    Bytes noise(size, '\0');
    for (char& byte : noise) byte = static_cast<char>(random());
    noise[0] = static_cast<char>((noise[0] & 0x3f) | 0x80);
    bad.push_back(noise);
  }
  return bad;
}

}  // namespace steward::crypto::testing
