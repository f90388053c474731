// How several servers sign as one (SPEC 1.1–1.3). A site's public key, and one server's part of the
// secret behind it. Implementations, by the name of their scheme: Shoup's threshold RSA "rsa-shoup"
// (rsa_shoup.h); BLS signatures "bls12-381" (bls.h); a list of ordinary signatures "ed25519-multi"
// (ed25519_multi.h); a plain Ed25519 key held by every server of a site that tolerates only crashes
// "plain" (plain_site_key.h, threshold 1); an ideal scheme for the simulator "ideal" (ideal.h).
// site_scheme.h makes and decodes them by name. All are immutable and thread-safe.
//
// Shares may be renewed without changing the site's key: share_renewal.h. The renewals are counted
// by the epoch; shares of different epochs do not combine.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/bytes.h"
#include "common/ids.h"
#include "common/result.h"
#include "crypto/secret.h"

namespace steward::crypto {

using ShareEpoch = std::uint64_t;  // 0: as dealt

struct SignatureShare {
  ServerIndex signer = 0;
  Bytes share;
  Bytes proof = {};  // that the share is right; empty when not asked for, or when it needs none
};

class SitePublicKey {
 public:
  virtual ~SitePublicKey() = default;

  virtual std::string scheme() const = 0;
  virtual std::uint32_t threshold() const = 0;  // shares that make a signature
  virtual std::uint32_t servers() const = 0;    // holders of shares; 0: as many as there are
  virtual ShareEpoch epoch() const { return 0; }

  // Canonical bytes of the whole key, those by which shares are checked included.
  virtual Bytes encoded() const = 0;
  // Canonical bytes of what no renewal of shares changes; part of what the cluster id digests.
  virtual Bytes identity() const = 0;

  // Is this a signature of the site on `message`?
  virtual bool verify(BytesView message, BytesView signature) const = 0;

  // Combines the first `threshold` shares, of distinct signers, without checking them one by one:
  // the caller verifies the outcome and, when that fails, looks for the wrong ones. Errors only for
  // shares that are malformed (out of range, duplicate signers, too few).
  virtual Result<Bytes> combine(BytesView message,
                                std::span<const SignatureShare> shares) const = 0;

  // Whether a share can be checked without a proof: SiteKeyShare::prove then returns nothing.
  virtual bool shares_prove_themselves() const = 0;

  // Is this the signer's right share for `message`, and its proof (where one is needed) sound?
  virtual bool verify_share(BytesView message, const SignatureShare& share) const = 0;

  // The signers of those that verify_share refuses, ascending, each once. Schemes that can check
  // many shares at once for less than one by one do.
  virtual std::vector<ServerIndex> wrong_shares(BytesView message,
                                                std::span<const SignatureShare> shares) const;

  // SubjectPublicKeyInfo for standard tools; empty when they know no such key.
  virtual Bytes pem() const { return {}; }
};

class SiteKeyShare {
 public:
  virtual ~SiteKeyShare() = default;

  virtual ShareEpoch epoch() const { return 0; }
  // Canonical bytes, for this server's secret file. They name the key and the server.
  virtual SecretBytes encoded() const = 0;

  virtual Bytes share(BytesView message) const = 0;  // deterministic
  // Zero-knowledge proof that `share` (made by share(message)) is right; may use fresh randomness.
  virtual Bytes prove(BytesView message, BytesView share) const = 0;
};

using SitePublicKeyPtr = std::shared_ptr<const SitePublicKey>;
using SiteKeySharePtr = std::shared_ptr<const SiteKeyShare>;

}  // namespace steward::crypto
