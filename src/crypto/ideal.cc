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
  Bytes share(ServerIndex server, BytesView message) const {
    return stretched(keyed_hash(secret, "share", identity(server), message), signature_bytes);
  }
  Bytes proof(ServerIndex server, BytesView message, BytesView share) const {
    const Digest proved = sha256_parts({message, share});
    return stretched(keyed_hash(secret, "proof", identity(server), proved.view()),
                     signature_bytes + kProofExtraBytes);
  }
};

class IdealSitePublicKey final : public SitePublicKey {
 public:
  explicit IdealSitePublicKey(IdealSiteSpec spec) : spec_(std::move(spec)) {}

  std::uint32_t threshold() const override { return spec_.threshold; }
  std::uint32_t servers() const override { return spec_.servers; }
  Bytes encoded() const override { return spec_.identity(); }
  Bytes identity() const override { return spec_.identity(); }
  std::string scheme() const override { return "ideal"; }

  bool verify(BytesView message, BytesView signature) const override {
    return signature == spec_.signature(message);
  }

  Result<Bytes> combine(BytesView message, std::span<const SignatureShare> shares) const override {
    if (shares.size() < spec_.threshold) return bad_input("too few shares for a site signature");
    bool all_right = true;
    std::vector<ServerIndex> signers;
    Bytes garbage;
    for (const SignatureShare& share : shares.first(spec_.threshold)) {
      const bool repeated =
          std::find(signers.begin(), signers.end(), share.signer) != signers.end();
      if (repeated || share.signer >= spec_.servers ||
          share.share.size() != spec_.signature_bytes) {
        return bad_input("the share of server " + std::to_string(share.signer) +
                         " is malformed or given twice");
      }
      signers.push_back(share.signer);
      all_right = all_right && share.share == spec_.share(share.signer, message);
      append_framed(garbage, share.share);
    }
    if (all_right) return spec_.signature(message);
    return stretched(sha256_parts({"steward/ideal/garbage", garbage}), spec_.signature_bytes);
  }

  bool shares_prove_themselves() const override { return false; }
  bool verify_share(BytesView message, const SignatureShare& share) const override {
    return share.signer < spec_.servers && share.share == spec_.share(share.signer, message) &&
           share.proof == spec_.proof(share.signer, message, share.share);
  }

 private:
  IdealSiteSpec spec_;
};

class IdealSiteKeyShare final : public SiteKeyShare {
 public:
  IdealSiteKeyShare(IdealSiteSpec spec, ServerIndex server)
      : spec_(std::move(spec)), server_(server) {}
  SecretBytes encoded() const override { return SecretBytes(spec_.identity(server_)); }
  Bytes share(BytesView message) const override { return spec_.share(server_, message); }
  Bytes prove(BytesView message, BytesView share) const override {
    return spec_.proof(server_, message, share);
  }

 private:
  IdealSiteSpec spec_;
  ServerIndex server_;
};

}  // namespace

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
    site.servers.push_back(std::make_shared<IdealSiteKeyShare>(spec, server));
  }
  return site;
}

}  // namespace steward::crypto
