#include "crypto/plain_site_key.h"

#include <gtest/gtest.h>

namespace steward::crypto {
namespace {

TEST(PlainSiteKey, OneShareIsTheSignature) {
  const auto signer = Ed25519Signer::generate();
  const auto key = PlainSitePublicKey::decode(signer->public_key()).value();
  const auto server = PlainSiteKeyShare::decode(*key, signer->copy_secret_seed().view()).value();
  const SignatureShare share{3, server->share("message"), {}};
  const Result<Bytes> signature = key->combine("message", std::span(&share, 1));
  ASSERT_TRUE(signature.ok());
  EXPECT_TRUE(key->verify("message", *signature));
  EXPECT_FALSE(key->verify("another", *signature));
  EXPECT_TRUE(key->verify_share("message", share));
  EXPECT_FALSE(key->verify_share("another", share));
  EXPECT_FALSE(key->verify_share("message", {3, share.share, "x"}));
}

TEST(PlainSiteKey, RefusesWhatDoesNotFit) {
  const auto key = PlainSitePublicKey::decode(Ed25519Signer::generate()->public_key()).value();
  const auto stranger = Ed25519Signer::generate();
  EXPECT_FALSE(PlainSiteKeyShare::decode(*key, stranger->copy_secret_seed().view()).ok());
  EXPECT_FALSE(PlainSiteKeyShare::decode(*key, "short").ok());
  EXPECT_FALSE(PlainSitePublicKey::decode("short").ok());
  EXPECT_FALSE(key->combine("message", {}).ok());
  const SignatureShare malformed{0, "x", {}};
  EXPECT_FALSE(key->combine("message", std::span(&malformed, 1)).ok());
}

}  // namespace
}  // namespace steward::crypto
