#include "crypto/ideal.h"

#include <algorithm>

#include "common/check.h"

namespace steward::crypto {
namespace {

constexpr std::size_t kServerSignatureBytes = 64;  // as Ed25519
constexpr std::size_t kProofExtraBytes = 97;       // as Shoup's proofs: c, and what z has over n

// What may be signed under the secret: the roles keep the uses apart.
Digest keyed_hash(const Digest& secret, BytesView role, BytesView identity, BytesView message) {
  const Digest statement = sha256_parts({role, identity, message});
  return sha256_parts({secret.view(), statement.view()});
}

// The digest over and over until it has the size.
Bytes stretched(const Digest& digest, std::size_t size) {
  Bytes out;
  out.reserve(size + digest.bytes.size());
  while (out.size() < size) out.append(digest.view());
  out.resize(size);
  return out;
}

class IdealSigner final : public Signer {
 public:
  IdealSigner(const Digest& secret, const std::string& name)
      : secret_(secret), public_key_(sha256_parts({"steward/ideal/public", name}).str()) {}
  Bytes public_key() const override { return public_key_; }
  Bytes sign(BytesView message) const override {
    return stretched(keyed_hash(secret_, "signature", public_key_, message), kServerSignatureBytes);
  }

 private:
  Digest secret_;
  Bytes public_key_;
};

class IdealVerifier final : public SignatureVerifier {
 public:
  explicit IdealVerifier(const Digest& secret) : secret_(secret) {}
  bool verify(BytesView public_key, BytesView message, BytesView signature) const override {
    return signature ==
           stretched(keyed_hash(secret_, "signature", public_key, message), kServerSignatureBytes);
  }

 private:
  Digest secret_;
};

struct IdealSiteSpec {
  Digest secret;
  std::string name;
  std::uint32_t threshold = 0;
  std::uint32_t servers = 0;
  std::size_t signature_bytes = 0;

  Bytes identity() const {
    Bytes out;
    append_framed(out, name);
    append_u32(out, threshold);
    append_u32(out, servers);
    append_u32(out, static_cast<std::uint32_t>(signature_bytes));
    return out;
  }
  Bytes identity(ServerIndex server) const {
    Bytes out = identity();
    append_u32(out, server);
    return out;
  }
  Bytes signature(BytesView message) const {
    return stretched(keyed_hash(secret, "site signature", identity(), message), signature_bytes);
  }
  Bytes share(ServerIndex server, const Digest& deals, BytesView message) const {
    Bytes signer = identity(server);
    signer.append(deals.view());
    return stretched(keyed_hash(secret, "share", signer, message), signature_bytes);
  }
  Bytes complaint(const Deal& deal, ServerIndex holder) const {
    return keyed_hash(secret, "complaint", identity(holder), deal.context + deal.deal).str();
  }
  Bytes proof(ServerIndex server, BytesView message, BytesView share) const {
    const Digest proved = sha256_parts({message, share});
    return stretched(keyed_hash(secret, "proof", identity(server), proved.view()),
                     signature_bytes + kProofExtraBytes);
  }
};

// What the deals up to an epoch add up to.
struct Lineage {
  ShareEpoch epoch = 0;
  Digest deals{};

  void add(const Deal& deal) {
    const Digest digest = sha256_parts({"steward/ideal/deal", deal.context, deal.deal});
    for (std::size_t i = 0; i < digest.bytes.size(); ++i) deals.bytes[i] ^= digest.bytes[i];
  }
  Bytes encoded() const {
    Bytes out;
    append_u64(out, epoch);
    out.append(deals.view());
    return out;
  }
  static std::optional<Lineage> decode(BytesView encoded) {
    if (encoded.size() != 8 + sizeof(Digest)) return std::nullopt;
    const auto deals = Digest::from(encoded.substr(8));
    return Lineage{read_u64(encoded, 0), *deals};
  }
};

class IdealSiteKeyShare final : public SiteKeyShare {
 public:
  IdealSiteKeyShare(IdealSiteSpec spec, ServerIndex server, Lineage lineage)
      : spec_(std::move(spec)), server_(server), lineage_(lineage) {}
  ShareEpoch epoch() const override { return lineage_.epoch; }
  SecretBytes encoded() const override { return SecretBytes(lineage_.encoded()); }
  Bytes share(BytesView message) const override {
    return spec_.share(server_, lineage_.deals, message);
  }
  Bytes prove(BytesView message, BytesView share) const override {
    return spec_.proof(server_, message, share);
  }
  ServerIndex server() const { return server_; }
  const Lineage& lineage() const { return lineage_; }

 private:
  IdealSiteSpec spec_;
  ServerIndex server_;
  Lineage lineage_;
};

class IdealSitePublicKey final : public RenewableSiteKey {
 public:
  explicit IdealSitePublicKey(IdealSiteSpec spec, Lineage lineage = {})
      : spec_(std::move(spec)), lineage_(lineage) {}

  std::uint32_t threshold() const override { return spec_.threshold; }
  std::uint32_t servers() const override { return spec_.servers; }
  ShareEpoch epoch() const override { return lineage_.epoch; }
  Bytes encoded() const override { return lineage_.encoded() + spec_.identity(); }
  Bytes identity() const override { return spec_.identity(); }
  std::string scheme() const override { return kIdealScheme; }

  bool verify(BytesView message, BytesView signature) const override {
    return signature == spec_.signature(message);
  }
  Result<Bytes> combine(BytesView message, std::span<const SignatureShare> shares) const override;
  bool shares_prove_themselves() const override { return false; }
  bool verify_share(BytesView message, const SignatureShare& share) const override {
    return share.signer < spec_.servers &&
           share.share == spec_.share(share.signer, lineage_.deals, message) &&
           share.proof == spec_.proof(share.signer, message, share.share);
  }

  Bytes make_deal(const Deal& /*dealer_and_context*/, BytesView entropy) const override {
    return ideal_deal(entropy, spec_.servers, {});
  }
  bool well_formed(const Deal& deal) const override {
    return deal.dealer < spec_.servers && deal.deal.size() == sizeof(Digest) + spec_.servers;
  }
  SitePublicKeyPtr renewed(ShareEpoch epoch, std::span<const Deal> deals) const override {
    Lineage next = lineage_;
    next.epoch = epoch;
    for (const Deal& deal : deals) next.add(deal);
    return std::make_shared<IdealSitePublicKey>(spec_, next);
  }
  std::variant<SiteKeySharePtr, std::vector<std::size_t>> renew_share(
      const SiteKeyShare& own, const SitePublicKeyPtr& next,
      std::span<const Deal> deals) const override;
  Bytes make_complaint(const SiteKeyShare& own, const Deal& deal,
                       BytesView /*entropy*/) const override {
    return spec_.complaint(deal, dynamic_cast<const IdealSiteKeyShare&>(own).server());
  }
  bool proves_wrong(const Deal& deal, ServerIndex holder, BytesView complaint) const override {
    return well_formed(deal) && holder < spec_.servers && cheats(deal, holder) &&
           complaint == spec_.complaint(deal, holder);
  }

  SitePublicKeyPtr decode_epoch(BytesView encoded) const override {
    constexpr std::size_t kLineageBytes = 8 + sizeof(Digest);
    if (encoded.size() < kLineageBytes) return nullptr;
    const auto lineage = Lineage::decode(encoded.substr(0, kLineageBytes));
    if (!lineage || encoded.substr(kLineageBytes) != spec_.identity()) return nullptr;
    return std::make_shared<IdealSitePublicKey>(spec_, *lineage);
  }
  SiteKeySharePtr decode_share(ServerIndex server, BytesView encoded) const override {
    const auto lineage = Lineage::decode(encoded);
    const bool fits =
        lineage && (lineage->epoch != lineage_.epoch || lineage->deals == lineage_.deals);
    if (!fits || server >= spec_.servers) return nullptr;
    return std::make_shared<IdealSiteKeyShare>(spec_, server, *lineage);
  }

 private:
  static bool cheats(const Deal& deal, ServerIndex holder) {
    return deal.deal[sizeof(Digest) + holder] != 0;
  }

  IdealSiteSpec spec_;
  Lineage lineage_;
};

Result<Bytes> IdealSitePublicKey::combine(BytesView message,
                                          std::span<const SignatureShare> shares) const {
  if (shares.size() < spec_.threshold) return bad_input("too few shares for a site signature");
  bool all_right = true;
  std::vector<ServerIndex> signers;
  Bytes garbage;
  for (const SignatureShare& share : shares.first(spec_.threshold)) {
    const bool repeated = std::find(signers.begin(), signers.end(), share.signer) != signers.end();
    if (repeated || share.signer >= spec_.servers || share.share.size() != spec_.signature_bytes) {
      return bad_input("the share of server " + std::to_string(share.signer) +
                       " is malformed or given twice");
    }
    signers.push_back(share.signer);
    all_right = all_right && share.share == spec_.share(share.signer, lineage_.deals, message);
    append_framed(garbage, share.share);
  }
  if (all_right) return spec_.signature(message);
  return stretched(sha256_parts({"steward/ideal/garbage", garbage}), spec_.signature_bytes);
}

std::variant<SiteKeySharePtr, std::vector<std::size_t>> IdealSitePublicKey::renew_share(
    const SiteKeyShare& own, const SitePublicKeyPtr& next, std::span<const Deal> deals) const {
  const auto& share = dynamic_cast<const IdealSiteKeyShare&>(own);
  std::vector<std::size_t> wrong;
  Lineage lineage = share.lineage();
  lineage.epoch = next->epoch();
  for (std::size_t i = 0; i < deals.size(); ++i) {
    if (cheats(deals[i], share.server())) wrong.push_back(i);
    lineage.add(deals[i]);
  }
  const auto& key = dynamic_cast<const IdealSitePublicKey&>(*next);
  if (!wrong.empty() || lineage.deals != key.lineage_.deals) return wrong;
  return SiteKeySharePtr(std::make_shared<IdealSiteKeyShare>(spec_, share.server(), lineage));
}

}  // namespace

Bytes ideal_deal(BytesView entropy, std::uint32_t servers,
                 const std::vector<ServerIndex>& cheated) {
  Bytes deal = sha256_parts({"steward/ideal/deal entropy", entropy}).str() + Bytes(servers, '\0');
  for (const ServerIndex holder : cheated) deal.at(sizeof(Digest) + holder) = '\1';
  return deal;
}

IdealAuthority::IdealAuthority(std::uint64_t seed) {
  Bytes bytes;
  append_u64(bytes, seed);
  secret_ = sha256_parts({"steward/ideal/secret", bytes});
}

std::unique_ptr<Signer> IdealAuthority::signer(const std::string& name) const {
  return std::make_unique<IdealSigner>(secret_, name);
}

std::shared_ptr<const SignatureVerifier> IdealAuthority::verifier() const {
  return std::make_shared<IdealVerifier>(secret_);
}

IdealSite IdealAuthority::site(const std::string& name, std::uint32_t threshold,
                               std::uint32_t servers, std::size_t signature_bytes) const {
  STEWARD_CHECK(threshold >= 1 && threshold <= servers);
  STEWARD_CHECK(signature_bytes >= sizeof(Digest));
  const IdealSiteSpec spec{secret_, name, threshold, servers, signature_bytes};
  IdealSite site{std::make_shared<IdealSitePublicKey>(spec), {}};
  for (ServerIndex server = 0; server < servers; ++server) {
    site.servers.push_back(std::make_shared<IdealSiteKeyShare>(spec, server, Lineage{}));
  }
  return site;
}

}  // namespace steward::crypto
