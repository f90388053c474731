#include "crypto/sha256.h"

#include <openssl/evp.h>

#include <algorithm>
#include <memory>

#include "common/check.h"

namespace steward::crypto {
namespace {

// Fetching the algorithm by name costs more than hashing a short message, so it is done once; the
// contexts belong to their threads.
class Hasher {
 public:
  Hasher() : context_(thread_context()) {
    static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
    STEWARD_CHECK(EVP_DigestInit_ex2(context_, algorithm, nullptr) == 1);
  }
  void add(BytesView bytes) {
    STEWARD_CHECK(EVP_DigestUpdate(context_, bytes.data(), bytes.size()) == 1);
  }
  Digest finish() {
    Digest digest;
    STEWARD_CHECK(EVP_DigestFinal_ex(context_,
                                     reinterpret_cast<unsigned char*>(digest.bytes.data()),
                                     nullptr) == 1);
    return digest;
  }

 private:
  static EVP_MD_CTX* thread_context() {
    struct Free {
      void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
    };
    static thread_local const std::unique_ptr<EVP_MD_CTX, Free> context(EVP_MD_CTX_new());
    return context.get();
  }

  EVP_MD_CTX* context_;
};

}  // namespace

std::optional<Digest> Digest::from(BytesView bytes) {
  Digest digest;
  if (bytes.size() != digest.bytes.size()) return std::nullopt;
  std::copy(bytes.begin(), bytes.end(), digest.bytes.begin());
  return digest;
}

Digest sha256(BytesView bytes) {
  Hasher hasher;
  hasher.add(bytes);
  return hasher.finish();
}

Digest sha256_parts(std::initializer_list<BytesView> parts) {
  Hasher hasher;
  for (const BytesView part : parts) {
    Bytes length;
    append_u32(length, static_cast<std::uint32_t>(part.size()));
    hasher.add(length);
    hasher.add(part);
  }
  return hasher.finish();
}

}  // namespace steward::crypto
