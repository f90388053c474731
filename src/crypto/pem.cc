#include "crypto/pem.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>

#include <memory>

#include "crypto/bn.h"

namespace steward::crypto {
namespace {

struct EvpDelete {
  void operator()(OSSL_PARAM_BLD* builder) const { OSSL_PARAM_BLD_free(builder); }
  void operator()(OSSL_PARAM* params) const { OSSL_PARAM_free(params); }
  void operator()(EVP_PKEY_CTX* context) const { EVP_PKEY_CTX_free(context); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(BIO* bio) const { BIO_free(bio); }
};
template <class T>
using Evp = std::unique_ptr<T, EvpDelete>;

Bytes to_pem(EVP_PKEY* key) {
  STEWARD_CHECK(key != nullptr);
  const Evp<BIO> out(BIO_new(BIO_s_mem()));
  bn_check(PEM_write_bio_PUBKEY(out.get(), key));
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return Bytes(text, static_cast<std::size_t>(size));
}

}  // namespace

Bytes rsa_public_pem(const BIGNUM* modulus, std::uint32_t exponent) {
  const Evp<OSSL_PARAM_BLD> builder(OSSL_PARAM_BLD_new());
  const Bn e = bn_word(exponent);
  bn_check(OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, modulus));
  bn_check(OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()));
  const Evp<OSSL_PARAM> params(OSSL_PARAM_BLD_to_param(builder.get()));
  const Evp<EVP_PKEY_CTX> context(EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr));
  bn_check(EVP_PKEY_fromdata_init(context.get()));
  EVP_PKEY* made = nullptr;
  bn_check(EVP_PKEY_fromdata(context.get(), &made, EVP_PKEY_PUBLIC_KEY, params.get()));
  const Evp<EVP_PKEY> key(made);
  return to_pem(key.get());
}

Bytes ed25519_public_pem(BytesView public_key) {
  const Evp<EVP_PKEY> key(EVP_PKEY_new_raw_public_key(
      EVP_PKEY_ED25519, nullptr, reinterpret_cast<const unsigned char*>(public_key.data()),
      public_key.size()));
  return to_pem(key.get());
}

}  // namespace steward::crypto
