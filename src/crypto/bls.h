// Threshold BLS signatures after A. Boldyreva, "Threshold Signatures, Multisignatures and Blind
// Signatures Based on the Gap-Diffie-Hellman-Group Signature Scheme" (PKC 2003), over BLS12-381 in
// the variant with small signatures: they are points of G1 (48 bytes), public keys points of G2 (96
// bytes). The site's secret is f(0) of a polynomial f of degree k-1 over the numbers mod r; server
// i holds f(i+1), and V_i = f(i+1)·g2 is public. Messages are hashed to G1 by RFC 9380.
//
// A share is a BLS signature under V_i, so it proves itself. Any k shares give the same signature:
// it is unique to the message and an ordinary BLS signature under the group key.
//
// Every server also holds a decryption secret x_j, with x_j·g1 public, to which the others encrypt
// when shares are renewed (share_renewal.h; how: bls_renewal.cc). The encryption keys stay for the
// life of the site key.
//
// Immutable and thread-safe. Operations on secrets take time independent of them.
#pragma once

#include <memory>

#include "crypto/bls_group.h"
#include "crypto/share_renewal.h"

namespace steward::crypto {

inline constexpr char kBlsScheme[] = "bls12-381";
inline constexpr std::uint32_t kMaxBlsServers = 64;

class BlsPublicKey;
using BlsPublicKeyPtr = std::shared_ptr<const BlsPublicKey>;

struct BlsParts {
  std::uint32_t threshold = 0;  // k
  ShareEpoch epoch = 0;
  G2 group_key{};
  std::vector<G2> share_keys;       // V_i by server index
  std::vector<G1> encryption_keys;  // likewise
};

class BlsPublicKey final : public RenewableSiteKey {
 public:
  // Refuses points outside of the groups, and share keys that do not all lie on one polynomial of
  // degree k-1 with the group key. A share key alone may be infinity, that is, of share zero: a
  // lying server can bring that about for itself by what it deals (it says as much about its share
  // as by publishing it), and that must not make the key unusable for the others.
  static Result<BlsPublicKeyPtr> from_parts(BlsParts parts);
  static Result<BlsPublicKeyPtr> decode(BytesView encoded);  // hostile bytes welcome

  std::uint32_t threshold() const override { return parts_.threshold; }
  std::uint32_t servers() const override {
    return static_cast<std::uint32_t>(parts_.share_keys.size());
  }
  ShareEpoch epoch() const override { return parts_.epoch; }
  Bytes encoded() const override;
  Bytes identity() const override;  // threshold, servers, group key, encryption keys
  std::string scheme() const override { return kBlsScheme; }
  bool verify(BytesView message, BytesView signature) const override;
  // Checks once that the outcome is in the group, and only if it is not, share by share.
  Result<Bytes> combine(BytesView message, std::span<const SignatureShare> shares) const override;
  bool shares_prove_themselves() const override { return true; }
  bool verify_share(BytesView message, const SignatureShare& share) const override;
  // All at once, by a linear combination whose coefficients nobody can foresee; halves of what
  // fails, and so on.
  std::vector<ServerIndex> wrong_shares(BytesView message,
                                        std::span<const SignatureShare> shares) const override;

  SitePublicKeyPtr decode_epoch(BytesView encoded) const override;
  SiteKeySharePtr decode_share(ServerIndex holder, BytesView encoded) const override;

  // Renewal. A key of threshold 1 has nothing to renew: its deals are well-formed and add nothing.
  // All keys and shares given must be of this key's identity; `this` may be of any epoch.
  Bytes make_deal(const Deal& dealer_and_context, BytesView entropy) const override;
  bool well_formed(const Deal& deal) const override;
  SitePublicKeyPtr renewed(ShareEpoch epoch, std::span<const Deal> deals) const override;
  // An empty list of wrong deals says that `own` is not the share from which the deals lead on.
  std::variant<SiteKeySharePtr, std::vector<std::size_t>> renew_share(
      const SiteKeyShare& own, const SitePublicKeyPtr& next,
      std::span<const Deal> deals) const override;
  // Empty for a deal that is not well-formed: it needs no complaint.
  Bytes make_complaint(const SiteKeyShare& own, const Deal& deal, BytesView entropy) const override;
  // False for a deal that is not well-formed: it never counts.
  bool proves_wrong(const Deal& deal, ServerIndex holder, BytesView complaint) const override;

  const BlsParts& parts() const { return parts_; }
  const Digest& id() const { return id_; }  // digest of identity()

 private:
  BlsPublicKey(BlsParts parts, std::shared_ptr<const PairingLines> group_lines);

  // A share as a point, its signer in range; nullopt for what no server can have signed.
  std::optional<G1> read_share(const SignatureShare& share) const;

  BlsParts parts_;
  Digest id_;
  std::shared_ptr<const PairingLines> generator_lines_;
  std::shared_ptr<const PairingLines> group_lines_;  // shared by all epochs
};

struct BlsShareSecrets {
  Scalar signing;     // f(i+1), another one in each epoch
  Scalar decryption;  // x_i
};

class BlsKeyShare final : public SiteKeyShare {
 public:
  // Refuses a share of another key, epoch or server, or with secrets that are not theirs.
  static Result<std::shared_ptr<const BlsKeyShare>> decode(const BlsPublicKeyPtr& key,
                                                           ServerIndex server, BytesView encoded);

  // For a server that restarts. Its secret file holds its share of, say, epoch 5, while the only
  // public key at hand may be that of epoch 0 with which the cluster was set up; the key of epoch 5
  // follows from the log. `key` gives the identity, whatever its epoch, and the decryption secret
  // is checked; the signing secret is not, since what it must fit is not known yet. Until
  // belongs_to has agreed with the key of the share's epoch, signing with it is a risk to this
  // server alone: a damaged file would make it give wrong shares, for which it will be blamed.
  static Result<std::shared_ptr<const BlsKeyShare>> decode_any_epoch(const BlsPublicKeyPtr& key,
                                                                     ServerIndex server,
                                                                     BytesView encoded);
  // Is this a share of that key, at its epoch?
  bool belongs_to(const BlsPublicKey& key) const;

  // Checked like a decoded one: nullptr unless it belongs to `key`.
  static std::shared_ptr<const BlsKeyShare> from_secrets(const BlsPublicKey& key,
                                                         ServerIndex server,
                                                         BlsShareSecrets secrets);

  ServerIndex server() const { return server_; }
  ShareEpoch epoch() const override { return epoch_; }
  SecretBytes encoded() const override;
  Bytes share(BytesView message) const override;
  Bytes prove(BytesView /*message*/, BytesView /*share*/) const override { return {}; }

  const BlsShareSecrets& secrets() const { return secrets_; }
  const Digest& key_id() const { return key_id_; }

 private:
  BlsKeyShare(const Digest& key_id, ServerIndex server, ShareEpoch epoch, BlsShareSecrets secrets)
      : key_id_(key_id), server_(server), epoch_(epoch), secrets_(std::move(secrets)) {}

  Digest key_id_;
  ServerIndex server_;
  ShareEpoch epoch_;
  BlsShareSecrets secrets_;
};

struct BlsKeyDeal {
  BlsPublicKeyPtr key;
  std::vector<std::shared_ptr<const BlsKeyShare>> shares;  // by server index
};

// The dealer: runs once, offline, where the cluster's keys are made; it knows the whole secret
// while it runs, and wipes it. Randomness from the operating system.
Result<BlsKeyDeal> deal_bls(std::uint32_t threshold, std::uint32_t servers);

// The point of G1 that a site signs for a message.
G1 bls_message_point(BytesView message);

}  // namespace steward::crypto
