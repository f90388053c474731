// Signatures of single servers and clients. Implementations are thread-safe and constant-time in
// their secrets: Ed25519 (ed25519.h), and for the simulator an ideal scheme (ideal.h).
#pragma once

#include <memory>

#include "common/bytes.h"

namespace steward::crypto {

class Signer {
 public:
  virtual ~Signer() = default;
  virtual Bytes public_key() const = 0;
  virtual Bytes sign(BytesView message) const = 0;  // deterministic
};

class SignatureVerifier {
 public:
  virtual ~SignatureVerifier() = default;
  // False for anything but a valid signature; malformed keys and signatures are simply false.
  virtual bool verify(BytesView public_key, BytesView message, BytesView signature) const = 0;
};

}  // namespace steward::crypto
