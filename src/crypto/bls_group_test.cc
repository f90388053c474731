#include "crypto/bls_group.h"

#include <gtest/gtest.h>

#include <random>

#include "crypto/testing/bad_points.h"

namespace steward::crypto {
namespace {

Bytes hex(std::string_view digits) { return from_hex(digits).value(); }

TEST(BlsGroup, HashesToTheCurveAsRfc9380DoesInAppendixJ91) {
  const std::string domain = "QUUX-V01-CS02-with-BLS12381G1_XMD:SHA-256_SSWU_RO_";
  const std::vector<std::array<std::string, 3>> vectors = {
      {"",
       "052926add2207b76ca4fa57a8734416c8dc95e24501772c814278700eed6d1e4e8cf62d9c09db0fac349612b759"
       "e79a1",
       "08ba738453bfed09cb546dbb0783dbb3a5f1f566ed67bb6be0e8c67e2e81a4cc68ee29813bb7994998f3eae0c9c"
       "6a265"},
      {"abc",
       "03567bc5ef9c690c2ab2ecdf6a96ef1c139cc0b2f284dca0a9a7943388a49a3aee664ba5379a7655d3c68900be2"
       "f6903",
       "0b9c15f3fe6e5cf4211f346271d7b01c8f3b28be689c8429c85b67af215533311f0b8dfaaa154fa6b88176c229f"
       "2885d"},
      {"abcdef0123456789",
       "11e0b079dea29a68f0383ee94fed1b940995272407e3bb916bbf268c263ddd57a6a27200a784cbc248e84f357ce"
       "82d98",
       "03a87ae2caf14e8ee52e51fa2ed8eefe80f02457004ba4d486d6aa1f517c0889501dc7413753f9599b099ebcbbd"
       "2d709"},
      {"q128_" + std::string(128, 'q'),
       "15f68eaa693b95ccb85215dc65fa81038d69629f70aeee0d0f677cf22285e7bf58d7cb86eefe8f2e9bc3f8cb84f"
       "ac488",
       "1807a1d50c29f430b8cafc4f8638dfeeadf51211e1602a5f184443076715f91bb90a48ba1e370edce6ae1062f5e"
       "6dd38"},
      {"a512_" + std::string(512, 'a'),
       "082aabae8b7dedb0e78aeb619ad3bfd9277a2f77ba7fad20ef6aabdc6c31d19ba5a6d12283553294c1825c4b3ca"
       "2dcfe",
       "05b84ae5a942248eea39e1d91030458c40153f3b654ab7872d779ad1e942856a20c438e8d99bc8abfbf74729ce1"
       "f7ac8"}};
  for (const auto& [message, x, y] : vectors) {
    const G1 point = hash_to_g1(message, domain);
    byte coordinates[2 * kG1Bytes];
    blst_p1_affine_serialize(coordinates, &point);
    EXPECT_EQ(to_hex({reinterpret_cast<const char*>(coordinates), sizeof coordinates}), x + y);
  }
}

// A signature of drand's network "quicknet", a public threshold BLS service with signatures in G1:
// its round 1000, under its group key.
TEST(BlsGroup, VerifiesASignatureOfAnotherImplementation) {
  const G2 key = decode_g2(hex("83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c8c"
                               "4b450b6a0a6c3ac6a5776a2d1064510d1fec758c921cc22b0e17e63aaf4bcb5ed6"
                               "6304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a"))
                     .value();
  const G1 signature = decode_g1(hex("b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb"
                                     "1125e342b73a8dd2bacbe47e4b6b63ed5e39"))
                           .value();
  const std::string domain = "BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_";
  const auto verifies = [&](std::uint64_t round) {
    Bytes number;
    append_u64(number, round);
    const G1 point = hash_to_g1(sha256(number).view(), domain);
    const bool result = pairings_equal(signature, PairingLines(generator_g2()), point, key);
    EXPECT_EQ(result,
              pairings_equal(signature, PairingLines(generator_g2()), point, PairingLines(key)));
    return result;
  };
  EXPECT_TRUE(verifies(1000));
  EXPECT_FALSE(verifies(1001));
}

TEST(BlsGroup, ScalarsComputeModuloTheOrder) {
  const Scalar seven(7);
  EXPECT_EQ(seven * seven.inverse(), Scalar(1));
  EXPECT_EQ(seven + -seven, Scalar());
  EXPECT_EQ(Scalar(3) - seven, -Scalar(4));
  EXPECT_EQ(evaluate(std::vector<Scalar>{Scalar(1), Scalar(2), Scalar(3)}, 10), Scalar(321));
  const Bytes order = hex("73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001");
  Bytes below = order;
  below.back() = 0;
  ASSERT_TRUE(Scalar::decode(below));
  EXPECT_EQ(*Scalar::decode(below), -Scalar(1));
  EXPECT_EQ(Scalar::decode(below)->encoded(), below);
  EXPECT_FALSE(Scalar::decode(order));
  EXPECT_FALSE(Scalar::decode(Bytes(32, '\xff')));
  EXPECT_FALSE(Scalar::decode(below.substr(1)));
  EXPECT_FALSE(Scalar::decode(below + '\0'));
  EXPECT_FALSE(Scalar::hashed({"a", "b"}) == Scalar::hashed({"ab"}));
}

// Sums are where formulas have exceptions: equal points, opposite ones, infinity.
template <class Point>
void check_sums(const Point& generator) {
  const Point two = multiple(generator, Scalar(2));
  const Point minus = negative(generator);
  EXPECT_TRUE(is_infinity(multiple(generator, Scalar())));
  EXPECT_TRUE(equal(sum(generator, generator), two));
  EXPECT_TRUE(is_infinity(sum(generator, minus)));
  EXPECT_TRUE(equal(sum(Point{}, two), two));
  EXPECT_TRUE(equal(sum(two, Point{}), two));
  EXPECT_TRUE(is_infinity(negative(Point{})));
  const std::vector<Scalar> choices = {Scalar(),  Scalar(1),   -Scalar(1),
                                       Scalar(2), Scalar(255), Scalar::random()};
  std::mt19937 random(3);
  for (int round = 0; round < 80; ++round) {
    std::vector<Point> points;
    std::vector<Scalar> factors;
    Scalar expected;
    for (std::size_t count = 1 + random() % 20; count > 0; --count) {
      const Scalar& log = choices[random() % choices.size()];
      points.push_back(multiple(generator, log));
      factors.push_back(choices[random() % choices.size()]);
      expected = expected + log * factors.back();
    }
    EXPECT_TRUE(equal(combination(points, factors), multiple(generator, expected)));
  }
}

TEST(BlsGroup, SumsHaveNoExceptions) {
  check_sums(generator_g1());
  check_sums(generator_g2());
  std::mt19937 random(4);
  for (int round = 0; round < 80; ++round) {
    std::vector<G2> points;
    std::vector<Scalar> logs;
    Scalar total;
    for (std::size_t count = 1 + random() % 20; count > 0; --count) {
      const Scalar log = random() % 2 == 0 ? Scalar(random() % 3) : -Scalar(random() % 3);
      logs.push_back(log);
      points.push_back(multiple(generator_g2(), log));
      total = total + log;
    }
    EXPECT_TRUE(equal(sum(points), multiple(generator_g2(), total)));
    const auto x = static_cast<std::uint32_t>(random() % 65);
    EXPECT_TRUE(equal(evaluate(points, x), multiple(generator_g2(), evaluate(logs, x))));
  }
}

TEST(BlsGroup, DecodesOnlyTheOneEncodingOfPointsOfTheCurve) {
  const Bytes g1 = encode(generator_g1());
  const Bytes g2 = encode(generator_g2());
  ASSERT_TRUE(decode_g1(g1) && decode_g2(g2));
  EXPECT_TRUE(in_group(*decode_g1(g1)) && in_group(*decode_g2(g2)));
  const G1 torsion = testing::torsion_point();
  EXPECT_TRUE(decode_g1(encode(torsion)));
  EXPECT_FALSE(in_group(torsion));
  EXPECT_FALSE(in_group(sum(torsion, generator_g1())));
  for (const Bytes& bad : testing::bad_points(kG1Bytes, g1)) {
    const std::optional<G1> point = decode_g1(bad);
    EXPECT_FALSE(point && in_group(*point)) << to_hex(bad);
    EXPECT_TRUE(!point || encode(*point) == bad) << to_hex(bad);
  }
  for (const Bytes& bad : testing::bad_points(kG2Bytes, g2)) {
    const std::optional<G2> point = decode_g2(bad);
    EXPECT_FALSE(point && in_group(*point)) << to_hex(bad);
    EXPECT_TRUE(!point || encode(*point) == bad) << to_hex(bad);
  }
}

}  // namespace
}  // namespace steward::crypto
