#include "crypto/ed25519.h"

#include <gtest/gtest.h>

namespace steward::crypto {
namespace {

struct Vector {
  const char* seed;
  const char* public_key;
  const char* message;
  const char* signature;
};

// RFC 8032, section 7.1, tests 1 to 3 and SHA(abc).
constexpr Vector kVectors[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b"
     "4"
     "6bd25bf5f0595bbe24655141438e7a100b"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11"
     "d"
     "8c387b2eaeb4302aeeb00d291612bb0c00"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc"
     "6"
     "594a7c15e9716ed28dc027beceea1ec40a"},
    {"833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
     "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
     "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3fee"
     "bbd454d4423643ce80e2a9ac94fa54ca49f",
     "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e"
     "0303dca179c138ac17ad9bef1177331a704"},
};

TEST(Ed25519, KnownAnswers) {
  for (const Vector& vector : kVectors) {
    const Bytes message = *from_hex(vector.message);
    const auto signer = Ed25519Signer::from_seed(*from_hex(vector.seed));
    ASSERT_TRUE(signer.ok());
    EXPECT_EQ(to_hex((*signer)->public_key()), vector.public_key);
    EXPECT_EQ(to_hex((*signer)->sign(message)), vector.signature);
    EXPECT_TRUE(Ed25519Verifier().verify(*from_hex(vector.public_key), message,
                                         *from_hex(vector.signature)));
  }
}

TEST(Ed25519, AnythingElseIsNotASignature) {
  const auto signer = Ed25519Signer::generate();
  const Ed25519Verifier verifier;
  const Bytes signature = signer->sign("message");
  ASSERT_TRUE(verifier.verify(signer->public_key(), "message", signature));
  EXPECT_FALSE(verifier.verify(signer->public_key(), "messagf", signature));
  EXPECT_FALSE(verifier.verify(Ed25519Signer::generate()->public_key(), "message", signature));
  for (std::size_t i = 0; i < signature.size(); ++i) {
    Bytes changed = signature;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(verifier.verify(signer->public_key(), "message", changed));
  }
  EXPECT_FALSE(verifier.verify("", "message", signature));
  EXPECT_FALSE(verifier.verify(signer->public_key(), "message", ""));
  EXPECT_FALSE(verifier.verify(signer->public_key(), "message", signature + "0"));
}

TEST(Ed25519, SeedRoundTripAndLength) {
  const auto signer = Ed25519Signer::generate();
  const auto again = Ed25519Signer::from_seed(signer->copy_secret_seed().view());
  ASSERT_TRUE(again.ok());
  EXPECT_EQ((*again)->public_key(), signer->public_key());
  EXPECT_FALSE(Ed25519Signer::from_seed("short").ok());
}

}  // namespace
}  // namespace steward::crypto
