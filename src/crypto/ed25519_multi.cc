#include "crypto/ed25519_multi.h"

#include <sodium.h>

#include <algorithm>

#include "common/check.h"
#include "crypto/byte_reader.h"
#include "crypto/sha256.h"

namespace steward::crypto {
namespace {

constexpr std::string_view kKeyTag = "steward/ed25519-multi/public/1";
constexpr std::string_view kShareTag = "steward/ed25519-multi/share/1";
constexpr std::size_t kPartBytes = 1 + kEd25519SignatureBytes;
static_assert(kMaxSiteServers <= 256, "a signer's index takes one byte");

// A canonical point of the prime-order group, and not its neutral element.
bool is_public_key(BytesView key) {
  return key.size() == kEd25519PublicKeyBytes &&
         crypto_core_ed25519_is_valid_point(reinterpret_cast<const unsigned char*>(key.data())) ==
             1;
}

}  // namespace

Result<Ed25519MultiPublicKeyPtr> Ed25519MultiPublicKey::from_keys(std::uint32_t threshold,
                                                                  std::vector<Bytes> keys) {
  STEWARD_CHECK(sodium_init() >= 0);
  if (keys.empty() || keys.size() > kMaxSiteServers || threshold == 0 || threshold > keys.size()) {
    return bad_input("a list of keys needs 1 to 64 servers and a threshold among them");
  }
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (!is_public_key(keys[i])) {
      return bad_input("the key of server " + std::to_string(i) + " is not an Ed25519 key");
    }
    const auto end = keys.begin() + static_cast<std::ptrdiff_t>(i);
    if (std::find(keys.begin(), end, keys[i]) != end) {
      return bad_input("the key of server " + std::to_string(i) + " is another server's, too");
    }
  }
  return Ed25519MultiPublicKeyPtr(new Ed25519MultiPublicKey(threshold, std::move(keys)));
}

Bytes Ed25519MultiPublicKey::encoded() const {
  Bytes out;
  append_framed(out, kKeyTag);
  append_u32(out, threshold_);
  append_u32(out, servers());
  for (const Bytes& key : keys_) append_framed(out, key);
  return out;
}

Result<Ed25519MultiPublicKeyPtr> Ed25519MultiPublicKey::decode(BytesView encoded) {
  const Error malformed = bad_input("this is not the encoding of a list of Ed25519 keys");
  ByteReader reader(encoded);
  const BytesView tag = reader.framed();
  const std::uint32_t threshold = reader.u32();
  const std::uint32_t servers = reader.u32();
  if (tag != kKeyTag || servers > kMaxSiteServers) return malformed;
  std::vector<Bytes> keys;
  for (std::uint32_t i = 0; i < servers; ++i) keys.emplace_back(reader.framed());
  if (!reader.done()) return malformed;
  return from_keys(threshold, std::move(keys));
}

bool Ed25519MultiPublicKey::verify(BytesView message, BytesView signature) const {
  if (signature.size() != threshold_ * kPartBytes) return false;
  std::optional<ServerIndex> last;
  for (std::size_t at = 0; at < signature.size(); at += kPartBytes) {
    const ServerIndex signer = static_cast<unsigned char>(signature[at]);
    if (signer >= keys_.size() || (last && signer <= *last)) return false;
    last = signer;
    const BytesView part = signature.substr(at + 1, kEd25519SignatureBytes);
    if (!verifier_.verify(keys_[signer], message, part)) return false;
  }
  return true;
}

Result<Bytes> Ed25519MultiPublicKey::combine(BytesView /*message*/,
                                             std::span<const SignatureShare> shares) const {
  if (shares.size() < threshold_) {
    return bad_input("a signature of this site needs " + std::to_string(threshold_) +
                     " shares, not " + std::to_string(shares.size()));
  }
  std::vector<const SignatureShare*> parts;
  for (const SignatureShare& share : shares.first(threshold_)) {
    const bool repeated = std::any_of(parts.begin(), parts.end(), [&share](const auto* part) {
      return part->signer == share.signer;
    });
    if (repeated || share.signer >= keys_.size() || share.share.size() != kEd25519SignatureBytes) {
      return bad_input("the share of server " + std::to_string(share.signer) +
                       " is malformed or given twice");
    }
    parts.push_back(&share);
  }
  std::sort(parts.begin(), parts.end(),
            [](const auto* a, const auto* b) { return a->signer < b->signer; });
  Bytes signature;
  signature.reserve(threshold_ * kPartBytes);
  for (const SignatureShare* part : parts) {
    append_u8(signature, static_cast<std::uint8_t>(part->signer));
    signature.append(part->share);
  }
  return signature;
}

bool Ed25519MultiPublicKey::verify_share(BytesView message, const SignatureShare& share) const {
  return share.signer < keys_.size() && share.proof.empty() &&
         verifier_.verify(keys_[share.signer], message, share.share);
}

Ed25519MultiKeyShare::Ed25519MultiKeyShare(Ed25519MultiPublicKeyPtr key, ServerIndex server,
                                           std::unique_ptr<Ed25519Signer> signer)
    : key_(std::move(key)), server_(server), signer_(std::move(signer)) {
  STEWARD_CHECK(server_ < key_->servers());
  STEWARD_CHECK(signer_->public_key() == key_->server_key(server_));
}

SecretBytes Ed25519MultiKeyShare::encoded() const {
  Bytes header;
  append_framed(header, kShareTag);
  append_framed(header, sha256(key_->encoded()).view());
  append_u32(header, server_);
  append_u32(header, kEd25519SeedBytes);
  SecretBytes out = SecretBytes::zeros(header.size() + kEd25519SeedBytes);
  header.copy(out.data(), header.size());
  signer_->copy_secret_seed().view().copy(out.data() + header.size(), kEd25519SeedBytes);
  return out;
}

Result<std::shared_ptr<const Ed25519MultiKeyShare>> Ed25519MultiKeyShare::decode(
    const Ed25519MultiPublicKeyPtr& key, ServerIndex server, BytesView encoded) {
  ByteReader reader(encoded);
  const BytesView tag = reader.framed();
  const BytesView key_id = reader.framed();
  const ServerIndex owner = reader.u32();
  const BytesView seed = reader.framed();
  if (!reader.done() || tag != kShareTag || seed.size() != kEd25519SeedBytes) {
    return bad_input("this is not the encoding of one server's part of a list of Ed25519 keys");
  }
  if (key_id != sha256(key->encoded()).view()) {
    return bad_input("the key share belongs to another site key than the one in use");
  }
  if (owner != server || server >= key->servers()) {
    return bad_input("it holds the share of another server");
  }
  Result<std::unique_ptr<Ed25519Signer>> signer = Ed25519Signer::from_seed(seed);
  if (!signer) return signer.error();
  if ((*signer)->public_key() != key->server_key(server)) {
    return bad_input("the key share of server " + std::to_string(server) +
                     " does not match the site's public key");
  }
  return std::make_shared<const Ed25519MultiKeyShare>(key, server, std::move(*signer));
}

Result<SiteKeyDeal> deal_ed25519_multi(std::uint32_t threshold, std::uint32_t servers) {
  if (servers > kMaxSiteServers) return bad_input("a site has at most 64 servers");
  std::vector<std::unique_ptr<Ed25519Signer>> signers;
  std::vector<Bytes> keys;
  for (std::uint32_t i = 0; i < servers; ++i) {
    signers.push_back(Ed25519Signer::generate());
    keys.push_back(signers.back()->public_key());
  }
  Result<Ed25519MultiPublicKeyPtr> key =
      Ed25519MultiPublicKey::from_keys(threshold, std::move(keys));
  if (!key) return key.error();
  SiteKeyDeal deal{*key, {}};
  for (ServerIndex server = 0; server < servers; ++server) {
    deal.shares.push_back(
        std::make_shared<const Ed25519MultiKeyShare>(*key, server, std::move(signers[server])));
  }
  return deal;
}

}  // namespace steward::crypto
