#include "crypto/ideal.h"

#include <gtest/gtest.h>

namespace steward::crypto {
namespace {

std::vector<SignatureShare> shares_of(const IdealSite& site, std::vector<ServerIndex> signers,
                                      BytesView message) {
  std::vector<SignatureShare> out;
  for (const ServerIndex i : signers) out.push_back({i, site.servers[i]->share(message)});
  return out;
}

TEST(Ideal, SignersAreKnownByNameAndBoundToTheirKeys) {
  const IdealAuthority authority(7);
  const auto one = authority.signer("server 0.0");
  const auto other = authority.signer("server 0.1");
  const auto verifier = authority.verifier();
  const Bytes signature = one->sign("message");
  EXPECT_EQ(signature.size(), 64u);
  EXPECT_EQ(signature, IdealAuthority(7).signer("server 0.0")->sign("message"));
  EXPECT_TRUE(verifier->verify(one->public_key(), "message", signature));
  EXPECT_FALSE(verifier->verify(other->public_key(), "message", signature));
  EXPECT_FALSE(verifier->verify(one->public_key(), "another", signature));
  EXPECT_FALSE(verifier->verify(one->public_key(), "message", signature.substr(1)));
  EXPECT_FALSE(IdealAuthority(8).verifier()->verify(one->public_key(), "message", signature));
}

TEST(Ideal, ThresholdIsEnforced) {
  const IdealSite site = IdealAuthority(7).site("site 0", 3, 4);
  const std::vector<SignatureShare> two = shares_of(site, {0, 2}, "message");
  EXPECT_FALSE(site.key->combine("message", two).ok());
  std::vector<SignatureShare> twice = shares_of(site, {0, 2, 2}, "message");
  EXPECT_FALSE(site.key->combine("message", twice).ok());
  twice[2].signer = 3;
  EXPECT_FALSE(site.key->verify("message", site.key->combine("message", twice).value()));

  const Bytes signature =
      site.key->combine("message", shares_of(site, {0, 2, 3}, "message")).value();
  EXPECT_EQ(signature.size(), 256u);
  EXPECT_TRUE(site.key->verify("message", signature));
  EXPECT_FALSE(site.key->verify("another", signature));
  EXPECT_EQ(signature, site.key->combine("message", shares_of(site, {1, 0, 3}, "message")).value());
  EXPECT_FALSE(IdealAuthority(7).site("site 1", 3, 4).key->verify("message", signature));
}

TEST(Ideal, ProofsNameExactlyTheGuilty) {
  const IdealSite site = IdealAuthority(7).site("site 0", 3, 4, 384);
  std::vector<SignatureShare> shares = shares_of(site, {0, 1, 2}, "message");
  shares[1].share = site.servers[1]->share("another");
  EXPECT_EQ(shares[1].share.size(), 384u);
  EXPECT_FALSE(site.key->verify("message", site.key->combine("message", shares).value()));
  for (ServerIndex i = 0; i < 3; ++i) {
    const Bytes proof = site.servers[i]->prove("message", shares[i].share);
    EXPECT_EQ(site.key->verify_share("message", {shares[i].signer, shares[i].share, proof}),
              i != 1);
    EXPECT_FALSE(site.key->verify_share("message", shares[i]));
  }
}

TEST(Ideal, MalformedSharesAreErrors) {
  const IdealSite site = IdealAuthority(7).site("site 0", 1, 1);
  const std::vector<SignatureShare> strangers = {{1, site.servers[0]->share("message")}};
  EXPECT_FALSE(site.key->combine("message", strangers).ok());
  const std::vector<SignatureShare> shorter = {{0, "short"}};
  EXPECT_FALSE(site.key->combine("message", shorter).ok());
}

}  // namespace
}  // namespace steward::crypto
