#include "crypto/secret.h"

#include <sodium.h>

#include <algorithm>

#include "common/check.h"

namespace steward::crypto {

void SecretBytes::Wipe::operator()(char* bytes) const {
  sodium_memzero(bytes, size);
  std::default_delete<char[]>()(bytes);
}

SecretBytes::SecretBytes(std::size_t size) : size_(size), data_(new char[size](), Wipe{size}) {}

SecretBytes::SecretBytes(BytesView bytes) : SecretBytes(bytes.size()) {
  std::copy(bytes.begin(), bytes.end(), data_.get());
}

SecretBytes SecretBytes::zeros(std::size_t size) { return SecretBytes(size); }

SecretBytes SecretBytes::random(std::size_t size) {
  STEWARD_CHECK(sodium_init() >= 0);
  SecretBytes secret(size);
  randombytes_buf(secret.data(), size);
  return secret;
}

void wipe(std::string& bytes) {
  sodium_memzero(bytes.data(), bytes.size());
  bytes.clear();
}

}  // namespace steward::crypto
