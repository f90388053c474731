#include "crypto/emsa_pss.h"

#include "common/check.h"
#include "crypto/sha256.h"

namespace steward::crypto {
namespace {

constexpr std::size_t kHashBytes = 32;

// MGF1 of RFC 8017, B.2.1.
Bytes mask(const Digest& seed, std::size_t size) {
  Bytes out;
  for (std::uint32_t counter = 0; out.size() < size; ++counter) {
    Bytes input = seed.str();
    append_u32(input, counter);
    out.append(sha256(input).view());
  }
  out.resize(size);
  return out;
}

}  // namespace

Bytes emsa_pss_encode(BytesView message, std::size_t modulus_bits) {
  STEWARD_CHECK(modulus_bits % 8 == 0 && modulus_bits >= 512);
  Bytes salted(8, '\0');
  salted.append(sha256(message).view());
  const Digest hash = sha256(salted);

  const std::size_t block_bytes = modulus_bits / 8 - kHashBytes - 1;
  Bytes encoded = mask(hash, block_bytes);
  encoded.back() = static_cast<char>(encoded.back() ^ 1);  // the block is zeros, then 0x01
  encoded[0] = static_cast<char>(encoded[0] & 0x7f);       // emBits = modulus_bits - 1
  encoded.append(hash.view());
  encoded.push_back(static_cast<char>(0xbc));
  return encoded;
}

}  // namespace steward::crypto
