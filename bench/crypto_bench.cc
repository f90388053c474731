// What cryptography costs: the schemes of site keys, Ed25519, SHA-256, and Merkle trees over signed
// batches. Names are read by tools/bench:
//   site/SCHEME/KofN/OPERATION    one operation; on "verify" also sizes, in bytes
//   batch/SCHEME/SIZE             a signed batch of 3-of-4 from its leaves to checking each of them
//   merkle/OPERATION/LEAVES, ed25519/OPERATION, sha256/BYTES
#include <benchmark/benchmark.h>

#include <map>
#include <string>

#include "common/check.h"
#include "crypto/ed25519.h"
#include "crypto/merkle.h"
#include "crypto/site_scheme.h"
#include "crypto/testing/test_primes.h"

namespace steward::crypto {
namespace {

using benchmark::State;

constexpr std::size_t kMessageBytes = 200;

struct Size {
  std::uint32_t threshold;
  std::uint32_t servers;
};
constexpr Size kSizes[] = {{3, 4}, {11, 16}, {21, 31}};  // 2f+1 of 3f+1 for f = 1, 5, 10
constexpr std::size_t kBatches[] = {1, 4, 16, 64, 256, 1024};
const std::vector<std::string> kSchemes = {"rsa-2048", "rsa-3072", "rsa-4096", "bls12-381",
                                           "ed25519-multi"};

// Known primes instead of a search of minutes.
SiteKeyDeal deal_rsa(const SafePrimes& primes, Size size) {
  const auto dealt = deal_rsa_shoup(primes, size.threshold, size.servers);
  STEWARD_CHECK(dealt.ok());
  SiteKeyDeal deal{dealt->public_key, {}};
  for (const SecretBytes& encoded : dealt->shares) {
    const auto share = RsaShoupKeyShare::decode(dealt->public_key, encoded.view());
    STEWARD_CHECK(share.ok());
    deal.shares.push_back(*share);
  }
  return deal;
}

SiteKeyDeal make_deal(const std::string& scheme, Size size) {
  if (scheme == "rsa-2048") return deal_rsa(testing::primes_for_2048_bits(), size);
  if (scheme == "rsa-3072") return deal_rsa(testing::primes_for_3072_bits(), size);
  if (scheme == "rsa-4096") return deal_rsa(testing::primes_for_4096_bits(), size);
  auto deal = deal_site_key({scheme, size.servers, size.threshold});
  STEWARD_CHECK(deal.ok());
  return std::move(*deal);
}

// Made when first asked for: a filter leaves most of them out.
const SiteKeyDeal& deal_of(const std::string& scheme, Size size) {
  static std::map<std::pair<std::string, std::uint32_t>, SiteKeyDeal> deals;
  const auto key = std::pair(scheme, size.servers);
  auto found = deals.find(key);
  if (found == deals.end()) found = deals.emplace(key, make_deal(scheme, size)).first;
  return found->second;
}

// The shares of the first `threshold` servers, with proofs where the scheme has them.
std::vector<SignatureShare> enough_shares(const SiteKeyDeal& deal, BytesView message, bool prove) {
  std::vector<SignatureShare> shares;
  for (ServerIndex server = 0; server < deal.key->threshold(); ++server) {
    const SiteKeyShare& own = *deal.shares[server];
    const Bytes share = own.share(message);
    shares.push_back({server, share, prove ? own.prove(message, share) : Bytes()});
  }
  return shares;
}

const Bytes& message() {
  static const Bytes kMessage(kMessageBytes, 'm');
  return kMessage;
}

void share(State& state, const std::string& scheme, Size size) {
  const SiteKeyDeal& deal = deal_of(scheme, size);
  for (auto _ : state) benchmark::DoNotOptimize(deal.shares[0]->share(message()));
}

void prove(State& state, const std::string& scheme, Size size) {
  const SiteKeyDeal& deal = deal_of(scheme, size);
  const Bytes made = deal.shares[0]->share(message());
  for (auto _ : state) benchmark::DoNotOptimize(deal.shares[0]->prove(message(), made));
}

void verify_share(State& state, const std::string& scheme, Size size) {
  const SiteKeyDeal& deal = deal_of(scheme, size);
  const SignatureShare made = enough_shares(deal, message(), true)[0];
  for (auto _ : state) STEWARD_CHECK(deal.key->verify_share(message(), made));
}

void check_all(State& state, const std::string& scheme, Size size) {
  const SiteKeyDeal& deal = deal_of(scheme, size);
  const auto shares = enough_shares(deal, message(), true);
  for (auto _ : state) STEWARD_CHECK(deal.key->wrong_shares(message(), shares).empty());
}

void combine(State& state, const std::string& scheme, Size size) {
  const SiteKeyDeal& deal = deal_of(scheme, size);
  const auto shares = enough_shares(deal, message(), false);
  for (auto _ : state) STEWARD_CHECK(deal.key->combine(message(), shares).ok());
}

void verify(State& state, const std::string& scheme, Size size) {
  const SiteKeyDeal& deal = deal_of(scheme, size);
  const auto shares = enough_shares(deal, message(), true);
  const Bytes signature = deal.key->combine(message(), shares).value();
  for (auto _ : state) STEWARD_CHECK(deal.key->verify(message(), signature));
  const auto counter = [&](const char* name, std::size_t bytes) {
    state.counters[name] = static_cast<double>(bytes);
  };
  counter("signature_bytes", signature.size());
  counter("share_bytes", shares[0].share.size());
  counter("proof_bytes", shares[0].proof.size());
  counter("key_bytes", deal.key->encoded().size());
}

// --- batches

std::vector<Bytes> messages(std::size_t count) {
  std::vector<Bytes> out;
  for (std::size_t i = 0; i < count; ++i) {
    out.push_back(message());
    append_u64(out.back(), i);
  }
  return out;
}

MerkleTree tree_of(const std::vector<Bytes>& leaves) {
  std::vector<Digest> hashes;
  hashes.reserve(leaves.size());
  for (const Bytes& leaf : leaves) hashes.push_back(merkle_leaf(leaf));
  return MerkleTree(std::move(hashes));
}

void build_tree(State& state, std::size_t leaves) {
  const std::vector<Bytes> content = messages(leaves);
  for (auto _ : state) benchmark::DoNotOptimize(tree_of(content).root());
}

void check_path(State& state, std::size_t leaves) {
  const std::vector<Bytes> content = messages(leaves);
  const MerkleTree tree = tree_of(content);
  const std::size_t leaf = leaves / 2;
  const std::vector<Digest> path = tree.path(leaf);
  for (auto _ : state) {
    const auto root = merkle_root_from_path(merkle_leaf(content[leaf]), leaf, leaves, path);
    STEWARD_CHECK(root == tree.root());
  }
}

// What one server computes so that each message is signed by the site and checked by a receiver:
// the tree, its share, the combination, the check of the signature, and of every path.
void sign_batch(State& state, const std::string& scheme, std::size_t leaves) {
  const SiteKeyDeal& deal = deal_of(scheme, kSizes[0]);
  const std::vector<Bytes> content = messages(leaves);
  const Digest expected = tree_of(content).root();
  std::vector<SignatureShare> shares = enough_shares(deal, expected.view(), false);
  for (auto _ : state) {
    const MerkleTree tree = tree_of(content);
    const BytesView root = tree.root().view();
    shares[0].share = deal.shares[0]->share(root);
    const auto signature = deal.key->combine(root, shares);
    STEWARD_CHECK(signature.ok() && deal.key->verify(root, *signature));
    for (std::size_t i = 0; i < leaves; ++i) {
      const auto implied = merkle_root_from_path(merkle_leaf(content[i]), i, leaves, tree.path(i));
      STEWARD_CHECK(implied == tree.root());
    }
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(leaves));
}

// --- single servers

void ed25519_sign(State& state) {
  const auto signer = Ed25519Signer::generate();
  for (auto _ : state) benchmark::DoNotOptimize(signer->sign(message()));
}

void ed25519_verify(State& state) {
  const auto signer = Ed25519Signer::generate();
  const Bytes signature = signer->sign(message());
  const Ed25519Verifier verifier;
  for (auto _ : state) {
    STEWARD_CHECK(verifier.verify(signer->public_key(), message(), signature));
  }
}

void hash(State& state) {
  const Bytes bytes(1024, 'h');
  for (auto _ : state) benchmark::DoNotOptimize(sha256(bytes));
}

void add_site_benchmarks(const std::string& scheme, Size size) {
  using Function = void (*)(State&, const std::string&, Size);
  const std::pair<const char*, Function> operations[] = {
      {"share", share},         {"prove", prove},     {"verify_share", verify_share},
      {"check_all", check_all}, {"combine", combine}, {"verify", verify}};
  const std::string name = "site/" + scheme + "/" + std::to_string(size.threshold) + "of" +
                           std::to_string(size.servers) + "/";
  for (const auto& [operation, function] : operations) {
    const bool proves = scheme.rfind("rsa", 0) == 0;
    if (function == prove && !proves) continue;
    benchmark::RegisterBenchmark((name + operation).c_str(), [=, run = function](State& state) {
      run(state, scheme, size);
    })->Unit(benchmark::kMicrosecond);
  }
}

void add_benchmarks() {
  const auto add = [](const std::string& name, auto function) {
    benchmark::RegisterBenchmark(name.c_str(), function)->Unit(benchmark::kMicrosecond);
  };
  for (const std::string& scheme : kSchemes) {
    for (const Size size : kSizes) add_site_benchmarks(scheme, size);
  }
  for (const std::size_t leaves : kBatches) {
    const std::string count = std::to_string(leaves);
    add("merkle/build/" + count, [=](State& state) { build_tree(state, leaves); });
    add("merkle/check_path/" + count, [=](State& state) { check_path(state, leaves); });
    for (const std::string& scheme : kSchemes) {
      add("batch/" + scheme + "/" + count,
          [=](State& state) { sign_batch(state, scheme, leaves); });
    }
  }
  add("ed25519/sign", ed25519_sign);
  add("ed25519/verify", ed25519_verify);
  add("sha256/1024", hash);
}

}  // namespace
}  // namespace steward::crypto

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  steward::crypto::add_benchmarks();
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
