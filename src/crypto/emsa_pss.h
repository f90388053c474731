// EMSA-PSS (RFC 8017, 9.1.1) with SHA-256, MGF1-SHA-256 and an empty salt: the padding is a
// function of the message, so that every server signs the same number and standard tools verify the
// result.
#pragma once

#include "common/bytes.h"

namespace steward::crypto {

// `modulus_bits` is a multiple of 8 and at least 512; the result has modulus_bits / 8 bytes and,
// read as a big-endian number, is below every modulus of that size.
Bytes emsa_pss_encode(BytesView message, std::size_t modulus_bits);

}  // namespace steward::crypto
