// How many servers sign as one (SPEC 1.1–1.3). A site's public key, and one server's part of the
// secret key. Implementations: Shoup's threshold RSA (rsa_shoup.h); a plain Ed25519 key held by
// every server of a site that tolerates only crashes (plain_site_key.h, threshold 1); an ideal
// scheme for the simulator (ideal.h). All are immutable and thread-safe.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "common/bytes.h"
#include "common/ids.h"
#include "common/result.h"

namespace steward::crypto {

struct SignatureShare {
  ServerIndex signer = 0;
  Bytes share;
};

class SitePublicKey {
 public:
  virtual ~SitePublicKey() = default;

  virtual std::uint32_t threshold() const = 0;  // shares that make a signature
  virtual Bytes encoded() const = 0;            // canonical; part of what the cluster id digests
  virtual std::string scheme() const = 0;       // as in the cluster file: "rsa-shoup", …

  // Is this a signature of the site on `message`?
  virtual bool verify(BytesView message, BytesView signature) const = 0;

  // Combines `threshold` shares of distinct signers without checking them one by one: the caller
  // verifies the outcome and, when that fails, asks for proofs. Errors only for shares that are
  // malformed (out of range, duplicate signers, too few).
  virtual Result<Bytes> combine(BytesView message,
                                std::span<const SignatureShare> shares) const = 0;

  // Does `proof` show that `share` is the signer's right share for `message`?
  virtual bool verify_share(BytesView message, const SignatureShare& share,
                            BytesView proof) const = 0;
};

class SiteKeyShare {
 public:
  virtual ~SiteKeyShare() = default;
  virtual Bytes share(BytesView message) const = 0;  // deterministic
  // Zero-knowledge proof that `share` (made by share(message)) is right; may use fresh randomness.
  virtual Bytes prove(BytesView message, BytesView share) const = 0;
};

using SitePublicKeyPtr = std::shared_ptr<const SitePublicKey>;
using SiteKeySharePtr = std::shared_ptr<const SiteKeyShare>;

}  // namespace steward::crypto
