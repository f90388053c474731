// OpenSSL's big numbers under C++ ownership, for the files of this folder only. Every number is
// cleared when freed. Failures here are ours (a broken precondition or no memory) and are checked.
#pragma once

#include <openssl/bn.h>

#include <memory>

#include "common/bytes.h"
#include "common/check.h"

namespace steward::crypto {

struct BnDelete {
  void operator()(BIGNUM* number) const { BN_clear_free(number); }
  void operator()(BN_CTX* context) const { BN_CTX_free(context); }
  void operator()(BN_MONT_CTX* context) const { BN_MONT_CTX_free(context); }
};
using Bn = std::unique_ptr<BIGNUM, BnDelete>;
using BnContext = std::unique_ptr<BN_CTX, BnDelete>;
using BnMontgomery = std::unique_ptr<BN_MONT_CTX, BnDelete>;

inline void bn_check(int openssl_result) { STEWARD_CHECK(openssl_result == 1); }

inline Bn bn_new() {
  Bn number(BN_new());
  STEWARD_CHECK(number);
  return number;
}

// A number that OpenSSL's arithmetic treats in constant time.
inline Bn bn_secret() {
  Bn number = bn_new();
  BN_set_flags(number.get(), BN_FLG_CONSTTIME);
  return number;
}

inline Bn bn_word(BN_ULONG word) {
  Bn number = bn_new();
  bn_check(BN_set_word(number.get(), word));
  return number;
}

inline Bn bn_copy(const BIGNUM* from) {
  Bn number = bn_new();
  STEWARD_CHECK(BN_copy(number.get(), from));
  return number;
}

inline BnContext bn_context() {
  BnContext context(BN_CTX_new());
  STEWARD_CHECK(context);
  return context;
}

inline Bn bn_from_bytes(BytesView big_endian) {
  Bn number = bn_new();
  STEWARD_CHECK(BN_bin2bn(reinterpret_cast<const unsigned char*>(big_endian.data()),
                          static_cast<int>(big_endian.size()), number.get()));
  return number;
}

inline std::size_t bn_size(const BIGNUM* number) {
  return static_cast<std::size_t>(BN_num_bytes(number));
}

// Big-endian, `size` bytes with leading zeros; the number must fit. Constant time.
inline void bn_write(const BIGNUM* number, char* out, std::size_t size) {
  STEWARD_CHECK(BN_bn2binpad(number, reinterpret_cast<unsigned char*>(out),
                             static_cast<int>(size)) == static_cast<int>(size));
}

inline Bytes bn_to_bytes(const BIGNUM* number, std::size_t size) {
  Bytes out(size, '\0');
  bn_write(number, out.data(), size);
  return out;
}

inline Bytes bn_to_bytes(const BIGNUM* number) { return bn_to_bytes(number, bn_size(number)); }

}  // namespace steward::crypto
