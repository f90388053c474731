// The scheme "ed25519-multi": a site's signature is a list of ordinary Ed25519 signatures of
// `threshold` distinct servers on the message. It is the honest baseline that threshold schemes are
// to be measured against: no dealer, no assumption beyond Ed25519, shares cost microseconds and are
// their own proof; but signatures, and the work to verify them, grow with the threshold, and they
// tell who signed.
//
// Each server has a signing key for this purpose alone, not its identity key: the message is signed
// as it is, with no tag of this scheme, so that any tool can check the parts.
//
// Canonical signature: exactly `threshold` times (index of the signer, 1 byte ‖ Ed25519 signature,
// 64 bytes), signers strictly ascending. Verified one by one: the library has no batch
// verification. Immutable and thread-safe.
#pragma once

#include "crypto/ed25519.h"
#include "crypto/site_scheme.h"

namespace steward::crypto {

inline constexpr char kEd25519MultiScheme[] = "ed25519-multi";

class Ed25519MultiPublicKey;
using Ed25519MultiPublicKeyPtr = std::shared_ptr<const Ed25519MultiPublicKey>;

class Ed25519MultiPublicKey final : public SitePublicKey {
 public:
  // The servers' keys by index. Refused: more than kMaxSiteServers, a threshold not among them, a
  // key given twice (its holder would count twice), a key that is no point of the prime-order
  // group.
  static Result<Ed25519MultiPublicKeyPtr> from_keys(std::uint32_t threshold,
                                                    std::vector<Bytes> keys);
  static Result<Ed25519MultiPublicKeyPtr> decode(BytesView encoded);  // hostile bytes welcome

  std::string scheme() const override { return kEd25519MultiScheme; }
  std::uint32_t threshold() const override { return threshold_; }
  std::uint32_t servers() const override { return static_cast<std::uint32_t>(keys_.size()); }
  Bytes encoded() const override;
  Bytes identity() const override { return encoded(); }
  bool verify(BytesView message, BytesView signature) const override;
  Result<Bytes> combine(BytesView message, std::span<const SignatureShare> shares) const override;
  bool shares_prove_themselves() const override { return true; }
  bool verify_share(BytesView message, const SignatureShare& share) const override;

  const Bytes& server_key(ServerIndex server) const { return keys_[server]; }

 private:
  Ed25519MultiPublicKey(std::uint32_t threshold, std::vector<Bytes> keys)
      : threshold_(threshold), keys_(std::move(keys)) {}

  std::uint32_t threshold_;
  std::vector<Bytes> keys_;
  Ed25519Verifier verifier_;
};

class Ed25519MultiKeyShare final : public SiteKeyShare {
 public:
  // Refuses a share that does not belong to `key` and to `server`.
  static Result<std::shared_ptr<const Ed25519MultiKeyShare>> decode(
      const Ed25519MultiPublicKeyPtr& key, ServerIndex server, BytesView encoded);
  // `signer` holds the secret of `server` under `key`.
  Ed25519MultiKeyShare(Ed25519MultiPublicKeyPtr key, ServerIndex server,
                       std::unique_ptr<Ed25519Signer> signer);

  SecretBytes encoded() const override;
  Bytes share(BytesView message) const override { return signer_->sign(message); }
  Bytes prove(BytesView /*message*/, BytesView /*share*/) const override { return {}; }

 private:
  Ed25519MultiPublicKeyPtr key_;
  ServerIndex server_;
  std::unique_ptr<Ed25519Signer> signer_;
};

// A fresh signing key for every server.
Result<SiteKeyDeal> deal_ed25519_multi(std::uint32_t threshold, std::uint32_t servers);

}  // namespace steward::crypto
