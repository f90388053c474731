#include "crypto/plain_site_key.h"

namespace steward::crypto {

Result<std::shared_ptr<const PlainSitePublicKey>> PlainSitePublicKey::decode(BytesView encoded) {
  if (encoded.size() != kEd25519PublicKeyBytes) {
    return bad_input("a plain site key has 32 bytes, not " + std::to_string(encoded.size()));
  }
  return std::shared_ptr<const PlainSitePublicKey>(new PlainSitePublicKey(encoded));
}

bool PlainSitePublicKey::verify(BytesView message, BytesView signature) const {
  return verifier_.verify(public_key_, message, signature);
}

Result<Bytes> PlainSitePublicKey::combine(BytesView /*message*/,
                                          std::span<const SignatureShare> shares) const {
  if (shares.empty()) return bad_input("a signature of this site needs one share");
  if (shares[0].share.size() != kEd25519SignatureBytes) {
    return bad_input("the share of server " + std::to_string(shares[0].signer) + " is malformed");
  }
  return shares[0].share;
}

bool PlainSitePublicKey::verify_share(BytesView message, const SignatureShare& share) const {
  return share.proof.empty() && verify(message, share.share);
}

Result<std::shared_ptr<const PlainSiteKeyShare>> PlainSiteKeyShare::decode(
    const PlainSitePublicKey& key, BytesView seed) {
  Result<std::unique_ptr<Ed25519Signer>> signer = Ed25519Signer::from_seed(seed);
  if (!signer) return signer.error();
  if ((*signer)->public_key() != key.encoded()) {
    return bad_input("the secret site key does not match the site's public key");
  }
  return std::shared_ptr<const PlainSiteKeyShare>(new PlainSiteKeyShare(std::move(*signer)));
}

}  // namespace steward::crypto
