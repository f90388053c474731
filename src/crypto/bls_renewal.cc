// Renewal of BLS key shares (share_renewal.h). Zero-sharing after A. Herzberg et al., "Proactive
// Secret Sharing" (Crypto '95), with Feldman's commitments.
//
// A deal: commitments C_t = a_t·g2 to δ(X) = Σ_{1≤t<k} a_t X^t; R = r·g1; and for each holder j the
// subshare δ(j+1) plus a pad, mod r, the pad being a hash of r·pk_j = x_j·R. A complaint discloses
// x_j·R and proves it.
//
// So a complaint is a decryption on demand, and a liar could copy the R of a correct dealer into a
// deal of its own, deal rubbish, and have the holder disclose the pad of the correct deal.
// Therefore the deal proves, in the manner of Shoup and Gennaro's TDH2 (Eurocrypt '98), that
// whoever made *this* deal knows r: R' = r·h for a second generator h, and a proof of equal
// logarithms over the whole deal. What a complaint discloses, the liar then knew.
//
// No proof that a dealer knows its polynomial is needed. A deal that stands has given every correct
// holder a subshare that fits the commitments. Correct holders are at least k, so together they
// know the whole polynomial; and a dealer who did not know it (having computed its commitments from
// those of others) would have had to encrypt subshares that it cannot compute, and cannot derive
// from the ciphertexts of others as the pads are unrelated. What remains is the rushing dealer,
// which deals last and makes its polynomial depend on what it saw of the others': commitments, and
// subshares of fewer than k liars. It can bias the sum, and gains nothing: the sum is that of the
// correct dealers, uniform among the polynomials that vanish at 0 if one of them is correct, plus
// one that the liars know anyhow. Given what they saw, new shares of the liars say no more about
// the old ones, and the other way round, than if the liars had not dealt at all.
#include <algorithm>

#include "common/check.h"
#include "crypto/bls.h"
#include "crypto/bls_deal.h"
#include "crypto/bls_dleq.h"
#include "crypto/secret.h"

namespace steward::crypto {
namespace {

constexpr std::string_view kDealTag = "steward/bls12-381/deal/1";
constexpr std::string_view kPadTag = "steward/bls12-381/deal-pad/1";
constexpr std::string_view kDealRandomTag = "steward/bls12-381/deal-random/1";
constexpr std::string_view kDealProofTag = "steward/bls12-381/deal-proof/1";
constexpr std::string_view kComplaintTag = "steward/bls12-381/complaint/1";
constexpr std::string_view kSecondGeneratorDomain =
    "STEWARD-SITE-SHARE-ENCRYPTION-V01-with-BLS12381G1_XMD:SHA-256_SSWU_RO_";
constexpr std::size_t kMinEntropyBytes = 32;

// Nobody knows its logarithm to the generator.
G1 second_generator(const BlsPublicKey& key) {
  return hash_to_g1(key.id().view(), kSecondGeneratorDomain);
}

struct DealParts {
  BytesView signed_part;            // all before the proof
  G1 r{};                           // R
  G1 r_second{};                    // R'
  BytesView commitments;            // read_commitments takes them apart
  std::vector<Scalar> ciphertexts;  // by holder
  BytesView proof;
};

// The parts of a deal of the right form whose R is a point of the group (its x_j-th multiple tells
// nothing of x_j then).
std::optional<DealParts> parse(const BlsPublicKey& key, const Deal& deal) {
  const std::size_t commitments = (key.threshold() - 1) * kG2Bytes;
  const BytesView bytes = deal.deal;
  const std::size_t before_proof =
      kDealTag.size() + 2 * kG1Bytes + commitments + key.servers() * kScalarBytes;
  if (deal.dealer >= key.servers() || bytes.size() != before_proof + kDleqProofBytes ||
      bytes.substr(0, kDealTag.size()) != kDealTag) {
    return std::nullopt;
  }
  BytesView rest = bytes.substr(kDealTag.size());
  const auto next = [&rest](std::size_t size) {
    const BytesView field = rest.substr(0, size);
    rest.remove_prefix(size);
    return field;
  };
  DealParts parts;
  parts.signed_part = bytes.substr(0, before_proof);
  const std::optional<G1> r = decode_g1(next(kG1Bytes));
  const std::optional<G1> r_second = decode_g1(next(kG1Bytes));
  if (!r || !r_second || !in_group(*r)) return std::nullopt;
  parts.r = *r;
  parts.r_second = *r_second;
  parts.commitments = next(commitments);
  for (std::uint32_t holder = 0; holder < key.servers(); ++holder) {
    const std::optional<Scalar> ciphertext = Scalar::decode(next(kScalarBytes));
    if (!ciphertext) return std::nullopt;
    parts.ciphertexts.push_back(*ciphertext);
  }
  parts.proof = rest;
  return parts;
}

// C_t by t, with infinity in the place of C_0. On the curve; whether in the group is not checked.
std::optional<std::vector<G2>> read_commitments(const DealParts& parts) {
  std::vector<G2> out = {G2{}};
  for (std::size_t at = 0; at < parts.commitments.size(); at += kG2Bytes) {
    const std::optional<G2> commitment = decode_g2(parts.commitments.substr(at, kG2Bytes));
    if (!commitment) return std::nullopt;
    out.push_back(*commitment);
  }
  return out;
}

// What a proof about a deal is bound to.
Bytes binding(std::string_view tag, const BlsPublicKey& key, const Deal& deal, BytesView about) {
  Bytes out;
  append_framed(out, tag);
  append_framed(out, key.id().view());
  append_framed(out, deal.context);
  append_u32(out, deal.dealer);
  append_framed(out, sha256(about).view());
  return out;
}

DleqStatement knows_r(const BlsPublicKey& key, const G1& r, const G1& r_second) {
  return {generator_g1(), r, second_generator(key), r_second};
}

// parse, and everything that it leaves unchecked.
std::optional<DealParts> parse_and_check(const BlsPublicKey& key, const Deal& deal) {
  std::optional<DealParts> parts = parse(key, deal);
  if (!parts || !in_group(parts->r_second)) return std::nullopt;
  const std::optional<std::vector<G2>> commitments = read_commitments(*parts);
  const auto outside = [](const G2& point) { return !is_infinity(point) && !in_group(point); };
  if (!commitments || std::any_of(commitments->begin(), commitments->end(), outside)) {
    return std::nullopt;
  }
  if (!verify_equal_logs(knows_r(key, parts->r, parts->r_second),
                         binding(kDealProofTag, key, deal, parts->signed_part), parts->proof)) {
    return std::nullopt;
  }
  return parts;
}

// `shared`: r·pk_j = x_j·R. Which deal it belongs to follows from R.
Scalar pad(const BlsPublicKey& key, const Deal& deal, ServerIndex holder, const G1& r,
           const G1& shared) {
  Bytes place;
  append_u32(place, deal.dealer);
  append_u32(place, holder);
  Bytes secret = encode(shared);
  const Scalar out =
      Scalar::hashed({kPadTag, key.id().view(), deal.context, place, encode(r), secret});
  wipe(secret);
  return out;
}

bool fits(const DealParts& parts, ServerIndex holder, const Scalar& subshare) {
  const std::optional<std::vector<G2>> commitments = read_commitments(parts);
  return commitments && equal(multiple(generator_g2(), subshare),
                              evaluate(std::span<const G2>(*commitments), holder + 1));
}

// What is left when deals and their own retractions in the same list have cancelled; places.
std::vector<std::size_t> standing(std::span<const Deal> deals) {
  std::vector<bool> cancelled(deals.size());
  for (std::size_t i = 0; i < deals.size(); ++i) {
    for (std::size_t j = i + 1; j < deals.size() && !cancelled[i]; ++j) {
      if (!cancelled[j] && deals[i].retracted != deals[j].retracted &&
          deals[i].dealer == deals[j].dealer && deals[i].context == deals[j].context &&
          deals[i].deal == deals[j].deal) {
        cancelled[i] = cancelled[j] = true;
      }
    }
  }
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < deals.size(); ++i) {
    if (!cancelled[i]) out.push_back(i);
  }
  return out;
}

const BlsKeyShare& own_share(const BlsPublicKey& key, const SiteKeyShare& own) {
  const auto* share = dynamic_cast<const BlsKeyShare*>(&own);
  STEWARD_CHECK(share != nullptr && share->key_id() == key.id());
  return *share;
}

Scalar open(const BlsPublicKey& key, const Deal& deal, const DealParts& parts,
            const BlsKeyShare& own) {
  const G1 shared = multiple(parts.r, own.secrets().decryption);
  return parts.ciphertexts[own.server()] - pad(key, deal, own.server(), parts.r, shared);
}

}  // namespace

Bytes seal_bls_deal(const BlsPublicKey& key, const Deal& dealer_and_context,
                    const BlsDealSecrets& secrets, BytesView entropy) {
  const Deal& deal = dealer_and_context;
  const G1 r = multiple(generator_g1(), secrets.log);
  const G1 r_second = multiple(second_generator(key), secrets.log);
  Bytes out(kDealTag);
  out += encode(r) + encode(r_second);
  for (std::uint32_t t = 1; t < key.threshold(); ++t) {
    out += encode(multiple(generator_g2(), secrets.polynomial[t]));
  }
  for (ServerIndex holder = 0; holder < key.servers(); ++holder) {
    const G1 shared = multiple(key.parts().encryption_keys[holder], secrets.log);
    out += (secrets.subshares[holder] + pad(key, deal, holder, r, shared)).encoded();
  }
  return out + prove_equal_logs(knows_r(key, r, r_second), binding(kDealProofTag, key, deal, out),
                                secrets.log, entropy);
}

Bytes BlsPublicKey::make_deal(const Deal& dealer_and_context, BytesView entropy) const {
  const Deal& deal = dealer_and_context;
  STEWARD_CHECK(entropy.size() >= kMinEntropyBytes && deal.dealer < servers());
  const auto random = [&](std::uint32_t index) {
    Bytes place;
    append_u32(place, deal.dealer);
    append_u32(place, index);
    return Scalar::hashed({kDealRandomTag, entropy, id_.view(), deal.context, place});
  };
  BlsDealSecrets secrets;
  secrets.log = random(0);
  secrets.polynomial.resize(threshold());
  for (std::uint32_t t = 1; t < threshold(); ++t) secrets.polynomial[t] = random(t);
  for (ServerIndex holder = 0; holder < servers(); ++holder) {
    secrets.subshares.push_back(evaluate(secrets.polynomial, holder + 1));
  }
  return seal_bls_deal(*this, deal, secrets, entropy);
}

bool BlsPublicKey::well_formed(const Deal& deal) const {
  return parse_and_check(*this, deal).has_value();
}

// V'_j = V_j + Σ_t (j+1)^t Σ_deals ±C_t: the commitments are added up before anything is
// multiplied.
SitePublicKeyPtr BlsPublicKey::renewed(ShareEpoch epoch, std::span<const Deal> deals) const {
  std::vector<std::vector<G2>> commitments(threshold(), {G2{}});  // all C_t, by t
  for (const std::size_t place : standing(deals)) {
    const std::optional<DealParts> deal = parse(*this, deals[place]);
    STEWARD_CHECK(deal.has_value());
    const std::optional<std::vector<G2>> points = read_commitments(*deal);
    STEWARD_CHECK(points.has_value());
    for (std::uint32_t t = 1; t < threshold(); ++t) {
      const G2& point = (*points)[t];
      commitments[t].push_back(deals[place].retracted ? negative(point) : point);
    }
  }
  std::vector<G2> total;
  for (const std::vector<G2>& of_one_power : commitments) total.push_back(sum(of_one_power));
  BlsParts parts = parts_;
  parts.epoch = epoch;
  for (ServerIndex holder = 0; holder < servers(); ++holder) {
    parts.share_keys[holder] =
        sum(parts.share_keys[holder], evaluate(std::span<const G2>(total), holder + 1));
  }
  return BlsPublicKeyPtr(new BlsPublicKey(std::move(parts), group_lines_));
}

std::variant<SiteKeySharePtr, std::vector<std::size_t>> BlsPublicKey::renew_share(
    const SiteKeyShare& own, const SitePublicKeyPtr& next, std::span<const Deal> deals) const {
  const BlsKeyShare& share = own_share(*this, own);
  const auto* key = dynamic_cast<const BlsPublicKey*>(next.get());
  STEWARD_CHECK(key != nullptr && key->id() == id_);

  // One by one, although the sum would tell whether the new share is right: lies that cancel would
  // come to light when one of them is taken back, too late to complain of the other.
  BlsShareSecrets secrets = share.secrets();
  std::vector<std::size_t> wrong;
  for (const std::size_t place : standing(deals)) {
    const Deal& deal = deals[place];
    const std::optional<DealParts> parts = parse(*this, deal);
    const Scalar subshare = parts ? open(*this, deal, *parts, share) : Scalar();
    if (!parts || !fits(*parts, share.server(), subshare)) wrong.push_back(place);
    secrets.signing = deal.retracted ? secrets.signing - subshare : secrets.signing + subshare;
  }
  if (!wrong.empty()) return wrong;
  auto renewed = BlsKeyShare::from_secrets(*key, share.server(), std::move(secrets));
  if (renewed == nullptr) return wrong;
  return SiteKeySharePtr(std::move(renewed));
}

Bytes BlsPublicKey::make_complaint(const SiteKeyShare& own, const Deal& deal,
                                   BytesView entropy) const {
  STEWARD_CHECK(entropy.size() >= kMinEntropyBytes);
  const BlsKeyShare& share = own_share(*this, own);
  const std::optional<DealParts> parts = parse_and_check(*this, deal);
  if (!parts) return {};
  const Scalar& log = share.secrets().decryption;
  const G1 shared = multiple(parts->r, log);
  const DleqStatement statement = {generator_g1(), parts_.encryption_keys[share.server()], parts->r,
                                   shared};
  return encode(shared) +
         prove_equal_logs(statement, binding(kComplaintTag, *this, deal, deal.deal), log, entropy);
}

bool BlsPublicKey::proves_wrong(const Deal& deal, ServerIndex holder, BytesView complaint) const {
  if (holder >= servers() || complaint.size() != kG1Bytes + kDleqProofBytes) return false;
  const std::optional<G1> shared = decode_g1(complaint.substr(0, kG1Bytes));
  if (!shared || !in_group(*shared)) return false;
  const std::optional<DealParts> parts = parse_and_check(*this, deal);
  if (!parts) return false;
  const DleqStatement statement = {generator_g1(), parts_.encryption_keys[holder], parts->r,
                                   *shared};
  if (!verify_equal_logs(statement, binding(kComplaintTag, *this, deal, deal.deal),
                         complaint.substr(kG1Bytes))) {
    return false;
  }
  return !fits(*parts, holder,
               parts->ciphertexts[holder] - pad(*this, deal, holder, parts->r, *shared));
}

}  // namespace steward::crypto
