// Ed25519 (RFC 8032) over libsodium: the signatures of servers and clients.
#pragma once

#include <memory>

#include "common/result.h"
#include "crypto/secret.h"
#include "crypto/signature.h"

namespace steward::crypto {

inline constexpr std::size_t kEd25519SeedBytes = 32;
inline constexpr std::size_t kEd25519PublicKeyBytes = 32;
inline constexpr std::size_t kEd25519SignatureBytes = 64;

class Ed25519Signer final : public Signer {
 public:
  // Fails unless the seed has 32 bytes.
  static Result<std::unique_ptr<Ed25519Signer>> from_seed(BytesView seed);
  static std::unique_ptr<Ed25519Signer> generate();

  Bytes public_key() const override { return public_key_; }
  Bytes sign(BytesView message) const override;

  // The secret itself: TLS authenticates with the same key, and key files store it.
  SecretBytes copy_secret_seed() const;

 private:
  explicit Ed25519Signer(BytesView seed);

  Bytes public_key_;
  SecretBytes secret_key_;  // seed ‖ public key, as libsodium wants it
};

class Ed25519Verifier final : public SignatureVerifier {
 public:
  bool verify(BytesView public_key, BytesView message, BytesView signature) const override;
};

}  // namespace steward::crypto
