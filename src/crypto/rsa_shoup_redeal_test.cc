#include "crypto/rsa_shoup_redeal.h"

#include <gtest/gtest.h>

#include "crypto/testing/test_primes.h"

namespace steward::crypto {
namespace {

struct Site {
  RsaShoupPublicKeyPtr key;
  std::vector<RsaShoupKeySharePtr> servers;
};

Site site_of(const RsaShoupDeal& deal) {
  Site site{deal.public_key, {}};
  for (const SecretBytes& share : deal.shares) {
    site.servers.push_back(RsaShoupKeyShare::decode(site.key, share.view()).value());
  }
  return site;
}

Site make_site(std::uint32_t threshold, std::uint32_t servers) {
  return site_of(deal_rsa_shoup(testing::primes_for_1024_bits(), threshold, servers).value());
}

std::vector<RsaShoupKeySharePtr> pick(const Site& site, const std::vector<ServerIndex>& servers) {
  std::vector<RsaShoupKeySharePtr> out;
  for (const ServerIndex server : servers) out.push_back(site.servers[server]);
  return out;
}

Bytes sign(const Site& site, const std::vector<ServerIndex>& servers) {
  std::vector<SignatureShare> shares;
  for (const ServerIndex i : servers) shares.push_back({i, site.servers[i]->share("message"), {}});
  return site.key->combine("message", shares).value();
}

TEST(RsaShoupRedeal, AnyThresholdServersGiveTheSameKeyNewShares) {
  const Site old = make_site(3, 4);
  const Bytes signature = sign(old, {0, 1, 2});
  for (const std::vector<ServerIndex>& present :
       std::vector<std::vector<ServerIndex>>{{0, 1, 2}, {3, 1, 0}, {0, 2, 3}, {2, 1, 3, 0}}) {
    const auto deal = redeal_rsa_shoup(old.key, pick(old, present));
    ASSERT_TRUE(deal.ok()) << deal.error().message;
    const Site renewed = site_of(*deal);
    EXPECT_EQ(renewed.key->epoch(), 1u);
    EXPECT_EQ(renewed.servers[2]->epoch(), 1u);
    EXPECT_EQ(renewed.key->identity(), old.key->identity());
    EXPECT_EQ(renewed.key->pem(), old.key->pem());
    EXPECT_NE(renewed.key->encoded(), old.key->encoded());
    EXPECT_EQ(sign(renewed, {1, 2, 3}), signature) << "the same key signs the same";
    EXPECT_TRUE(old.key->verify("message", sign(renewed, {3, 0, 1})));
    for (ServerIndex i = 0; i < 4; ++i) {
      EXPECT_NE(BN_cmp(renewed.servers[i]->secret(), old.servers[i]->secret()), 0);
    }
  }
}

TEST(RsaShoupRedeal, OldAndNewSharesDoNotCombine) {
  const Site old = make_site(3, 4);
  const Site renewed = site_of(redeal_rsa_shoup(old.key, old.servers).value());
  for (ServerIndex odd_one = 0; odd_one < 3; ++odd_one) {
    std::vector<SignatureShare> shares;
    for (ServerIndex i = 0; i < 3; ++i) {
      const Site& from = i == odd_one ? old : renewed;
      const Bytes share = from.servers[i]->share("message");
      shares.push_back({i, share, from.servers[i]->prove("message", share)});
    }
    EXPECT_FALSE(renewed.key->verify("message", renewed.key->combine("message", shares).value()));
    EXPECT_EQ(renewed.key->wrong_shares("message", shares), std::vector<ServerIndex>{odd_one});
    EXPECT_FALSE(old.key->verify_share("message", shares[(odd_one + 1) % 3]));
  }
  const SecretBytes stale = old.servers[1]->encoded();
  const auto refused = RsaShoupKeyShare::decode(renewed.key, stale.view());
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().message.find("epoch 0"), std::string::npos);
  EXPECT_FALSE(RsaShoupKeyShare::decode(old.key, renewed.servers[1]->encoded().view()).ok());
}

TEST(RsaShoupRedeal, RepeatsForAsLongAsTheSiteLives) {
  Site site = make_site(5, 7);
  const Bytes signature = sign(site, {0, 1, 2, 3, 4});
  for (ShareEpoch epoch = 1; epoch <= 5; ++epoch) {
    const std::vector<ServerIndex> present = {
        static_cast<ServerIndex>(epoch % 7), static_cast<ServerIndex>((epoch + 2) % 7),
        static_cast<ServerIndex>((epoch + 3) % 7), static_cast<ServerIndex>((epoch + 5) % 7),
        static_cast<ServerIndex>((epoch + 6) % 7)};
    site = site_of(redeal_rsa_shoup(site.key, pick(site, present)).value());
    EXPECT_EQ(site.key->epoch(), epoch);
    EXPECT_EQ(RsaShoupPublicKey::decode(site.key->encoded()).value()->epoch(), epoch);
    EXPECT_EQ(sign(site, {6, 5, 3, 2, 0}), signature);
  }
}

TEST(RsaShoupRedeal, WholeSizesWork) {
  const Site old = site_of(deal_rsa_shoup(testing::primes_for_2048_bits(), 43, 64).value());
  const Site renewed = site_of(redeal_rsa_shoup(old.key, old.servers).value());
  std::vector<ServerIndex> last(43);
  for (ServerIndex i = 0; i < 43; ++i) last[i] = 63 - i;
  EXPECT_TRUE(old.key->verify("message", sign(renewed, last)));
}

TEST(RsaShoupRedeal, RefusesWhatIsNotEnoughAndNamesWhoIsWrong) {
  const Site site = make_site(3, 4);
  const Site other = make_site(3, 4);
  EXPECT_FALSE(redeal_rsa_shoup(site.key, {}).ok());
  EXPECT_FALSE(redeal_rsa_shoup(site.key, pick(site, {0, 3})).ok());

  const auto twice = redeal_rsa_shoup(site.key, pick(site, {0, 3, 0}));
  ASSERT_FALSE(twice.ok());
  EXPECT_NE(twice.error().message.find("server 0"), std::string::npos);

  std::vector<RsaShoupKeySharePtr> mixed = pick(site, {0, 1, 2, 3});
  mixed[3] = other.servers[3];
  const auto foreign = redeal_rsa_shoup(site.key, mixed);
  ASSERT_FALSE(foreign.ok());
  EXPECT_NE(foreign.error().message.find("server 3"), std::string::npos);

  const Site renewed = site_of(redeal_rsa_shoup(site.key, site.servers).value());
  mixed[3] = renewed.servers[3];
  EXPECT_FALSE(redeal_rsa_shoup(site.key, mixed).ok()) << "of another epoch";

  const Site single = make_site(1, 3);
  EXPECT_FALSE(redeal_rsa_shoup(single.key, single.servers).ok());
}

// A public key whose share keys fit the shares, but whose secret is none of its modulus.
TEST(RsaShoupRedeal, RefusesSharesThatAreNotOfTheModulus) {
  const Site site = make_site(2, 2);
  const BnContext context = bn_context();
  RsaShoupParts parts;
  parts.threshold = 2;
  parts.n = bn_copy(site.key->parts().n.get());
  parts.u = bn_copy(site.key->parts().u.get());
  parts.v = bn_copy(site.key->parts().v.get());
  const std::vector<Bn> secrets = [] {
    std::vector<Bn> out;
    out.push_back(bn_word(12345));
    out.push_back(bn_word(67890));
    return out;
  }();
  for (const Bn& secret : secrets) {
    parts.share_keys.push_back(site.key->power(parts.v.get(), secret.get(), context.get()));
  }
  const auto key = RsaShoupPublicKey::from_parts(std::move(parts)).value();
  std::vector<RsaShoupKeySharePtr> shares;
  for (ServerIndex i = 0; i < 2; ++i) {
    const SecretBytes encoded = RsaShoupKeyShare::encode(*key, i, secrets[i].get());
    shares.push_back(RsaShoupKeyShare::decode(key, encoded.view()).value());
  }
  EXPECT_FALSE(redeal_rsa_shoup(key, shares).ok());
}

}  // namespace
}  // namespace steward::crypto
