#include "crypto/emsa_pss.h"

#include <gtest/gtest.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include "crypto/testing/test_primes.h"

namespace steward::crypto {
namespace {

// Made once with `openssl dgst -sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:0
// -sign` under the RSA key of the 2048-bit test primes, e = 65537; and what that signature opens
// to. With an empty salt there is one signature only.
constexpr char kMessage[] = "site statement 1";
constexpr char kEncoded[] =
    "7ae47d9836dc62fde90657e35dbdd16cb7f47b5e13c776e72047956f431a5ff3cf28dbc7afb1e9d6356ee7bd5409"
    "843341a945ddb609c6d118da79b8f7a92c7eb856ce98f8f701d7778aa535db9dfc233b95a6039f54e3a556866335"
    "b7925e70970f922ec1a750990e9103256161ae3f0830eb5b6e4ec8d272f9040516e50a7c7a71f94b60f862a088f8"
    "6aba5319cf0a4cac0cc76aec01501d72449cb87f13385e6a797863d701e359f5b247c843493e7c1dab9d07312ed6"
    "24ba1f79a7ad8a76be438ea34a0ec24d3d76a2586cf09ead6f228b700dc52d6ba44861ef7cd3a85f24a22ee7da7a"
    "7d5e59b3e8d11bbad7e169382b4f6688b75bb35489d919fd7cbc";
constexpr char kSignature[] =
    "94c2a1165bc6c7552afd6541e52c7e25f91e7dbf52ece97c7f0e923a793a2aa58dce514f7bd78c850161fa78152e"
    "b222ffcbc5e5f447126b1430436c5486d8993c3dbc68d4e4bf0166916e8754ef8626b007661f2b7495a252f154db"
    "fd2e4e2315da9083a8b8db25340544a1e3492bee9a1913cc5e0ec22f45bba2af1fdaf9eab4e7bfb715b8305e0e36"
    "c2791be0401b320682c43faf3e53e19209b6cf9f92766ba003380ed9e4031cd094b32b371d3cc24987f61770d2eb"
    "0e318eee859b3826e4ece37b61fec6d4535b76a19e1831838b9a96a170b5dd71a906a785a4ec287f207cd1f99703"
    "680ecaf1e0d78e006ca08c54cd8995b93ff49b723b6a828fb882";

template <auto kFree>
struct Free {
  template <class T>
  void operator()(T* object) const {
    kFree(object);
  }
};
template <class T, auto kFree>
using Owned = std::unique_ptr<T, Free<kFree>>;
using Key = Owned<EVP_PKEY, EVP_PKEY_free>;
using KeyContext = Owned<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;

// OpenSSL's own RSA key of these primes, for an implementation to compare with.
Key openssl_key(const SafePrimes& primes) {
  const BnContext context = bn_context();
  const Bn n = bn_new();
  const Bn p_1 = bn_copy(primes.p.get());
  const Bn q_1 = bn_copy(primes.q.get());
  const Bn phi = bn_new();
  const Bn d = bn_new();
  bn_check(BN_mul(n.get(), primes.p.get(), primes.q.get(), context.get()));
  bn_check(BN_sub_word(p_1.get(), 1));
  bn_check(BN_sub_word(q_1.get(), 1));
  bn_check(BN_mul(phi.get(), p_1.get(), q_1.get(), context.get()));
  const Bn e = bn_word(kRsaExponent);
  STEWARD_CHECK(BN_mod_inverse(d.get(), e.get(), phi.get(), context.get()));

  const Owned<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free> builder(OSSL_PARAM_BLD_new());
  bn_check(OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()));
  bn_check(OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()));
  bn_check(OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_D, d.get()));
  const Owned<OSSL_PARAM, OSSL_PARAM_free> params(OSSL_PARAM_BLD_to_param(builder.get()));
  const KeyContext maker(EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr));
  bn_check(EVP_PKEY_fromdata_init(maker.get()));
  EVP_PKEY* key = nullptr;
  bn_check(EVP_PKEY_fromdata(maker.get(), &key, EVP_PKEY_KEYPAIR, params.get()));
  return Key(key);
}

const unsigned char* octets(BytesView bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

void use_empty_salt(EVP_PKEY_CTX* context) {
  bn_check(EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING));
  bn_check(EVP_PKEY_CTX_set_signature_md(context, EVP_sha256()));
  bn_check(EVP_PKEY_CTX_set_rsa_mgf1_md(context, EVP_sha256()));
  bn_check(EVP_PKEY_CTX_set_rsa_pss_saltlen(context, 0));
}

Bytes openssl_signs(EVP_PKEY* key, BytesView message) {
  const KeyContext context(EVP_PKEY_CTX_new(key, nullptr));
  bn_check(EVP_PKEY_sign_init(context.get()));
  use_empty_salt(context.get());
  const Digest digest = sha256(message);
  Bytes signature(static_cast<std::size_t>(EVP_PKEY_get_size(key)), '\0');
  std::size_t size = signature.size();
  bn_check(EVP_PKEY_sign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                         octets(digest.view()), digest.bytes.size()));
  signature.resize(size);
  return signature;
}

bool openssl_verifies(EVP_PKEY* key, BytesView message, BytesView signature) {
  const KeyContext context(EVP_PKEY_CTX_new(key, nullptr));
  bn_check(EVP_PKEY_verify_init(context.get()));
  use_empty_salt(context.get());
  const Digest digest = sha256(message);
  return EVP_PKEY_verify(context.get(), octets(signature), signature.size(), octets(digest.view()),
                         digest.bytes.size()) == 1;
}

Bytes threshold_signature(const RsaShoupDeal& deal, BytesView message) {
  std::vector<SignatureShare> shares;
  for (ServerIndex i = 0; i < deal.public_key->threshold(); ++i) {
    const auto server = RsaShoupKeyShare::decode(deal.public_key, deal.shares[i].view()).value();
    shares.push_back({i, server->share(message), {}});
  }
  return deal.public_key->combine(message, shares).value();
}

TEST(EmsaPss, KnownAnswers) {
  EXPECT_EQ(to_hex(emsa_pss_encode(kMessage, 2048)), kEncoded);
  const auto deal = deal_rsa_shoup(testing::primes_for_2048_bits(), 3, 4).value();
  EXPECT_TRUE(deal.public_key->verify(kMessage, *from_hex(kSignature)));
  EXPECT_EQ(to_hex(threshold_signature(deal, kMessage)), kSignature);
}

TEST(EmsaPss, OpensslAndWeMakeTheSameSignatures) {
  for (const SafePrimes& primes :
       {testing::primes_for_1024_bits(), testing::primes_for_2048_bits()}) {
    const Key openssl = openssl_key(primes);
    const auto deal = deal_rsa_shoup(primes, 2, 3).value();
    Bytes message;
    for (int i = 0; i < 12; ++i) {
      const Bytes theirs = openssl_signs(openssl.get(), message);
      const Bytes ours = threshold_signature(deal, message);
      EXPECT_EQ(ours, theirs);
      EXPECT_TRUE(deal.public_key->verify(message, theirs));
      EXPECT_TRUE(openssl_verifies(openssl.get(), message, ours));
      const Bytes another = message + "!";
      EXPECT_FALSE(deal.public_key->verify(another, theirs));
      EXPECT_FALSE(openssl_verifies(openssl.get(), another, ours));
      message.append(static_cast<std::size_t>(i) * 11, static_cast<char>(i * 21));
    }
  }
}

}  // namespace
}  // namespace steward::crypto
