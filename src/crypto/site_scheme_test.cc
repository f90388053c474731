// What every scheme of site keys promises (site_key.h), asked of each by its name.
#include "crypto/site_scheme.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <numeric>
#include <random>

#include "crypto/testing/test_primes.h"

namespace steward::crypto {
namespace {

constexpr char kMessage[] = "the statement of a site";

// Fresh keys; of RSA ones the primes are given, since searching them would take minutes.
SiteKeyDeal make_site(const std::string& scheme, std::uint32_t servers, std::uint32_t threshold) {
  if (scheme != "rsa-shoup") {
    return deal_site_key({scheme, servers, threshold, 0}).value();
  }
  const auto dealt = deal_rsa_shoup(testing::primes_for_1024_bits(), threshold, servers).value();
  SiteKeyDeal site{dealt.public_key, {}};
  for (ServerIndex i = 0; i < servers; ++i) {
    site.shares.push_back(decode_site_share(site.key, i, dealt.shares[i].view()).value());
  }
  return site;
}

// Share and, where the scheme needs one, proof.
SignatureShare signed_by(const SiteKeyDeal& site, ServerIndex server, BytesView message) {
  SignatureShare out{server, site.shares[server]->share(message), {}};
  if (!site.key->shares_prove_themselves()) {
    out.proof = site.shares[server]->prove(message, out.share);
  }
  return out;
}

// Without proofs.
std::vector<SignatureShare> shares_of(const SiteKeyDeal& site,
                                      const std::vector<ServerIndex>& servers) {
  std::vector<SignatureShare> out;
  for (const ServerIndex i : servers) out.push_back({i, site.shares[i]->share(kMessage), {}});
  return out;
}

bool combine_to_valid(const SiteKeyDeal& site, const std::vector<SignatureShare>& shares) {
  const Result<Bytes> combined = site.key->combine(kMessage, shares);
  return combined.ok() && site.key->verify(kMessage, *combined);
}

std::vector<ServerIndex> shuffled(std::uint32_t servers, std::mt19937& random) {
  std::vector<ServerIndex> order(servers);
  std::iota(order.begin(), order.end(), 0u);
  std::shuffle(order.begin(), order.end(), random);
  return order;
}

Bytes flipped(Bytes bytes, std::mt19937& random) {
  const std::size_t bit = random() % (bytes.size() * 8);
  bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << bit % 8));
  return bytes;
}

class SiteScheme : public ::testing::TestWithParam<const char*> {};

TEST_P(SiteScheme, EverySubsetOfFourServersSignsOrDoesNot) {
  const SiteKeyDeal site = make_site(GetParam(), 4, 3);
  EXPECT_EQ(site.key->scheme(), GetParam());
  EXPECT_EQ(site.key->threshold(), 3u);
  EXPECT_EQ(site.key->servers(), 4u);
  for (unsigned set = 0; set < 16; ++set) {
    std::vector<ServerIndex> servers;
    for (ServerIndex i = 0; i < 4; ++i) {
      if (set >> i & 1) servers.push_back(i);
    }
    do {
      const std::vector<SignatureShare> shares = shares_of(site, servers);
      EXPECT_EQ(combine_to_valid(site, shares), servers.size() >= 3);
      if (servers.size() < 3) {
        EXPECT_FALSE(site.key->combine(kMessage, shares).ok());
      } else {
        EXPECT_FALSE(site.key->verify("another", site.key->combine(kMessage, shares).value()));
      }
    } while (std::next_permutation(servers.begin(), servers.end()));
  }
}

TEST_P(SiteScheme, AnyQuorumOfMoreServersSigns) {
  std::mt19937 random(1);
  for (const auto& [servers, threshold] : {std::pair{7u, 5u}, std::pair{16u, 11u}}) {
    const SiteKeyDeal site = make_site(GetParam(), servers, threshold);
    for (int i = 0; i < 8; ++i) {
      std::vector<ServerIndex> order = shuffled(servers, random);
      order.resize(threshold);
      EXPECT_TRUE(combine_to_valid(site, shares_of(site, order)));
      order.pop_back();
      EXPECT_FALSE(combine_to_valid(site, shares_of(site, order)));
    }
  }
}

TEST_P(SiteScheme, TooFewSharesMadeToLookEnoughDoNotSign) {
  const SiteKeyDeal site = make_site(GetParam(), 7, 5);
  const SiteKeyDeal other = make_site(GetParam(), 7, 5);
  const std::vector<SignatureShare> four = shares_of(site, {6, 1, 4, 2});
  const Bytes right_size = four[0].share;
  for (const Bytes& fifth :
       {four[0].share, Bytes(), Bytes(right_size.size(), '\0'), right_size + right_size,
        other.shares[3]->share(kMessage), site.shares[3]->share("another")}) {
    for (const ServerIndex signer : {3u, 6u, 7u, 64u, 256u + 3u, UINT32_MAX}) {
      std::vector<SignatureShare> shares = four;
      shares.push_back({signer, fifth, {}});
      EXPECT_FALSE(combine_to_valid(site, shares)) << signer;
    }
  }
}

// One server's wrong share, in one of many ways.
SignatureShare lie(const SiteKeyDeal& site, const SiteKeyDeal& other, ServerIndex liar, int way) {
  SignatureShare share = signed_by(site, liar, kMessage);
  const auto neighbour = static_cast<ServerIndex>((liar + 1) % site.shares.size());
  switch (way) {
    case 0:
      share.share = Bytes(share.share.size(), '\x5a');
      break;
    case 1:
      share = signed_by(site, liar, "another");
      break;
    case 2:
      share = signed_by(site, neighbour, kMessage);
      break;
    case 3:
      share = signed_by(other, liar, kMessage);
      break;
    case 4:
      share.share.clear();
      break;
    case 5:
      share.share.append(100'000, 'x');
      break;
    case 6:
      share.share.back() = static_cast<char>(share.share.back() ^ 1);
      break;
    case 7:
      share.proof += "x";
      break;
    default:
      share.share = Bytes(share.share.size(), '\0');
      break;
  }
  share.signer = liar;
  return share;
}
constexpr int kWaysToLie = 9;

TEST_P(SiteScheme, WrongSharesAreFoundExactly) {
  const SiteKeyDeal site = make_site(GetParam(), 7, 5);
  const SiteKeyDeal other = make_site(GetParam(), 7, 5);
  const bool held = rc::check([&] {
    std::vector<SignatureShare> shares;
    std::vector<ServerIndex> liars;
    for (ServerIndex i = 0; i < 7; ++i) {
      const int way = *rc::gen::inRange(-2 * kWaysToLie, kWaysToLie);
      const bool lies = way >= 0 && liars.size() < 2;
      if (lies) liars.push_back(i);
      shares.push_back(lies ? lie(site, other, i, way) : signed_by(site, i, kMessage));
    }
    const unsigned turn = *rc::gen::inRange(0u, 7u);
    std::rotate(shares.begin(), shares.begin() + turn, shares.end());
    RC_ASSERT(site.key->wrong_shares(kMessage, shares) == liars);
    for (const SignatureShare& share : shares) {
      const bool lies = std::find(liars.begin(), liars.end(), share.signer) != liars.end();
      RC_ASSERT(site.key->verify_share(kMessage, share) != lies);
    }
  });
  EXPECT_TRUE(held);
}

TEST_P(SiteScheme, EveryWayToLieIsFoundAndTwiceIsStillOneServer) {
  const SiteKeyDeal site = make_site(GetParam(), 4, 3);
  const SiteKeyDeal other = make_site(GetParam(), 4, 3);
  EXPECT_TRUE(site.key->wrong_shares(kMessage, {}).empty());
  for (int way = 0; way < kWaysToLie; ++way) {
    const std::vector<SignatureShare> shares = {
        lie(site, other, 2, way), signed_by(site, 0, kMessage), signed_by(site, 3, kMessage),
        lie(site, other, 2, way), lie(site, other, 1, way)};
    EXPECT_EQ(site.key->wrong_shares(kMessage, shares), (std::vector<ServerIndex>{1, 2})) << way;
  }
  SignatureShare stranger = signed_by(site, 0, kMessage);
  for (const ServerIndex signer : {4u, 63u, 256u, UINT32_MAX}) {
    stranger.signer = signer;
    EXPECT_EQ(site.key->wrong_shares(kMessage, std::vector<SignatureShare>{stranger}),
              std::vector<ServerIndex>{signer});
  }
}

// A site of 3f+1 = 16 servers, f = 5 of them liars who are all quicker than the others.
TEST_P(SiteScheme, SixteenServersSignDespiteFiveLiars) {
  const SiteKeyDeal site = make_site(GetParam(), 16, 11);
  const SiteKeyDeal other = make_site(GetParam(), 16, 11);
  const std::vector<ServerIndex> liars = {1, 4, 8, 10, 15};
  std::vector<SignatureShare> shares;
  for (std::size_t i = 0; i < liars.size(); ++i) {
    shares.push_back(lie(site, other, liars[i], std::array{1, 2, 3, 6, 1}[i]));
  }
  for (ServerIndex i = 0; i < 16; ++i) {
    if (std::find(liars.begin(), liars.end(), i) == liars.end()) {
      shares.push_back(signed_by(site, i, kMessage));
    }
  }
  EXPECT_FALSE(combine_to_valid(site, shares));
  const std::vector<ServerIndex> wrong = site.key->wrong_shares(kMessage, shares);
  EXPECT_EQ(wrong, liars);
  std::erase_if(shares, [&wrong](const SignatureShare& share) {
    return std::find(wrong.begin(), wrong.end(), share.signer) != wrong.end();
  });
  EXPECT_EQ(shares.size(), 11u);
  EXPECT_TRUE(combine_to_valid(site, shares));
}

TEST_P(SiteScheme, EncodingsComeBack) {
  const SiteKeyDeal site = make_site(GetParam(), 4, 3);
  const auto key = decode_site_key(GetParam(), site.key->encoded());
  ASSERT_TRUE(key.ok());
  EXPECT_EQ((*key)->encoded(), site.key->encoded());
  EXPECT_EQ((*key)->identity(), site.key->identity());
  EXPECT_EQ((*key)->threshold(), 3u);
  EXPECT_EQ((*key)->servers(), 4u);
  EXPECT_EQ((*key)->epoch(), 0u);
  SiteKeyDeal again{*key, {}};
  for (ServerIndex i = 0; i < 4; ++i) {
    const auto share = decode_site_share(*key, i, site.shares[i]->encoded().view());
    ASSERT_TRUE(share.ok()) << share.error().message;
    EXPECT_EQ((*share)->encoded().view(), site.shares[i]->encoded().view());
    EXPECT_EQ((*share)->share(kMessage), site.shares[i]->share(kMessage));
    again.shares.push_back(*share);
  }
  EXPECT_TRUE(combine_to_valid(again, shares_of(site, {3, 1, 2})));
  EXPECT_TRUE(combine_to_valid(site, shares_of(again, {0, 1, 2})));
}

TEST_P(SiteScheme, SharesOfOtherServersAndKeysAreRefused) {
  const SiteKeyDeal site = make_site(GetParam(), 4, 3);
  const SiteKeyDeal other = make_site(GetParam(), 4, 3);
  for (ServerIndex i = 0; i < 4; ++i) {
    for (ServerIndex j = 0; j < 6; ++j) {
      const auto share = decode_site_share(site.key, j, site.shares[i]->encoded().view());
      EXPECT_EQ(share.ok(), i == j);
    }
    EXPECT_FALSE(decode_site_share(site.key, i, other.shares[i]->encoded().view()).ok());
  }
}

TEST_P(SiteScheme, CutAndPaddedBytesAreRefused) {
  const SiteKeyDeal site = make_site(GetParam(), 4, 3);
  const Bytes key = site.key->encoded();
  for (std::size_t size = 0; size < key.size(); ++size) {
    EXPECT_FALSE(decode_site_key(GetParam(), BytesView(key).substr(0, size)).ok()) << size;
  }
  EXPECT_FALSE(decode_site_key(GetParam(), key + Bytes(1, '\0')).ok());
  const Bytes share(site.shares[1]->encoded().view());
  for (std::size_t size = 0; size < share.size(); ++size) {
    EXPECT_FALSE(decode_site_share(site.key, 1, BytesView(share).substr(0, size)).ok()) << size;
  }
  EXPECT_FALSE(decode_site_share(site.key, 1, share + Bytes(1, '\0')).ok());
  const Bytes signature = site.key->combine(kMessage, shares_of(site, {0, 1, 2})).value();
  for (std::size_t size = 0; size < signature.size(); ++size) {
    EXPECT_FALSE(site.key->verify(kMessage, BytesView(signature).substr(0, size))) << size;
  }
  EXPECT_FALSE(site.key->verify(kMessage, signature + Bytes(1, '\0')));
  EXPECT_FALSE(site.key->verify(kMessage, signature + signature));
}

TEST_P(SiteScheme, FlippedBitsAreRefused) {
  const SiteKeyDeal site = make_site(GetParam(), 4, 3);
  const Bytes share(site.shares[1]->encoded().view());
  const Bytes signature = site.key->combine(kMessage, shares_of(site, {0, 1, 2})).value();
  std::mt19937 random(1);
  for (int i = 0; i < 300; ++i) {
    const Bytes changed = flipped(site.key->encoded(), random);
    const auto key = decode_site_key(GetParam(), changed);
    if (key.ok()) {
      EXPECT_EQ((*key)->encoded(), changed) << "one key, one encoding";
      EXPECT_FALSE(decode_site_share(*key, 1, share).ok());
    }
    EXPECT_FALSE(decode_site_share(site.key, 1, flipped(share, random)).ok());
    EXPECT_FALSE(site.key->verify(kMessage, flipped(signature, random)));
    SignatureShare bad = signed_by(site, 1, kMessage);
    bad.share = flipped(bad.share, random);
    EXPECT_FALSE(site.key->verify_share(kMessage, bad));
  }
}

TEST_P(SiteScheme, BytesOfAnyKindNeverCrash) {
  const SiteKeyDeal site = make_site(GetParam(), 4, 3);
  EXPECT_TRUE(rc::check([&](const Bytes& bytes, const Bytes& proof) {
    RC_ASSERT(!decode_site_key(GetParam(), bytes).ok());
    RC_ASSERT(!decode_site_share(site.key, 0, bytes).ok());
    RC_ASSERT(!site.key->verify(kMessage, bytes));
    RC_ASSERT(!site.key->verify_share(kMessage, {0, bytes, proof}));
  }));
}

INSTANTIATE_TEST_SUITE_P(All, SiteScheme,
                         ::testing::Values("rsa-shoup", "bls12-381", "ed25519-multi"),
                         [](const auto& scheme) {
                           std::string name = scheme.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(SiteSchemes, PlainKeysGoTheSameWay) {
  const SiteKeyDeal site = deal_site_key({"plain", 3, 1}).value();
  const SiteKeyDeal other = deal_site_key({"plain", 3, 1}).value();
  ASSERT_EQ(site.shares.size(), 3u);
  const auto key = decode_site_key("plain", site.key->encoded()).value();
  for (ServerIndex i = 0; i < 3; ++i) {
    const auto share = decode_site_share(key, i, site.shares[i]->encoded().view());
    ASSERT_TRUE(share.ok());
    const std::vector<SignatureShare> one = {{i, (*share)->share(kMessage), {}}};
    EXPECT_TRUE(key->verify(kMessage, key->combine(kMessage, one).value()));
    EXPECT_TRUE(key->wrong_shares(kMessage, one).empty());
  }
  EXPECT_FALSE(decode_site_share(key, 0, other.shares[0]->encoded().view()).ok());
}

TEST(SiteSchemes, NamesAndSpecsAreChecked) {
  EXPECT_FALSE(is_site_scheme(""));
  EXPECT_FALSE(is_site_scheme("rsa"));
  EXPECT_FALSE(is_site_scheme(std::string("plain\0", 6)));
  EXPECT_FALSE(deal_site_key({"rot13", 4, 3}).ok());
  EXPECT_FALSE(decode_site_key("ideal", "").ok());
  for (const char* scheme : {"rsa-shoup", "bls12-381", "ed25519-multi", "plain"}) {
    EXPECT_TRUE(is_site_scheme(scheme));
    EXPECT_TRUE(check_site_key_spec({scheme, 4, 1}).ok());
    EXPECT_TRUE(check_site_key_spec({scheme, 64, 1}).ok());
    EXPECT_EQ(check_site_key_spec({scheme, 64, 64}).ok(), std::string(scheme) != "plain");
    for (const auto& [servers, threshold] :
         {std::pair{0u, 0u}, {0u, 1u}, {4u, 0u}, {4u, 5u}, {65u, 1u}, {UINT32_MAX, 3u}}) {
      EXPECT_FALSE(check_site_key_spec({scheme, servers, threshold}).ok());
      EXPECT_FALSE(deal_site_key({scheme, servers, threshold}).ok());
    }
  }
  for (const std::uint32_t bits : {512u, 1024u, 2048u, 3072u, 4096u}) {
    EXPECT_TRUE(check_site_key_spec({"rsa-shoup", 4, 3, bits}).ok());
  }
  for (const std::uint32_t bits : {0u, 496u, 1000u, 2056u, 2560u, 8192u, UINT32_MAX}) {
    EXPECT_FALSE(check_site_key_spec({"rsa-shoup", 4, 3, bits}).ok());
  }
}

TEST(SiteSchemes, RsaKeysAreDealtFromFreshPrimes) {
  std::uint64_t candidates = 0;
  const SiteKeyDeal site = deal_site_key({"rsa-shoup", 4, 3, 512}, [&](std::uint64_t tried) {
                             candidates = tried;
                           }).value();
  EXPECT_GT(candidates, 1u);
  EXPECT_TRUE(combine_to_valid(site, shares_of(site, {3, 0, 2})));
}

TEST(SiteSchemes, OnlyRsaKeysAreDealtAnewOffline) {
  const SiteKeyDeal rsa = make_site("rsa-shoup", 4, 3);
  const auto renewed = redeal_site_key(rsa.key, std::span(rsa.shares).last(3));
  ASSERT_TRUE(renewed.ok());
  EXPECT_EQ(renewed->key->epoch(), 1u);
  EXPECT_EQ(renewed->key->identity(), rsa.key->identity());
  EXPECT_TRUE(combine_to_valid(*renewed, shares_of(*renewed, {0, 1, 2})));
  EXPECT_FALSE(decode_site_share(renewed->key, 1, rsa.shares[1]->encoded().view()).ok());
  EXPECT_FALSE(redeal_site_key(rsa.key, std::span(rsa.shares).first(2)).ok());
  const SiteKeyDeal multi = make_site("ed25519-multi", 4, 3);
  EXPECT_FALSE(redeal_site_key(rsa.key, multi.shares).ok());
  EXPECT_FALSE(redeal_site_key(multi.key, multi.shares).ok());
}

}  // namespace
}  // namespace steward::crypto
