#include "crypto/ed25519.h"

#include <sodium.h>

#include "common/check.h"

namespace steward::crypto {
namespace {

const unsigned char* octets(BytesView bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}
unsigned char* octets(char* bytes) { return reinterpret_cast<unsigned char*>(bytes); }

}  // namespace

static_assert(kEd25519SeedBytes == crypto_sign_SEEDBYTES);
static_assert(kEd25519PublicKeyBytes == crypto_sign_PUBLICKEYBYTES);
static_assert(kEd25519SignatureBytes == crypto_sign_BYTES);

Ed25519Signer::Ed25519Signer(BytesView seed)
    : public_key_(kEd25519PublicKeyBytes, '\0'),
      secret_key_(SecretBytes::zeros(crypto_sign_SECRETKEYBYTES)) {
  STEWARD_CHECK(crypto_sign_seed_keypair(octets(public_key_.data()), octets(secret_key_.data()),
                                         octets(seed)) == 0);
}

Result<std::unique_ptr<Ed25519Signer>> Ed25519Signer::from_seed(BytesView seed) {
  if (seed.size() != kEd25519SeedBytes) {
    return bad_input("an Ed25519 seed has 32 bytes, not " + std::to_string(seed.size()));
  }
  return std::unique_ptr<Ed25519Signer>(new Ed25519Signer(seed));
}

std::unique_ptr<Ed25519Signer> Ed25519Signer::generate() {
  const SecretBytes seed = SecretBytes::random(kEd25519SeedBytes);
  return std::unique_ptr<Ed25519Signer>(new Ed25519Signer(seed.view()));
}

Bytes Ed25519Signer::sign(BytesView message) const {
  Bytes signature(kEd25519SignatureBytes, '\0');
  STEWARD_CHECK(crypto_sign_detached(octets(signature.data()), nullptr, octets(message),
                                     message.size(), octets(secret_key_.view())) == 0);
  return signature;
}

SecretBytes Ed25519Signer::copy_secret_seed() const {
  return SecretBytes(secret_key_.view().substr(0, kEd25519SeedBytes));
}

bool Ed25519Verifier::verify(BytesView public_key, BytesView message, BytesView signature) const {
  if (public_key.size() != kEd25519PublicKeyBytes || signature.size() != kEd25519SignatureBytes) {
    return false;
  }
  return crypto_sign_verify_detached(octets(signature), octets(message), message.size(),
                                     octets(public_key)) == 0;
}

}  // namespace steward::crypto
