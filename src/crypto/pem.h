// Public keys as PEM SubjectPublicKeyInfo, the form that standard tools read.
#pragma once

#include <openssl/bn.h>

#include "common/bytes.h"

namespace steward::crypto {

Bytes rsa_public_pem(const BIGNUM* modulus, std::uint32_t exponent);
Bytes ed25519_public_pem(BytesView public_key);  // 32 bytes

}  // namespace steward::crypto
