// The public key: its encoding, and verifying the site's signatures.
#include "crypto/bls.h"
#include "crypto/byte_reader.h"

namespace steward::crypto {
namespace {

constexpr std::string_view kKeyTag = "steward/bls12-381/public/1";
constexpr std::string_view kIdentityTag = "steward/bls12-381/identity/1";
constexpr std::string_view kPolynomialTag = "steward/bls12-381/one-polynomial/1";
constexpr std::string_view kMessageDomain =
    "STEWARD-SITE-SIGNATURE-V01-with-BLS12381G1_XMD:SHA-256_SSWU_RO_";

Bytes encode_identity(const BlsParts& parts) {
  Bytes out;
  append_framed(out, kIdentityTag);
  append_u32(out, parts.threshold);
  append_u32(out, static_cast<std::uint32_t>(parts.encryption_keys.size()));
  append_framed(out, encode(parts.group_key));
  for (const G1& encryption_key : parts.encryption_keys) {
    append_framed(out, encode(encryption_key));
  }
  return out;
}

Bytes encode_parts(const BlsParts& parts) {
  Bytes out;
  append_framed(out, kKeyTag);
  append_framed(out, encode_identity(parts));
  append_u64(out, parts.epoch);
  for (const G2& share_key : parts.share_keys) append_framed(out, encode(share_key));
  return out;
}

// Do the group key and the share keys lie, as values at 0, 1, … n, on one polynomial of degree at
// most k-1? Exactly then are they orthogonal to all words c_x = w_x · m(x) of the dual code, with
// w_x = Π_{y≠x} 1/(x-y) and any m of degree n-k (Cascudo and David, SCRAPE, ACNS 2017). One m is
// enough when it depends on the key in a way that nobody can foresee: a wrong key passes with
// probability 1/r. Times n!, w_x is ±(n choose x).
bool on_one_polynomial(const BlsParts& parts) {
  const std::uint64_t servers = parts.share_keys.size();
  const Digest key = sha256(encode_parts(parts));
  std::vector<Scalar> m;
  for (std::uint32_t t = 0; t + parts.threshold <= servers; ++t) {
    Bytes index;
    append_u32(index, t);
    m.push_back(Scalar::hashed({kPolynomialTag, key.view(), index}));
  }
  std::vector<G2> points = {parts.group_key};
  points.insert(points.end(), parts.share_keys.begin(), parts.share_keys.end());
  std::vector<Scalar> word;
  Scalar binomial(1);
  for (std::uint32_t x = 0; x <= servers; ++x) {
    const Scalar factor = binomial * evaluate(m, x);
    word.push_back(x % 2 == 0 ? factor : -factor);
    binomial = binomial * Scalar(servers - x) * Scalar(x + 1).inverse();
  }
  return is_infinity(combination(points, word));
}

Status check_parts(const BlsParts& parts) {
  const std::size_t servers = parts.share_keys.size();
  if (servers == 0 || servers > kMaxBlsServers || parts.threshold == 0 ||
      parts.threshold > servers || parts.encryption_keys.size() != servers) {
    return bad_input("a threshold key needs 1 to 64 servers and a threshold among them");
  }
  bool fit = !is_infinity(parts.group_key) && in_group(parts.group_key);
  for (const G2& share_key : parts.share_keys) {
    fit = fit && (is_infinity(share_key) || in_group(share_key));
  }
  for (const G1& encryption_key : parts.encryption_keys) {
    fit = fit && !is_infinity(encryption_key) && in_group(encryption_key);
  }
  if (!fit) return bad_input("the threshold key holds points that are not of its group");
  if (!on_one_polynomial(parts)) {
    return bad_input("the share keys of the threshold key contradict each other or the group key");
  }
  return {};
}

std::optional<G2> decode_share_key(BytesView bytes) {
  static const Bytes kInfinity = encode(G2{});
  return bytes == kInfinity ? G2{} : decode_g2(bytes);
}

// All of the key but its epoch and the share keys; nullopt when malformed.
std::optional<BlsParts> decode_identity(BytesView encoded) {
  ByteReader reader(encoded);
  BlsParts parts;
  const BytesView tag = reader.framed();
  parts.threshold = reader.u32();
  const std::uint32_t servers = reader.u32();
  const std::optional<G2> group_key = decode_g2(reader.framed());
  if (tag != kIdentityTag || servers > kMaxBlsServers || !group_key) return std::nullopt;
  parts.group_key = *group_key;
  for (std::uint32_t i = 0; i < servers; ++i) {
    const std::optional<G1> encryption_key = decode_g1(reader.framed());
    if (!encryption_key) return std::nullopt;
    parts.encryption_keys.push_back(*encryption_key);
  }
  if (!reader.done()) return std::nullopt;
  return parts;
}

// Immutable, made once: every key verifies against the same generator.
std::shared_ptr<const PairingLines> generator_lines() {
  static const auto lines = std::make_shared<const PairingLines>(generator_g2());
  return lines;
}

}  // namespace

G1 bls_message_point(BytesView message) { return hash_to_g1(message, kMessageDomain); }

BlsPublicKey::BlsPublicKey(BlsParts parts, std::shared_ptr<const PairingLines> group_lines)
    : parts_(std::move(parts)),
      id_(sha256(encode_identity(parts_))),
      generator_lines_(generator_lines()),
      group_lines_(std::move(group_lines)) {}

Result<BlsPublicKeyPtr> BlsPublicKey::from_parts(BlsParts parts) {
  if (const Status status = check_parts(parts); !status) return status.error();
  auto lines = std::make_shared<const PairingLines>(parts.group_key);
  return BlsPublicKeyPtr(new BlsPublicKey(std::move(parts), std::move(lines)));
}

Result<BlsPublicKeyPtr> BlsPublicKey::decode(BytesView encoded) {
  const Error malformed = bad_input("this is not the encoding of a threshold BLS public key");
  ByteReader reader(encoded);
  const BytesView tag = reader.framed();
  std::optional<BlsParts> parts = decode_identity(reader.framed());
  if (tag != kKeyTag || !parts) return malformed;
  parts->epoch = reader.u64();
  for (std::size_t i = 0; i < parts->encryption_keys.size(); ++i) {
    const std::optional<G2> share_key = decode_share_key(reader.framed());
    if (!share_key) return malformed;
    parts->share_keys.push_back(*share_key);
  }
  if (!reader.done()) return malformed;
  return from_parts(*std::move(parts));
}

Bytes BlsPublicKey::encoded() const { return encode_parts(parts_); }
Bytes BlsPublicKey::identity() const { return encode_identity(parts_); }

bool BlsPublicKey::verify(BytesView message, BytesView signature) const {
  const std::optional<G1> point = decode_g1(signature);
  return point && in_group(*point) &&
         pairings_equal(*point, *generator_lines_, bls_message_point(message), *group_lines_);
}

}  // namespace steward::crypto
