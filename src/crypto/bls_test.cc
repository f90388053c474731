#include "crypto/bls.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "crypto/testing/bad_points.h"

namespace steward::crypto {
namespace {

std::vector<SignatureShare> shares_of(const BlsKeyDeal& site,
                                      const std::vector<ServerIndex>& signers, BytesView message) {
  std::vector<SignatureShare> out;
  for (const ServerIndex signer : signers) {
    out.push_back({signer, site.shares[signer]->share(message)});
  }
  return out;
}

std::vector<ServerIndex> everybody(std::uint32_t servers) {
  std::vector<ServerIndex> out;
  for (ServerIndex i = 0; i < servers; ++i) out.push_back(i);
  return out;
}

TEST(Bls, AnySetOfThresholdServersSignsAndNoSmallerOneDoes) {
  std::mt19937 random(1);
  for (const auto& [servers, threshold] : std::vector<std::pair<std::uint32_t, std::uint32_t>>{
           {1, 1}, {3, 1}, {3, 3}, {4, 3}, {7, 5}, {16, 11}, {31, 21}}) {
    const BlsKeyDeal site = deal_bls(threshold, servers).value();
    EXPECT_EQ(site.key->threshold(), threshold);
    EXPECT_EQ(site.key->servers(), servers);
    const std::vector<SignatureShare> all = shares_of(site, everybody(servers), "message");
    std::optional<Bytes> signature;
    for (int round = 0; round < 25; ++round) {
      std::vector<SignatureShare> chosen = all;
      std::shuffle(chosen.begin(), chosen.end(), random);
      chosen.resize(threshold);
      const Bytes combined = site.key->combine("message", chosen).value();
      if (!signature) {
        EXPECT_TRUE(site.key->verify("message", combined));
        EXPECT_FALSE(site.key->verify("another", combined));
        EXPECT_EQ(combined.size(), 48u);
        signature = combined;
      }
      EXPECT_EQ(combined, *signature) << "signatures are unique";
      chosen.pop_back();
      EXPECT_FALSE(site.key->combine("message", chosen).ok());
    }
  }
}

// Does a signature come out of fewer shares when they are combined as for a smaller threshold?
TEST(Bls, FewerSharesMadeToLookEnoughDoNotVerify) {
  const BlsKeyDeal site = deal_bls(3, 4).value();
  const BlsKeyDeal smaller = deal_bls(2, 4).value();
  std::vector<SignatureShare> shares = shares_of(site, {0, 1}, "message");
  const Result<Bytes> two = smaller.key->combine("message", shares);
  ASSERT_TRUE(two.ok());
  EXPECT_FALSE(site.key->verify("message", *two));
  shares.push_back(shares[0]);
  EXPECT_FALSE(site.key->combine("message", shares).ok()) << "the same signer twice";
  shares[2].signer = 3;
  const Result<Bytes> combined = site.key->combine("message", shares);
  ASSERT_TRUE(combined.ok());
  EXPECT_FALSE(site.key->verify("message", *combined));
}

TEST(Bls, SharesBindMessageSignerAndSite) {
  const BlsKeyDeal site = deal_bls(2, 3).value();
  const BlsKeyDeal other = deal_bls(2, 3).value();
  const Bytes share = site.shares[0]->share("message");
  EXPECT_TRUE(site.key->shares_prove_themselves());
  EXPECT_EQ(site.shares[0]->prove("message", share), "");
  EXPECT_EQ(site.shares[0]->share("message"), share);
  EXPECT_TRUE(site.key->verify_share("message", {0, share}));
  EXPECT_FALSE(site.key->verify_share("another", {0, share}));
  EXPECT_FALSE(site.key->verify_share("message", {1, share}));
  EXPECT_FALSE(site.key->verify_share("message", {3, share}));
  EXPECT_FALSE(site.key->verify_share("message", {UINT32_MAX, share}));
  EXPECT_FALSE(site.key->verify_share("message", {0, share, "proof"}));
  EXPECT_FALSE(other.key->verify_share("message", {0, share}));
  EXPECT_FALSE(site.key->verify("message", share));
}

TEST(Bls, WrongSharesAreFoundExactly) {
  std::mt19937 random(2);
  const G1 torsion = testing::torsion_point();
  for (const auto& [servers, threshold] :
       std::vector<std::pair<std::uint32_t, std::uint32_t>>{{4, 3}, {7, 5}, {31, 21}}) {
    const BlsKeyDeal site = deal_bls(threshold, servers).value();
    const std::vector<SignatureShare> good = shares_of(site, everybody(servers), "message");
    EXPECT_TRUE(site.key->wrong_shares("message", good).empty());
    EXPECT_TRUE(site.key->wrong_shares("message", {}).empty());
    for (int round = 0; round < 12; ++round) {
      std::vector<SignatureShare> shares = good;
      std::vector<ServerIndex> expected;
      const std::size_t rarity = 1 + random() % servers;
      for (SignatureShare& share : shares) {
        if (random() % rarity != 0) continue;
        expected.push_back(share.signer);
        switch (random() % 5) {
          case 0:
            share.share = site.shares[share.signer]->share("another");
            break;
          case 1:
            share.share = good[(share.signer + 1) % servers].share;
            break;
          case 2:
            share.share = encode(sum(*decode_g1(share.share), torsion));
            break;
          case 3:
            share.share = Bytes(random() % 60, '\x80');
            break;
          default:
            share.proof = "x";
            break;
        }
      }
      std::shuffle(shares.begin(), shares.end(), random);
      EXPECT_EQ(site.key->wrong_shares("message", shares), expected);
      EXPECT_EQ(site.key->SitePublicKey::wrong_shares("message", shares), expected);
    }
  }
}

TEST(Bls, ErrorsThatCancelAreFoundToo) {
  const BlsKeyDeal site = deal_bls(3, 4).value();
  std::vector<SignatureShare> shares = shares_of(site, {0, 1, 2, 3}, "message");
  const G1 error = bls_message_point("error");
  shares[1].share = encode(sum(*decode_g1(shares[1].share), error));
  shares[3].share = encode(sum(*decode_g1(shares[3].share), negative(error)));
  EXPECT_EQ(site.key->wrong_shares("message", shares), (std::vector<ServerIndex>{1, 3}));
  std::vector<SignatureShare> exchanged = shares_of(site, {0, 1, 2, 3}, "message");
  std::swap(exchanged[0].share, exchanged[2].share);
  exchanged.push_back({9, exchanged[1].share});
  exchanged.push_back({2, exchanged[1].share});
  EXPECT_EQ(site.key->wrong_shares("message", exchanged), (std::vector<ServerIndex>{0, 2, 9}));
}

TEST(Bls, PointsOutsideOfTheGroupAreRefused) {
  const BlsKeyDeal site = deal_bls(3, 4).value();
  const std::vector<SignatureShare> good = shares_of(site, {0, 1, 2}, "message");
  const Bytes signature = site.key->combine("message", good).value();
  std::vector<Bytes> bad = testing::bad_points(kG1Bytes, signature);
  bad.push_back(encode(testing::torsion_point()));
  bad.push_back(encode(sum(*decode_g1(signature), testing::torsion_point())));
  for (const Bytes& bytes : bad) {
    std::vector<SignatureShare> shares = good;
    shares[1].share = bytes;
    EXPECT_FALSE(site.key->combine("message", shares).ok()) << to_hex(bytes);
    EXPECT_FALSE(site.key->verify_share("message", shares[1]));
    EXPECT_EQ(site.key->wrong_shares("message", shares), (std::vector<ServerIndex>{1}));
    EXPECT_FALSE(site.key->verify("message", bytes));
  }
  std::vector<SignatureShare> shares = good;
  shares[2].signer = 4;
  EXPECT_FALSE(site.key->combine("message", shares).ok());
  shares[2].signer = UINT32_MAX;
  EXPECT_FALSE(site.key->combine("message", shares).ok());
}

TEST(Bls, ContradictoryKeysAreRefused) {
  const BlsKeyDeal site = deal_bls(3, 5).value();
  const BlsParts good = site.key->parts();
  ASSERT_TRUE(BlsPublicKey::from_parts(good).ok());
  for (ServerIndex server = 0; server < 5; ++server) {
    BlsParts parts = good;
    parts.share_keys[server] = sum(parts.share_keys[server], generator_g2());
    EXPECT_FALSE(BlsPublicKey::from_parts(parts).ok());
    parts = good;
    parts.encryption_keys[server] = testing::torsion_point();
    EXPECT_FALSE(BlsPublicKey::from_parts(parts).ok());
    parts.encryption_keys[server] = G1{};
    EXPECT_FALSE(BlsPublicKey::from_parts(parts).ok());
  }
  BlsParts parts = good;
  parts.group_key = sum(parts.group_key, generator_g2());
  EXPECT_FALSE(BlsPublicKey::from_parts(parts).ok());
  parts = good;
  parts.group_key = G2{};
  EXPECT_FALSE(BlsPublicKey::from_parts(parts).ok());
  parts = good;
  parts.threshold = 2;
  EXPECT_FALSE(BlsPublicKey::from_parts(parts).ok()) << "the degree is higher than that";
  parts.threshold = 0;
  EXPECT_FALSE(BlsPublicKey::from_parts(parts).ok());
  parts.threshold = 6;
  EXPECT_FALSE(BlsPublicKey::from_parts(parts).ok());
  parts = good;
  std::swap(parts.share_keys[0], parts.share_keys[1]);
  EXPECT_FALSE(BlsPublicKey::from_parts(parts).ok());
  parts = good;
  parts.encryption_keys.pop_back();
  EXPECT_FALSE(BlsPublicKey::from_parts(parts).ok());
}

// f(X) = a (X - 1): the share of server 0 is zero, and it can no longer sign. The others can.
TEST(Bls, AServerWithoutAShareIsNoHarmToTheOthers) {
  const Scalar a = Scalar::random();
  const std::vector<Scalar> polynomial = {-a, a};
  BlsParts parts;
  parts.threshold = 2;
  parts.group_key = multiple(generator_g2(), polynomial[0]);
  std::vector<BlsShareSecrets> secrets;
  for (std::uint32_t x = 1; x <= 3; ++x) {
    secrets.push_back({evaluate(polynomial, x), Scalar::random()});
    parts.share_keys.push_back(multiple(generator_g2(), secrets.back().signing));
    parts.encryption_keys.push_back(multiple(generator_g1(), secrets.back().decryption));
  }
  const BlsPublicKeyPtr key = BlsPublicKey::from_parts(parts).value();
  EXPECT_EQ(BlsPublicKey::decode(key->encoded()).value()->encoded(), key->encoded());
  std::vector<SignatureShare> shares;
  for (ServerIndex server = 0; server < 3; ++server) {
    const auto share = BlsKeyShare::from_secrets(*key, server, secrets[server]);
    ASSERT_NE(share, nullptr);
    shares.push_back({server, share->share("message")});
  }
  EXPECT_FALSE(key->combine("message", shares).ok());
  EXPECT_EQ(key->wrong_shares("message", shares), (std::vector<ServerIndex>{0}));
  EXPECT_FALSE(key->verify_share("message", shares[0]));
  shares.erase(shares.begin());
  EXPECT_TRUE(key->verify("message", key->combine("message", shares).value()));
}

TEST(Bls, EncodingsComeBackAndMutatedOnesNeverCrash) {
  const BlsKeyDeal site = deal_bls(3, 4).value();
  const Bytes key = site.key->encoded();
  const Bytes share(site.shares[2]->encoded().view());
  EXPECT_EQ(BlsPublicKey::decode(key).value()->encoded(), key);
  EXPECT_EQ(BlsPublicKey::decode(key).value()->id(), site.key->id());
  EXPECT_EQ(BlsKeyShare::decode(site.key, 2, share).value()->encoded().view(), share);

  std::mt19937 random(1);
  for (int i = 0; i < 2000; ++i) {
    Bytes mutated = i % 2 == 0 ? key : share;
    const std::size_t at = random() % mutated.size();
    if (i % 3 == 0) mutated.resize(at);
    if (i % 3 == 1) mutated[at] = static_cast<char>(mutated[at] ^ (1 << random() % 8));
    if (i % 3 == 2) mutated.insert(at, Bytes(random() % 9, '\0'));
    if (mutated == key || mutated == share) continue;
    EXPECT_FALSE(BlsKeyShare::decode(site.key, 2, mutated).ok());
    const auto decoded = BlsPublicKey::decode(mutated);
    if (decoded.ok()) {
      EXPECT_NE((*decoded)->encoded(), key);
      EXPECT_EQ((*decoded)->encoded(), mutated);
    }
  }
}

TEST(Bls, SharesOfAnotherKeyServerOrEpochAreRefused) {
  const BlsKeyDeal one = deal_bls(2, 3).value();
  const BlsKeyDeal other = deal_bls(2, 3).value();
  const SecretBytes encoded = one.shares[0]->encoded();
  EXPECT_TRUE(BlsKeyShare::decode(one.key, 0, encoded.view()).ok());
  EXPECT_FALSE(BlsKeyShare::decode(other.key, 0, encoded.view()).ok());
  EXPECT_FALSE(BlsKeyShare::decode_any_epoch(other.key, 0, encoded.view()).ok());
  EXPECT_FALSE(BlsKeyShare::decode(one.key, 1, encoded.view()).ok());
  EXPECT_FALSE(BlsKeyShare::decode(one.key, 3, encoded.view()).ok());

  BlsParts parts = one.key->parts();
  parts.epoch = 5;
  const BlsPublicKeyPtr later = BlsPublicKey::from_parts(parts).value();
  EXPECT_EQ(later->id(), one.key->id());
  EXPECT_EQ(later->identity(), one.key->identity());
  EXPECT_NE(later->encoded(), one.key->encoded());
  EXPECT_EQ(BlsPublicKey::decode(later->encoded()).value()->epoch(), 5u);
  const auto refused = BlsKeyShare::decode(later, 0, encoded.view());
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().message,
            "the key share of server 0 is of epoch 0, the site key of epoch 5");
  const auto unchecked = BlsKeyShare::decode_any_epoch(later, 0, encoded.view());
  ASSERT_TRUE(unchecked.ok());
  EXPECT_EQ((*unchecked)->epoch(), 0u);
  EXPECT_TRUE((*unchecked)->belongs_to(*one.key));
  EXPECT_FALSE((*unchecked)->belongs_to(*later));
  EXPECT_FALSE((*unchecked)->belongs_to(*other.key));
}

TEST(Bls, DealerRefusesImpossibleThresholds) {
  EXPECT_FALSE(deal_bls(0, 4).ok());
  EXPECT_FALSE(deal_bls(5, 4).ok());
  EXPECT_FALSE(deal_bls(0, 0).ok());
  EXPECT_FALSE(deal_bls(1, 65).ok());
  EXPECT_TRUE(deal_bls(43, 64).ok());
}

}  // namespace
}  // namespace steward::crypto
