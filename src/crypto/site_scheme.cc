#include "crypto/site_scheme.h"

#include <algorithm>
#include <array>

#include "crypto/bls.h"
#include "crypto/ed25519_multi.h"
#include "crypto/plain_site_key.h"
#include "crypto/rsa_shoup_redeal.h"

namespace steward::crypto {
namespace {

static_assert(kMaxShares == kMaxSiteServers && kMaxBlsServers == kMaxSiteServers);

// What the functions of this file need to know of one scheme. decode_share is given a key of the
// scheme.
struct Scheme {
  const char* name;
  Result<SiteKeyDeal> (*deal)(const SiteKeySpec& spec, const DealProgress& progress);
  Result<SitePublicKeyPtr> (*decode_key)(BytesView encoded);
  Result<SiteKeySharePtr> (*decode_share)(const SitePublicKeyPtr& key, ServerIndex server,
                                          BytesView encoded);
};

// A key of one scheme as a key of any.
template <class Key>
Result<SitePublicKeyPtr> any_key(const Result<Key>& key) {
  return key.ok() ? Result<SitePublicKeyPtr>(*key) : key.error();
}
template <class Share>
Result<SiteKeySharePtr> any_share(const Result<Share>& share) {
  return share.ok() ? Result<SiteKeySharePtr>(*share) : share.error();
}

template <class Key>
std::shared_ptr<const Key> as(const SitePublicKeyPtr& key) {
  auto cast = std::dynamic_pointer_cast<const Key>(key);
  STEWARD_CHECK(cast);
  return cast;
}

Result<SitePublicKeyPtr> decode_rsa_key(BytesView encoded) {
  return any_key(RsaShoupPublicKey::decode(encoded));
}

Result<SiteKeySharePtr> decode_rsa_share(const SitePublicKeyPtr& key, ServerIndex server,
                                         BytesView encoded) {
  const auto share = RsaShoupKeyShare::decode(as<RsaShoupPublicKey>(key), encoded);
  if (share.ok() && (*share)->server() != server) {
    return bad_input("it holds the share of another server");
  }
  return any_share(share);
}

Result<SiteKeyDeal> any_deal(const Result<RsaShoupDeal>& dealt) {
  if (!dealt) return dealt.error();
  SiteKeyDeal deal{dealt->public_key, {}};
  for (const SecretBytes& encoded : dealt->shares) {
    const auto share = RsaShoupKeyShare::decode(dealt->public_key, encoded.view());
    if (!share) return share.error();
    deal.shares.push_back(*share);
  }
  return deal;
}

Result<SiteKeyDeal> deal_rsa(const SiteKeySpec& spec, const DealProgress& progress) {
  const Result<SafePrimes> primes = generate_safe_primes(spec.rsa_bits, progress);
  if (!primes) return primes.error();
  return any_deal(deal_rsa_shoup(*primes, spec.threshold, spec.servers));
}

Result<SitePublicKeyPtr> decode_bls_key(BytesView encoded) {
  return any_key(BlsPublicKey::decode(encoded));
}

Result<SiteKeySharePtr> decode_bls_share(const SitePublicKeyPtr& key, ServerIndex server,
                                         BytesView encoded) {
  return any_share(BlsKeyShare::decode(as<BlsPublicKey>(key), server, encoded));
}

Result<SiteKeyDeal> deal_bls_key(const SiteKeySpec& spec, const DealProgress& /*progress*/) {
  const Result<BlsKeyDeal> dealt = deal_bls(spec.threshold, spec.servers);
  if (!dealt) return dealt.error();
  return SiteKeyDeal{dealt->key, {dealt->shares.begin(), dealt->shares.end()}};
}

Result<SitePublicKeyPtr> decode_multi_key(BytesView encoded) {
  return any_key(Ed25519MultiPublicKey::decode(encoded));
}

Result<SiteKeySharePtr> decode_multi_share(const SitePublicKeyPtr& key, ServerIndex server,
                                           BytesView encoded) {
  return any_share(Ed25519MultiKeyShare::decode(as<Ed25519MultiPublicKey>(key), server, encoded));
}

Result<SiteKeyDeal> deal_multi(const SiteKeySpec& spec, const DealProgress& /*progress*/) {
  return deal_ed25519_multi(spec.threshold, spec.servers);
}

Result<SitePublicKeyPtr> decode_plain_key(BytesView encoded) {
  return any_key(PlainSitePublicKey::decode(encoded));
}

// The same for every server: each holds the whole key.
Result<SiteKeySharePtr> decode_plain_share(const SitePublicKeyPtr& key, ServerIndex /*server*/,
                                           BytesView encoded) {
  return any_share(PlainSiteKeyShare::decode(*as<PlainSitePublicKey>(key), encoded));
}

Result<SiteKeyDeal> deal_plain(const SiteKeySpec& spec, const DealProgress& /*progress*/) {
  const auto signer = Ed25519Signer::generate();
  const auto key = PlainSitePublicKey::decode(signer->public_key());
  if (!key) return key.error();
  const auto share = PlainSiteKeyShare::decode(**key, signer->copy_secret_seed().view());
  if (!share) return share.error();
  return SiteKeyDeal{*key, std::vector<SiteKeySharePtr>(spec.servers, *share)};
}

constexpr std::array kSchemes = {
    Scheme{kRsaShoupScheme, deal_rsa, decode_rsa_key, decode_rsa_share},
    Scheme{kBlsScheme, deal_bls_key, decode_bls_key, decode_bls_share},
    Scheme{kEd25519MultiScheme, deal_multi, decode_multi_key, decode_multi_share},
    Scheme{kPlainScheme, deal_plain, decode_plain_key, decode_plain_share},
};

// nullptr for a name that is no scheme's.
const Scheme* find_scheme(const std::string& name) {
  const auto* found = std::find_if(kSchemes.begin(), kSchemes.end(),
                                   [&name](const Scheme& scheme) { return scheme.name == name; });
  return found == kSchemes.end() ? nullptr : found;
}

Error unknown_scheme(const std::string& name) {
  return bad_input("\"" + name.substr(0, 40) + "\" is not a scheme of site keys");
}

// Operators choose among three sizes; below these, any that the dealer can make, for tests.
bool is_modulus_size(std::uint32_t bits) {
  return bits == 2048 || bits == 3072 || bits == 4096 ||
         (bits >= kMinModulusBits && bits < 2048 && bits % 16 == 0);
}

}  // namespace

bool is_site_scheme(const std::string& scheme) { return find_scheme(scheme) != nullptr; }

Status check_site_key_spec(const SiteKeySpec& spec) {
  if (!is_site_scheme(spec.scheme)) return unknown_scheme(spec.scheme);
  if (spec.servers == 0 || spec.servers > kMaxSiteServers || spec.threshold == 0 ||
      spec.threshold > spec.servers) {
    return bad_input("a site needs 1 to 64 servers and a threshold among them");
  }
  if (spec.scheme == kPlainScheme && spec.threshold != 1) {
    return bad_input("a plain site key has threshold 1, not " + std::to_string(spec.threshold));
  }
  if (spec.scheme == kRsaShoupScheme && !is_modulus_size(spec.rsa_bits)) {
    return bad_input("an RSA modulus of " + std::to_string(spec.rsa_bits) +
                     " bits is not possible here: use 2048, 3072 or 4096");
  }
  return {};
}

Result<SiteKeyDeal> deal_site_key(const SiteKeySpec& spec, const DealProgress& progress) {
  if (Status status = check_site_key_spec(spec); !status) return status.error();
  return find_scheme(spec.scheme)->deal(spec, progress);
}

Result<SiteKeyDeal> redeal_site_key(const SitePublicKeyPtr& key,
                                    std::span<const SiteKeySharePtr> shares) {
  const auto rsa = std::dynamic_pointer_cast<const RsaShoupPublicKey>(key);
  if (!rsa) return bad_input("keys of the scheme \"" + key->scheme() + "\" are not dealt anew");
  std::vector<RsaShoupKeySharePtr> rsa_shares;
  for (const SiteKeySharePtr& share : shares) {
    rsa_shares.push_back(std::dynamic_pointer_cast<const RsaShoupKeyShare>(share));
    if (!rsa_shares.back()) return bad_input("a key share is of another scheme than the site key");
  }
  return any_deal(redeal_rsa_shoup(rsa, rsa_shares));
}

Result<SitePublicKeyPtr> decode_site_key(const std::string& scheme, BytesView encoded) {
  const Scheme* found = find_scheme(scheme);
  if (found == nullptr) return unknown_scheme(scheme);
  return found->decode_key(encoded);
}

Result<SiteKeySharePtr> decode_site_share(const SitePublicKeyPtr& key, ServerIndex server,
                                          BytesView encoded) {
  const Scheme* found = find_scheme(key->scheme());
  if (found == nullptr) return unknown_scheme(key->scheme());
  return found->decode_share(key, server, encoded);
}

}  // namespace steward::crypto
