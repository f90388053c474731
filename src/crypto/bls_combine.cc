// The public side of shares: combining them, and telling right from wrong ones.
#include <algorithm>

#include "crypto/bls.h"

namespace steward::crypto {
namespace {

constexpr std::string_view kBatchTag = "steward/bls12-381/share-batch/1";
constexpr std::size_t kBatchBits = 128;

// λ_j = Π_{t≠j} t / (t - j), over the points (server indices plus one) in use.
Scalar lagrange_at_zero(std::uint32_t point, std::span<const std::uint32_t> points) {
  Scalar numerator(1);
  Scalar denominator(1);
  for (const std::uint32_t other : points) {
    if (other == point) continue;
    numerator = numerator * Scalar(other);
    denominator = denominator * (Scalar(other) - Scalar(point));
  }
  return numerator * denominator.inverse();
}

// Shares of one message, each a point of the group from a signer in range, and the check of any
// range of them: Σ ρ_i S_i against Σ ρ_i V_i. The coefficients ρ_i are hashes of all the shares, so
// that shares cannot be made wrong in ways that cancel (with probability 2^-128, they do).
class ShareBatch {
 public:
  ShareBatch(const BlsParts& parts, const PairingLines& generator_lines, BytesView message)
      : parts_(parts), generator_lines_(generator_lines), message_(bls_message_point(message)) {}

  void add(ServerIndex signer, const G1& share) {
    signers_.push_back(signer);
    shares_.push_back(share);
    share_keys_.push_back(parts_.share_keys[signer]);
  }

  std::vector<ServerIndex> wrong() {
    std::vector<ServerIndex> out;
    if (shares_.empty()) return out;
    choose_coefficients();
    find_wrong(0, shares_.size(), false, out);
    return out;
  }

 private:
  void choose_coefficients() {
    Bytes transcript = encode(message_);
    for (std::size_t i = 0; i < shares_.size(); ++i) {
      append_u32(transcript, signers_[i]);
      transcript += encode(share_keys_[i]);
      transcript += encode(shares_[i]);
    }
    const Digest seed = sha256_parts({kBatchTag, transcript});
    for (std::uint32_t i = 0; i < shares_.size(); ++i) {
      Bytes index;
      append_u32(index, i);
      const Digest digest = sha256_parts({seed.view(), index});
      Bytes coefficient(kScalarBytes - kBatchBits / 8, '\0');
      coefficient += digest.view().substr(0, kBatchBits / 8);
      coefficients_.push_back(*Scalar::decode(coefficient));
    }
  }

  bool all_right(std::size_t begin, std::size_t count) const {
    if (count == 1) {
      return pairings_equal(shares_[begin], generator_lines_, message_, share_keys_[begin]);
    }
    const auto coefficients = std::span(coefficients_).subspan(begin, count);
    const G1 shares =
        combination(std::span(shares_).subspan(begin, count), coefficients, kBatchBits);
    const G2 keys =
        combination(std::span(share_keys_).subspan(begin, count), coefficients, kBatchBits);
    if (is_infinity(shares) || is_infinity(keys)) return is_infinity(shares) && is_infinity(keys);
    return pairings_equal(shares, generator_lines_, message_, keys);
  }

  // `surely`: it is known that there are wrong ones in the range.
  void find_wrong(std::size_t begin, std::size_t count, bool surely,
                  std::vector<ServerIndex>& out) const {
    if (!surely && all_right(begin, count)) return;
    if (count == 1) {
      out.push_back(signers_[begin]);
      return;
    }
    const std::size_t before = out.size();
    find_wrong(begin, count / 2, false, out);
    const bool left_is_right = out.size() == before;
    find_wrong(begin + count / 2, count - count / 2, left_is_right, out);
  }

  const BlsParts& parts_;
  const PairingLines& generator_lines_;
  G1 message_;
  std::vector<ServerIndex> signers_;
  std::vector<G1> shares_;
  std::vector<G2> share_keys_;
  std::vector<Scalar> coefficients_;
};

}  // namespace

// Nothing proves a share of the server whose share key is infinity, and it has none but infinity.
std::optional<G1> BlsPublicKey::read_share(const SignatureShare& share) const {
  if (share.signer >= servers() || !share.proof.empty() ||
      is_infinity(parts_.share_keys[share.signer])) {
    return std::nullopt;
  }
  const std::optional<G1> point = decode_g1(share.share);
  return point && in_group(*point) ? point : std::nullopt;
}

Result<Bytes> BlsPublicKey::combine(BytesView /*message*/,
                                    std::span<const SignatureShare> shares) const {
  if (shares.size() < threshold()) {
    return bad_input("a signature of this site needs " + std::to_string(threshold()) +
                     " shares, not " + std::to_string(shares.size()));
  }
  const auto malformed = [](ServerIndex signer) {
    return bad_input("the share of server " + std::to_string(signer) +
                     " is malformed or given twice");
  };
  shares = shares.first(threshold());
  std::vector<std::uint32_t> points;
  std::vector<G1> elements;
  for (const SignatureShare& share : shares) {
    const std::optional<G1> element = decode_g1(share.share);
    const bool repeated = std::find(points.begin(), points.end(), share.signer + 1) != points.end();
    if (repeated || share.signer >= servers() || !element) return malformed(share.signer);
    points.push_back(share.signer + 1);
    elements.push_back(*element);
  }
  std::vector<Scalar> lambdas;
  for (const std::uint32_t point : points) lambdas.push_back(lagrange_at_zero(point, points));
  const G1 signature = combination(elements, lambdas);
  // What is outside of the group in single shares is outside of it in the sum, or cancels out and
  // does no harm: the caller verifies the signature.
  if (!in_group(signature)) {
    for (std::size_t i = 0; i < elements.size(); ++i) {
      if (!in_group(elements[i])) return malformed(shares[i].signer);
    }
  }
  return encode(signature);
}

bool BlsPublicKey::verify_share(BytesView message, const SignatureShare& share) const {
  const std::optional<G1> point = read_share(share);
  return point && pairings_equal(*point, *generator_lines_, bls_message_point(message),
                                 parts_.share_keys[share.signer]);
}

std::vector<ServerIndex> BlsPublicKey::wrong_shares(BytesView message,
                                                    std::span<const SignatureShare> shares) const {
  std::vector<ServerIndex> wrong;
  ShareBatch batch(parts_, *generator_lines_, message);
  for (const SignatureShare& share : shares) {
    if (const std::optional<G1> point = read_share(share)) {
      batch.add(share.signer, *point);
    } else {
      wrong.push_back(share.signer);
    }
  }
  const std::vector<ServerIndex> unfit = batch.wrong();
  wrong.insert(wrong.end(), unfit.begin(), unfit.end());
  std::sort(wrong.begin(), wrong.end());
  wrong.erase(std::unique(wrong.begin(), wrong.end()), wrong.end());
  return wrong;
}

}  // namespace steward::crypto
