#include "crypto/sha256.h"

#include <gtest/gtest.h>

namespace steward::crypto {
namespace {

// FIPS 180-4 examples.
TEST(Sha256, KnownAnswers) {
  EXPECT_EQ(sha256("").hex(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256("abc").hex(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq").hex(),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(
      sha256("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqkl"
             "mnopqrlmnopqrsmnopqrstnopqrstu")
          .hex(),
      "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1");
  // From NIST's SHA256ShortMsg.rsp.
  EXPECT_EQ(sha256(*from_hex("d3")).hex(),
            "28969cdfa74a12c82f3bad960b0b000aca2ac329deea5c2328ebc6f2ba9802c1");
  EXPECT_EQ(sha256(Bytes(1'000'000, 'a')).hex(),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, PartsAreFramedWithBigEndianLengths) {
  Bytes framed;
  append_framed(framed, "ab");
  append_framed(framed, "");
  append_framed(framed, "c");
  EXPECT_EQ(sha256_parts({"ab", "", "c"}), sha256(framed));
  EXPECT_NE(sha256_parts({"ab", "c"}), sha256_parts({"a", "bc"}));
}

TEST(Sha256, DigestTakesExactly32Bytes) {
  const Digest digest = sha256("x");
  EXPECT_EQ(Digest::from(digest.view()), digest);
  EXPECT_FALSE(Digest::from(digest.str() + "0"));
  EXPECT_FALSE(Digest::from(digest.view().substr(1)));
}

}  // namespace
}  // namespace steward::crypto
