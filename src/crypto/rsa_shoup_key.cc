// The public key: its encoding, and verifying the site's signatures.
#include "crypto/byte_reader.h"
#include "crypto/emsa_pss.h"
#include "crypto/pem.h"
#include "crypto/rsa_shoup.h"

namespace steward::crypto {
namespace {

constexpr std::string_view kKeyTag = "steward/rsa-shoup/public/2";
constexpr std::string_view kIdentityTag = "steward/rsa-shoup/identity/1";

Bytes encode_parts(const RsaShoupParts& parts) {
  Bytes out;
  append_framed(out, kKeyTag);
  append_u32(out, kRsaExponent);
  append_u32(out, parts.threshold);
  append_u32(out, static_cast<std::uint32_t>(parts.share_keys.size()));
  append_u64(out, parts.epoch);
  append_framed(out, bn_to_bytes(parts.n.get()));
  append_framed(out, bn_to_bytes(parts.u.get()));
  append_framed(out, bn_to_bytes(parts.v.get()));
  for (const Bn& share_key : parts.share_keys) append_framed(out, bn_to_bytes(share_key.get()));
  return out;
}

bool in_group(const Bn& element, const Bn& n) {
  return element && !BN_is_zero(element.get()) && BN_cmp(element.get(), n.get()) < 0;
}

Status check_parts(const RsaShoupParts& parts) {
  const std::size_t servers = parts.share_keys.size();
  if (servers == 0 || servers > kMaxShares || parts.threshold == 0 || parts.threshold > servers) {
    return bad_input("a threshold key needs 1 to 64 servers and a threshold among them");
  }
  const auto bits = static_cast<std::size_t>(BN_num_bits(parts.n.get()));
  if (bits < kMinModulusBits || bits > kMaxModulusBits || bits % 8 != 0 ||
      !BN_is_odd(parts.n.get())) {
    return bad_input("the modulus of the threshold key is even or of an unusable size");
  }
  // Squares have symbol 1; either symbol says that the number has no factor in common with n.
  const BnContext context = bn_context();
  const auto has_symbol = [&](const Bn& element, int symbol) {
    return in_group(element, parts.n) &&
           BN_kronecker(element.get(), parts.n.get(), context.get()) == symbol;
  };
  bool elements_fit = has_symbol(parts.u, -1) && has_symbol(parts.v, 1);
  for (const Bn& share_key : parts.share_keys) {
    elements_fit = elements_fit && has_symbol(share_key, 1);
  }
  if (!elements_fit) {
    return bad_input("the threshold key holds numbers that do not fit its modulus");
  }
  return {};
}

}  // namespace

RsaShoupPublicKey::RsaShoupPublicKey(RsaShoupParts parts, Bytes encoded)
    : parts_(std::move(parts)),
      encoded_(std::move(encoded)),
      id_(sha256(encoded_)),
      montgomery_(BN_MONT_CTX_new()),
      u_inverse_(bn_new()) {
  const BnContext context = bn_context();
  STEWARD_CHECK(montgomery_);
  bn_check(BN_MONT_CTX_set(montgomery_.get(), parts_.n.get(), context.get()));
  u_to_e_ = power(parts_.u.get(), bn_word(kRsaExponent).get(), context.get());
  // Jacobi symbol -1 implies that u is invertible.
  STEWARD_CHECK(BN_mod_inverse(u_inverse_.get(), parts_.u.get(), parts_.n.get(), context.get()));
}

Result<RsaShoupPublicKeyPtr> RsaShoupPublicKey::from_parts(RsaShoupParts parts) {
  if (const Status status = check_parts(parts); !status) return status.error();
  Bytes encoded = encode_parts(parts);
  return RsaShoupPublicKeyPtr(new RsaShoupPublicKey(std::move(parts), std::move(encoded)));
}

// Moduli differ, so n alone tells keys apart; u and v are constants of the dealing.
Bytes RsaShoupPublicKey::identity() const {
  Bytes out;
  append_framed(out, kIdentityTag);
  append_u32(out, kRsaExponent);
  append_u32(out, threshold());
  append_u32(out, servers());
  append_framed(out, bn_to_bytes(parts_.n.get()));
  return out;
}

Result<RsaShoupPublicKeyPtr> RsaShoupPublicKey::decode(BytesView encoded) {
  const Error malformed = bad_input("this is not the encoding of a threshold RSA public key");
  ByteReader reader(encoded);
  const BytesView tag = reader.framed();
  const std::uint32_t exponent = reader.u32();
  RsaShoupParts parts;
  parts.threshold = reader.u32();
  const std::uint32_t servers = reader.u32();
  parts.epoch = reader.u64();
  if (tag != kKeyTag || exponent != kRsaExponent || servers > kMaxShares) return malformed;

  const auto read_number = [&reader] {
    const BytesView bytes = reader.framed();
    return bn_from_bytes(bytes.substr(0, kMaxModulusBits / 8 + 1));
  };
  parts.n = read_number();
  parts.u = read_number();
  parts.v = read_number();
  for (std::uint32_t i = 0; i < servers; ++i) parts.share_keys.push_back(read_number());
  if (!reader.done()) return malformed;

  Result<RsaShoupPublicKeyPtr> key = from_parts(std::move(parts));
  // One key, one encoding: leading zeros would give the same key another id.
  if (key.ok() && (*key)->encoded_ != encoded) return malformed;
  return key;
}

Bn RsaShoupPublicKey::read_element(BytesView bytes) const {
  if (bytes.size() != modulus_bytes()) return nullptr;
  Bn element = bn_from_bytes(bytes);
  return in_group(element, parts_.n) ? std::move(element) : nullptr;
}

bool RsaShoupPublicKey::verify(BytesView message, BytesView signature) const {
  const Bn y = read_element(signature);
  if (!y) return false;
  const BnContext context = bn_context();
  const Bn opened = power(y.get(), bn_word(kRsaExponent).get(), context.get());
  return bn_to_bytes(opened.get(), modulus_bytes()) ==
         emsa_pss_encode(message, modulus_bytes() * 8);
}

Representative RsaShoupPublicKey::representative(BytesView message, BN_CTX* context) const {
  Representative result;
  result.x = bn_from_bytes(emsa_pss_encode(message, modulus_bytes() * 8));
  result.times_u = BN_kronecker(result.x.get(), parts_.n.get(), context) == -1;
  if (result.times_u) result.x = product(result.x.get(), u_to_e_.get(), context);
  return result;
}

Bn RsaShoupPublicKey::power(const BIGNUM* base, const BIGNUM* exponent, BN_CTX* context) const {
  Bn result = bn_new();
  // OpenSSL's parameter is not const, though it only reads a context that it is given.
  bn_check(
      BN_mod_exp_mont(result.get(), base, exponent, parts_.n.get(), context, montgomery_.get()));
  return result;
}

Bn RsaShoupPublicKey::secret_power(const BIGNUM* base, const BIGNUM* exponent,
                                   BN_CTX* context) const {
  Bn result = bn_new();
  bn_check(BN_mod_exp_mont_consttime(result.get(), base, exponent, parts_.n.get(), context,
                                     montgomery_.get()));
  return result;
}

Bn RsaShoupPublicKey::product(const BIGNUM* a, const BIGNUM* b, BN_CTX* context) const {
  Bn result = bn_new();
  bn_check(BN_mod_mul(result.get(), a, b, parts_.n.get(), context));
  return result;
}

Bytes RsaShoupPublicKey::pem() const { return rsa_public_pem(parts_.n.get(), kRsaExponent); }

}  // namespace steward::crypto
