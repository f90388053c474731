#include "sim/keys.h"

#include "common/check.h"
#include "crypto/bls.h"
#include "crypto/ed25519_multi.h"
#include "crypto/ideal.h"
#include "crypto/plain_site_key.h"
#include "crypto/rsa_shoup_dealer.h"
#include "crypto/site_scheme.h"
#include "crypto/testing/test_primes.h"

namespace steward::sim {
namespace {

struct SiteKey {
  crypto::SitePublicKeyPtr key;
  std::vector<crypto::SiteKeySharePtr> shares;
};

// Makes all keys of one kind.
class Maker {
 public:
  virtual ~Maker() = default;
  virtual std::shared_ptr<const crypto::Signer> signer(const std::string& name) = 0;
  virtual Result<SiteKey> site(const std::string& name, const SiteConfig& config,
                               const std::string& scheme) = 0;
  virtual std::shared_ptr<const crypto::SignatureVerifier> verifier() = 0;
};

std::uint32_t server_count(const SiteConfig& site) {
  return static_cast<std::uint32_t>(site.servers.size());
}

std::uint32_t threshold_of(const SiteConfig& site) {
  if (site.protocol != LocalProtocol::kPbft) return 1;
  return site.quorums().quorum();
}

class IdealMaker final : public Maker {
 public:
  IdealMaker(std::uint64_t seed, std::uint32_t rsa_bits) : authority_(seed), rsa_bits_(rsa_bits) {}

  std::shared_ptr<const crypto::Signer> signer(const std::string& name) override {
    return authority_.signer(name);
  }
  Result<SiteKey> site(const std::string& name, const SiteConfig& config,
                       const std::string& scheme) override {
    std::size_t bytes = crypto::kEd25519SignatureBytes;
    if (scheme == crypto::kRsaShoupScheme) bytes = rsa_bits_ / 8;
    if (scheme == crypto::kBlsScheme) bytes = 48;
    if (scheme == crypto::kEd25519MultiScheme) bytes *= threshold_of(config);
    auto made = authority_.site(name, threshold_of(config), server_count(config), bytes);
    return SiteKey{std::move(made.key), std::move(made.servers)};
  }
  std::shared_ptr<const crypto::SignatureVerifier> verifier() override {
    return authority_.verifier();
  }

 private:
  crypto::IdealAuthority authority_;
  std::uint32_t rsa_bits_;
};

class RealMaker final : public Maker {
 public:
  explicit RealMaker(std::uint64_t seed) { append_u64(seed_, seed); }

  std::shared_ptr<const crypto::Signer> signer(const std::string& name) override {
    auto signer = crypto::Ed25519Signer::from_seed(key_seed(name).view());
    return std::move(*signer);
  }
  Result<SiteKey> site(const std::string& name, const SiteConfig& config,
                       const std::string& scheme) override {
    if (scheme == crypto::kRsaShoupScheme) return rsa_site(config);
    if (scheme == crypto::kPlainScheme) return plain_site(name, config);
    crypto::SiteKeySpec spec;
    spec.scheme = scheme;
    spec.servers = server_count(config);
    spec.threshold = threshold_of(config);
    auto deal = crypto::deal_site_key(spec);
    if (!deal) return deal.error();
    return SiteKey{deal->key, std::move(deal->shares)};
  }
  std::shared_ptr<const crypto::SignatureVerifier> verifier() override {
    return std::make_shared<crypto::Ed25519Verifier>();
  }

 private:
  crypto::Digest key_seed(const std::string& name) const {
    return crypto::sha256_parts({"steward/simulated key", seed_, name});
  }

  static Result<SiteKey> rsa_site(const SiteConfig& config) {
    auto deal = crypto::deal_rsa_shoup(crypto::testing::primes_for_2048_bits(),
                                       threshold_of(config), server_count(config));
    if (!deal) return deal.error();
    SiteKey out{deal->public_key, {}};
    for (const auto& share : deal->shares) {
      auto decoded = crypto::RsaShoupKeyShare::decode(deal->public_key, share.view());
      if (!decoded) return decoded.error();
      out.shares.push_back(std::move(*decoded));
    }
    return out;
  }

  Result<SiteKey> plain_site(const std::string& name, const SiteConfig& config) const {
    const crypto::Digest seed = key_seed(name);
    const auto signer = crypto::Ed25519Signer::from_seed(seed.view());
    if (!signer) return signer.error();
    auto key = crypto::PlainSitePublicKey::decode((*signer)->public_key());
    if (!key) return key.error();
    auto share = crypto::PlainSiteKeyShare::decode(**key, seed.view());
    if (!share) return share.error();
    return SiteKey{*key, std::vector<crypto::SiteKeySharePtr>(config.servers.size(), *share)};
  }

  Bytes seed_;
};

}  // namespace

crypto::SiteKeySharePtr ClusterKeys::load_share(ServerId id,
                                                const crypto::SecretBytes& encoded) const {
  const crypto::SiteKeySharePtr& dealt = shares.at(id);
  if (dealt->encoded().view() == encoded.view()) return dealt;
  const auto* key =
      dynamic_cast<const crypto::RenewableSiteKey*>(directory->sites[id.site].site.get());
  STEWARD_CHECK(key != nullptr);
  return key->decode_share(id.server, encoded.view());
}

Result<ClusterKeys> make_keys(const ClusterConfig& config, Crypto crypto, std::uint64_t seed) {
  std::unique_ptr<Maker> maker;
  if (crypto == Crypto::kIdeal) {
    maker = std::make_unique<IdealMaker>(seed, config.crypto.rsa_bits);
  } else {
    maker = std::make_unique<RealMaker>(seed);
  }
  ClusterKeys out;
  auto directory = std::make_shared<crypto::KeyDirectory>();
  directory->signatures = maker->verifier();
  for (SiteId site = 0; site < config.sites.size(); ++site) {
    const std::string name = "site " + std::to_string(site);
    auto made = maker->site(name, config.sites[site], site_scheme(config, site));
    if (!made) return made.error();
    crypto::SiteKeys& keys = directory->sites.emplace_back();
    keys.site = made->key;
    for (ServerIndex server = 0; server < config.sites[site].servers.size(); ++server) {
      const ServerId id{site, server};
      out.servers[id] = maker->signer("server " + to_string(id));
      out.shares[id] = made->shares[server];
      keys.servers.push_back(out.servers[id]->public_key());
    }
    out.clients.push_back(maker->signer("client " + std::to_string(site)));
    directory->clients.push_back(out.clients.back()->public_key());
    directory->operators.push_back(directory->clients.back());
  }
  out.directory = std::move(directory);
  return out;
}

}  // namespace steward::sim
