// The site key of a site that tolerates only crashes: one Ed25519 key, held by every server
// (SPEC 1.2: threshold 1). A share is the signature itself and is its own proof. Thread-safe.
#pragma once

#include "crypto/ed25519.h"
#include "crypto/pem.h"
#include "crypto/site_key.h"

namespace steward::crypto {

inline constexpr char kPlainScheme[] = "plain";

class PlainSitePublicKey final : public SitePublicKey {
 public:
  // `encoded` is the Ed25519 public key, 32 bytes.
  static Result<std::shared_ptr<const PlainSitePublicKey>> decode(BytesView encoded);

  std::uint32_t threshold() const override { return 1; }
  std::uint32_t servers() const override { return 0; }
  Bytes encoded() const override { return public_key_; }
  Bytes identity() const override { return public_key_; }
  std::string scheme() const override { return kPlainScheme; }
  bool verify(BytesView message, BytesView signature) const override;
  Result<Bytes> combine(BytesView message, std::span<const SignatureShare> shares) const override;
  bool shares_prove_themselves() const override { return true; }
  bool verify_share(BytesView message, const SignatureShare& share) const override;
  Bytes pem() const override { return ed25519_public_pem(public_key_); }

 private:
  explicit PlainSitePublicKey(BytesView public_key) : public_key_(public_key) {}

  Bytes public_key_;
  Ed25519Verifier verifier_;
};

class PlainSiteKeyShare final : public SiteKeyShare {
 public:
  // `seed` is the key's seed, 32 bytes; refused when it does not belong to `key`.
  static Result<std::shared_ptr<const PlainSiteKeyShare>> decode(const PlainSitePublicKey& key,
                                                                 BytesView seed);

  SecretBytes encoded() const override { return signer_->copy_secret_seed(); }
  Bytes share(BytesView message) const override { return signer_->sign(message); }
  Bytes prove(BytesView /*message*/, BytesView /*share*/) const override { return {}; }

 private:
  explicit PlainSiteKeyShare(std::unique_ptr<Ed25519Signer> signer) : signer_(std::move(signer)) {}

  std::unique_ptr<Ed25519Signer> signer_;
};

}  // namespace steward::crypto
