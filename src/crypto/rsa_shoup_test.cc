#include <gtest/gtest.h>
#include <stdlib.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <random>

#include "crypto/rsa_shoup_dealer.h"
#include "crypto/testing/test_primes.h"

namespace steward::crypto {
namespace {

struct Site {
  RsaShoupPublicKeyPtr key;
  std::vector<std::shared_ptr<const RsaShoupKeyShare>> servers;

  SignatureShare share(ServerIndex server, BytesView message) const {
    return {server, servers[server]->share(message)};
  }
  std::vector<SignatureShare> shares(const std::vector<ServerIndex>& signers,
                                     BytesView message) const {
    std::vector<SignatureShare> out;
    for (const ServerIndex server : signers) out.push_back(share(server, message));
    return out;
  }
};

Site make_site(const SafePrimes& primes, std::uint32_t threshold, std::uint32_t servers) {
  Result<RsaShoupDeal> deal = deal_rsa_shoup(primes, threshold, servers);
  Site site{deal.value().public_key, {}};
  for (const SecretBytes& share : deal->shares) {
    site.servers.push_back(RsaShoupKeyShare::decode(site.key, share.view()).value());
  }
  return site;
}

Site small_site(std::uint32_t threshold, std::uint32_t servers) {
  return make_site(testing::primes_for_1024_bits(), threshold, servers);
}

std::vector<ServerIndex> members(unsigned set) {
  std::vector<ServerIndex> out;
  for (ServerIndex i = 0; set >> i != 0; ++i) {
    if (set >> i & 1) out.push_back(i);
  }
  return out;
}

TEST(RsaShoup, AnySetOfThresholdServersSignsAndNoSmallerOneDoes) {
  for (const auto& [threshold, servers] : std::vector<std::pair<std::uint32_t, std::uint32_t>>{
           {1, 1}, {2, 3}, {3, 4}, {4, 5}, {5, 7}}) {
    const Site site = small_site(threshold, servers);
    // Both kinds of messages occur: those whose padding is multiplied by u and those it is not.
    for (const char* message : {"first", "second", "third"}) {
      std::optional<Bytes> signature;
      for (unsigned set = 1; set < 1u << servers; ++set) {
        const std::vector<ServerIndex> signers = members(set);
        const Result<Bytes> combined = site.key->combine(message, site.shares(signers, message));
        if (signers.size() < threshold) {
          EXPECT_FALSE(combined.ok());
          continue;
        }
        ASSERT_TRUE(combined.ok());
        EXPECT_TRUE(site.key->verify(message, *combined));
        EXPECT_FALSE(site.key->verify("another", *combined));
        if (signature) {
          EXPECT_EQ(*combined, *signature) << "signatures are unique";
        }
        signature = *combined;
        if (threshold == 5) set += 5;  // a sample is enough there
      }
    }
  }
}

TEST(RsaShoup, BothJacobiSymbolsOccur) {
  const Site site = small_site(2, 3);
  const BnContext context = bn_context();
  std::size_t times_u = 0;
  for (int i = 0; i < 40; ++i) {
    const std::string message = "message " + std::to_string(i);
    times_u += site.key->representative(message, context.get()).times_u ? 1u : 0u;
    const Result<Bytes> combined = site.key->combine(message, site.shares({0, 2}, message));
    EXPECT_TRUE(site.key->verify(message, combined.value()));
  }
  EXPECT_GT(times_u, 5u);
  EXPECT_LT(times_u, 35u);
}

TEST(RsaShoup, FewerSharesMadeToLookEnoughDoNotVerify) {
  const Site site = small_site(3, 4);
  std::vector<SignatureShare> shares = site.shares({0, 1}, "message");
  EXPECT_FALSE(site.key->combine("message", shares).ok());
  shares.push_back(shares[0]);
  EXPECT_FALSE(site.key->combine("message", shares).ok()) << "the same signer twice";
  shares[2].signer = 3;
  const Result<Bytes> combined = site.key->combine("message", shares);
  ASSERT_TRUE(combined.ok());
  EXPECT_FALSE(site.key->verify("message", *combined));
}

TEST(RsaShoup, ProofsNameExactlyTheGuilty) {
  const Site site = small_site(3, 4);
  for (ServerIndex guilty = 0; guilty < 4; ++guilty) {
    std::vector<SignatureShare> shares = site.shares({0, 1, 2, 3}, "message");
    std::vector<Bytes> proofs;
    for (ServerIndex i = 0; i < 4; ++i) {
      proofs.push_back(site.servers[i]->prove("message", shares[i].share));
    }
    shares[guilty].share = site.servers[guilty]->share("another message");
    proofs[guilty] = site.servers[guilty]->prove("message", shares[guilty].share);
    std::vector<SignatureShare> used;
    for (ServerIndex i = 0; i < 3; ++i) used.push_back(shares[(guilty + i) % 4]);
    EXPECT_FALSE(site.key->verify("message", site.key->combine("message", used).value()));
    for (ServerIndex i = 0; i < 4; ++i) {
      EXPECT_EQ(site.key->verify_share("message", {shares[i].signer, shares[i].share, proofs[i]}),
                i != guilty);
    }
  }
}

TEST(RsaShoup, ProofsBindMessageSignerAndSite) {
  const Site site = small_site(2, 3);
  const Site other = small_site(2, 3);  // same primes, other polynomial
  const SignatureShare share = site.share(0, "message");
  const Bytes proof = site.servers[0]->prove("message", share.share);
  EXPECT_TRUE(site.key->verify_share("message", {share.signer, share.share, proof}));
  EXPECT_FALSE(site.key->verify_share("another", {share.signer, share.share, proof}));
  EXPECT_FALSE(site.key->verify_share("message", {1, share.share, proof}));
  EXPECT_FALSE(site.key->verify_share("message", {3, share.share, proof}));
  EXPECT_FALSE(other.key->verify_share("message", {share.signer, share.share, proof}));
  for (std::size_t i = 0; i < proof.size(); i += 7) {
    Bytes changed = proof;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(site.key->verify_share("message", {share.signer, share.share, changed}));
  }
  EXPECT_FALSE(site.key->verify_share("message", {share.signer, share.share, ""}));
  EXPECT_FALSE(site.key->verify_share("message", {share.signer, share.share, proof + "0"}));
}

// The mistake of an older implementation: with r too short, z / c gives the share away.
TEST(RsaShoup, ProofsBlindTheShareWithItsWholeLength) {
  const Site site = small_site(2, 3);
  const Bytes share = site.servers[0]->share("message");
  const Bytes one = site.servers[0]->prove("message", share);
  const Bytes other = site.servers[0]->prove("message", share);
  EXPECT_NE(one, other);
  EXPECT_GT(BN_num_bits(bn_from_bytes(BytesView(one).substr(32)).get()), 1024 + 512 - 40);
}

TEST(RsaShoup, MalformedSharesAndSignaturesAreRefused) {
  const Site site = small_site(2, 3);
  const std::vector<SignatureShare> good = site.shares({0, 1}, "message");
  const std::size_t size = good[0].share.size();
  for (const Bytes& bad : {Bytes(), Bytes(size, '\0'), Bytes(size, '\xff'), good[0].share + "0",
                           good[0].share.substr(1), site.key->pem()}) {
    std::vector<SignatureShare> shares = good;
    shares[0].share = bad;
    EXPECT_FALSE(site.key->combine("message", shares).ok());
    EXPECT_FALSE(site.key->verify_share("message", {0, shares[0].share, Bytes(300, 'x')}));
    EXPECT_FALSE(site.key->verify("message", bad));
  }
  std::vector<SignatureShare> shares = good;
  shares[0].signer = 3;
  EXPECT_FALSE(site.key->combine("message", shares).ok());
  shares[0].signer = UINT32_MAX;
  EXPECT_FALSE(site.key->combine("message", shares).ok());
}

TEST(RsaShoup, EncodingsComeBackAndMutatedOnesNeverCrash) {
  Result<RsaShoupDeal> deal = deal_rsa_shoup(testing::primes_for_1024_bits(), 3, 4);
  const Bytes key = deal.value().public_key->encoded();
  const Bytes share(deal->shares[2].view());
  ASSERT_TRUE(RsaShoupPublicKey::decode(key).ok());
  EXPECT_EQ(RsaShoupPublicKey::decode(key).value()->encoded(), key);

  std::mt19937 random(1);
  for (int i = 0; i < 2000; ++i) {
    Bytes mutated = i % 2 == 0 ? key : share;
    const std::size_t at = random() % mutated.size();
    if (i % 3 == 0) mutated.resize(at);
    if (i % 3 == 1) mutated[at] = static_cast<char>(mutated[at] ^ (1 << random() % 8));
    if (i % 3 == 2) mutated.insert(at, Bytes(random() % 9, '\0'));
    if (mutated == key || mutated == share) continue;
    EXPECT_FALSE(RsaShoupKeyShare::decode(deal->public_key, mutated).ok());
    const auto decoded = RsaShoupPublicKey::decode(mutated);
    if (decoded.ok()) {
      EXPECT_NE((*decoded)->id(), deal->public_key->id());
    }
  }
}

TEST(RsaShoup, ShareOfAnotherKeyOrServerIsRefused) {
  const Result<RsaShoupDeal> one = deal_rsa_shoup(testing::primes_for_1024_bits(), 2, 3);
  const Result<RsaShoupDeal> other = deal_rsa_shoup(testing::primes_for_1024_bits(), 2, 3);
  EXPECT_FALSE(RsaShoupKeyShare::decode(other->public_key, one->shares[0].view()).ok());
}

// Runs `command`, gives its exit status and output.
std::pair<int, std::string> run(const std::string& command) {
  FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  std::string output;
  char buffer[256];
  while (std::fgets(buffer, sizeof buffer, pipe) != nullptr) output += buffer;
  return {pclose(pipe), output};
}

void write_file(const std::string& path, BytesView bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

TEST(RsaShoup, OpensslVerifiesTheCombinedSignature) {
  const Site site = make_site(testing::primes_for_2048_bits(), 3, 4);
  char directory[] = "/tmp/steward-rsa-XXXXXX";
  ASSERT_NE(mkdtemp(directory), nullptr);
  const std::string base = directory;
  for (const std::string message : {"site statement 1", "site statement 2", "", "4"}) {
    const Bytes signature = site.key->combine(message, site.shares({3, 1, 0}, message)).value();
    EXPECT_EQ(signature.size(), 256u);
    write_file(base + "/key.pem", site.key->pem());
    write_file(base + "/message", message);
    write_file(base + "/signature", signature);
    const std::string command =
        "openssl dgst -sha256 -sigopt rsa_padding_mode:pss -sigopt "
        "rsa_pss_saltlen:0 -verify " +
        base + "/key.pem -signature " + base + "/signature " + base + "/message";
    const auto [status, output] = run(command);
    EXPECT_EQ(status, 0) << output;
    write_file(base + "/message", message + "!");
    EXPECT_NE(run(command).first, 0);
  }
  std::filesystem::remove_all(base);
}

TEST(RsaShoup, GeneratesSafePrimesAndReportsProgress) {
  std::uint64_t last = 0;
  const Result<SafePrimes> primes =
      generate_safe_primes(512, [&last](std::uint64_t candidates) { last = candidates; });
  ASSERT_TRUE(primes.ok());
  EXPECT_GT(last, 1u);
  const BnContext context = bn_context();
  for (const Bn* prime : {&primes->p, &primes->q}) {
    EXPECT_EQ(BN_num_bits(prime->get()), 256);
    const Bn half = bn_new();
    bn_check(BN_rshift1(half.get(), prime->get()));
    EXPECT_EQ(BN_check_prime(prime->get(), context.get(), nullptr), 1);
    EXPECT_EQ(BN_check_prime(half.get(), context.get(), nullptr), 1);
  }
  const Site site = make_site(*primes, 2, 3);
  EXPECT_TRUE(site.key->verify("m", site.key->combine("m", site.shares({2, 0}, "m")).value()));
  EXPECT_FALSE(generate_safe_primes(500).ok());
}

TEST(RsaShoup, DealerRefusesImpossibleThresholds) {
  const SafePrimes primes = testing::primes_for_1024_bits();
  EXPECT_FALSE(deal_rsa_shoup(primes, 0, 4).ok());
  EXPECT_FALSE(deal_rsa_shoup(primes, 5, 4).ok());
  EXPECT_FALSE(deal_rsa_shoup(primes, 1, 65).ok());
  EXPECT_FALSE(
      deal_rsa_shoup(testing::primes_from_hex(testing::kPrime512A, testing::kPrime512A), 1, 1)
          .ok());
}

}  // namespace
}  // namespace steward::crypto
