// Threshold RSA after V. Shoup, "Practical Threshold Signatures" (Eurocrypt 2000), Protocol 2, as
// resolved in SPEC 1.1. A combined signature is an ordinary RSA-PSS signature (SHA-256,
// MGF1-SHA-256, empty salt, e = 65537) under the key that pem() gives. Keys are made by
// rsa_shoup_dealer.h; their shares are dealt anew, under the next epoch, by rsa_shoup_redeal.h.
//
// Immutable and thread-safe. Operations on the secret share take time independent of it.
#pragma once

#include "crypto/bn.h"
#include "crypto/secret.h"
#include "crypto/sha256.h"
#include "crypto/site_key.h"

namespace steward::crypto {

inline constexpr std::uint32_t kRsaExponent = 65537;
inline constexpr std::uint32_t kMaxShares = 64;      // l; well below the exponent, as Shoup needs
inline constexpr std::size_t kMinModulusBits = 512;  // of any use to tests only
inline constexpr std::size_t kMaxModulusBits = 8192;
inline constexpr char kRsaShoupScheme[] = "rsa-shoup";

class RsaShoupPublicKey;
using RsaShoupPublicKeyPtr = std::shared_ptr<const RsaShoupPublicKey>;

// The paper's names: n the modulus, u of Jacobi symbol -1, v a square, v_i = v^(s_i).
struct RsaShoupParts {
  std::uint32_t threshold = 0;  // k
  ShareEpoch epoch = 0;         // how often shares were dealt anew
  Bn n;
  Bn u;
  Bn v;
  std::vector<Bn> share_keys;  // v_i by server index; their number is l
};

// What is raised to a secret power: x = PSS(message), times u^e when that has Jacobi symbol -1.
struct Representative {
  Bn x;
  bool times_u = false;
};

class RsaShoupPublicKey final : public SitePublicKey {
 public:
  static Result<RsaShoupPublicKeyPtr> from_parts(RsaShoupParts parts);
  static Result<RsaShoupPublicKeyPtr> decode(BytesView encoded);  // hostile bytes welcome

  std::uint32_t threshold() const override { return parts_.threshold; }
  std::uint32_t servers() const override {
    return static_cast<std::uint32_t>(parts_.share_keys.size());
  }
  ShareEpoch epoch() const override { return parts_.epoch; }
  Bytes encoded() const override { return encoded_; }
  Bytes identity() const override;
  std::string scheme() const override { return kRsaShoupScheme; }
  bool verify(BytesView message, BytesView signature) const override;
  Result<Bytes> combine(BytesView message, std::span<const SignatureShare> shares) const override;
  bool shares_prove_themselves() const override { return false; }
  bool verify_share(BytesView message, const SignatureShare& share) const override;
  Bytes pem() const override;

  // The rest serves the secret side of the scheme.
  const RsaShoupParts& parts() const { return parts_; }
  const BN_MONT_CTX* montgomery() const { return montgomery_.get(); }
  const Digest& id() const { return id_; }  // digest of encoded(), hence another in each epoch
  std::size_t modulus_bytes() const { return bn_size(parts_.n.get()); }
  std::size_t share_bits() const { return modulus_bytes() * 8; }  // L: no s_i is longer

  Representative representative(BytesView message, BN_CTX* context) const;

  // base^exponent mod n, for public exponents / in constant time for secret ones.
  Bn power(const BIGNUM* base, const BIGNUM* exponent, BN_CTX* context) const;
  Bn secret_power(const BIGNUM* base, const BIGNUM* exponent, BN_CTX* context) const;
  Bn product(const BIGNUM* a, const BIGNUM* b, BN_CTX* context) const;

 private:
  RsaShoupPublicKey(RsaShoupParts parts, Bytes encoded);

  // nullptr unless `bytes` has the modulus' size and 0 < number < n.
  Bn read_element(BytesView bytes) const;

  RsaShoupParts parts_;
  Bytes encoded_;
  Digest id_;
  BnMontgomery montgomery_;
  Bn u_to_e_;
  Bn u_inverse_;
};

class RsaShoupKeyShare final : public SiteKeyShare {
 public:
  // Refuses a share that does not belong to `key` and its place in it.
  static Result<std::shared_ptr<const RsaShoupKeyShare>> decode(RsaShoupPublicKeyPtr key,
                                                                BytesView encoded);
  static SecretBytes encode(const RsaShoupPublicKey& key, ServerIndex server, const BIGNUM* secret);

  ServerIndex server() const { return server_; }
  const Digest& key_id() const { return key_->id(); }
  const BIGNUM* secret() const { return secret_.get(); }  // s_i, for who deals anew
  ShareEpoch epoch() const override { return key_->epoch(); }
  SecretBytes encoded() const override;
  Bytes share(BytesView message) const override;
  Bytes prove(BytesView message, BytesView share) const override;

 private:
  RsaShoupKeyShare(RsaShoupPublicKeyPtr key, ServerIndex server, Bn secret);

  RsaShoupPublicKeyPtr key_;
  ServerIndex server_;
  Bn secret_;        // s_i
  Bn twice_secret_;  // 2 s_i, the exponent of every share
};

}  // namespace steward::crypto
