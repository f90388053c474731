// The public side of shares: combining them, and telling right from wrong ones by their proofs.
#include <algorithm>

#include "crypto/emsa_pss.h"
#include "crypto/rsa_shoup.h"
#include "crypto/rsa_shoup_lagrange.h"
#include "crypto/rsa_shoup_proof.h"

namespace steward::crypto {
namespace {

constexpr std::string_view kProofTag = "steward/rsa-shoup/proof/1";

void multiply_into(const RsaShoupPublicKey& key, Bn& product, const Bn& factor, BN_CTX* context) {
  product = product ? key.product(product.get(), factor.get(), context) : bn_copy(factor.get());
}

}  // namespace

Result<Bytes> RsaShoupPublicKey::combine(BytesView message,
                                         std::span<const SignatureShare> shares) const {
  if (shares.size() < threshold()) {
    return bad_input("a signature of this site needs " + std::to_string(threshold()) +
                     " shares, not " + std::to_string(shares.size()));
  }
  std::vector<std::uint32_t> points;
  std::vector<Bn> elements;
  for (const SignatureShare& share : shares.first(threshold())) {
    const bool repeated = std::find(points.begin(), points.end(), share.signer + 1) != points.end();
    elements.push_back(read_element(share.share));
    if (repeated || share.signer >= parts_.share_keys.size() || !elements.back()) {
      return bad_input("the share of server " + std::to_string(share.signer) +
                       " is malformed or given twice");
    }
    points.push_back(share.signer + 1);
  }

  // With w = Π x_j^(2 λ_j): w^e = x^4, and 4 (-2^14) + e = 1, hence y = x · w^(-2^14) has y^e = x.
  static_assert(4 * 16384 + 1 == kRsaExponent);
  const BnContext context = bn_context();
  Bn over;   // the factors of 1/w with positive exponents
  Bn under;  // those with negative ones
  for (std::size_t i = 0; i < points.size(); ++i) {
    const Lagrange lambda = lagrange_at_zero(points[i], points, parts_.share_keys.size());
    bn_check(BN_lshift1(lambda.magnitude.get(), lambda.magnitude.get()));
    const Bn factor = power(elements[i].get(), lambda.magnitude.get(), context.get());
    multiply_into(*this, lambda.negative ? over : under, factor, context.get());
  }
  const Bn inverse = bn_new();
  if (!BN_mod_inverse(inverse.get(), under.get(), parts_.n.get(), context.get())) {
    return bad_input("a share has a factor in common with the site's modulus");
  }
  Bn root = bn_copy(inverse.get());
  if (over) multiply_into(*this, root, over, context.get());
  root = power(root.get(), bn_word(16384).get(), context.get());
  const Representative representative = this->representative(message, context.get());
  multiply_into(*this, root, representative.x, context.get());
  if (representative.times_u) multiply_into(*this, root, u_inverse_, context.get());
  return bn_to_bytes(root.get(), modulus_bytes());
}

ProofStatement proof_statement(const RsaShoupPublicKey& key, BytesView message, ServerIndex signer,
                               const BIGNUM* share, BN_CTX* context) {
  const Bn x = key.representative(message, context).x;
  const Bn x_squared = key.product(x.get(), x.get(), context);
  return {signer, key.product(x_squared.get(), x_squared.get(), context),
          key.product(share, share, context)};
}

Digest share_challenge(const RsaShoupPublicKey& key, const ProofStatement& statement,
                       const BIGNUM* commitment_v, const BIGNUM* commitment_x) {
  const std::size_t size = key.modulus_bytes();
  Bytes signer;
  append_u32(signer, statement.signer);
  const RsaShoupParts& parts = key.parts();
  return sha256_parts({kProofTag, key.id().view(), signer, bn_to_bytes(parts.v.get(), size),
                       bn_to_bytes(statement.base.get(), size),
                       bn_to_bytes(parts.share_keys[statement.signer].get(), size),
                       bn_to_bytes(statement.share_squared.get(), size),
                       bn_to_bytes(commitment_v, size), bn_to_bytes(commitment_x, size)});
}

bool RsaShoupPublicKey::verify_share(BytesView message, const SignatureShare& share) const {
  const BytesView proof = share.proof;
  const Bn element = read_element(share.share);
  if (!element || share.signer >= parts_.share_keys.size() ||
      proof.size() != kChallengeBytes + response_bytes(*this)) {
    return false;
  }
  const BnContext context = bn_context();
  const ProofStatement statement =
      proof_statement(*this, message, share.signer, element.get(), context.get());
  const Bn challenge = bn_from_bytes(proof.substr(0, kChallengeBytes));
  const Bn response = bn_from_bytes(proof.substr(kChallengeBytes));

  // a^z b^(-c); nullptr when b has no inverse, which for a share means that it is not in the group.
  const auto commitment = [&](const BIGNUM* a, const BIGNUM* b) -> Bn {
    const Bn inverse = bn_new();
    if (!BN_mod_inverse(inverse.get(), b, parts_.n.get(), context.get())) return nullptr;
    Bn result = bn_new();
    bn_check(BN_mod_exp2_mont(result.get(), a, response.get(), inverse.get(), challenge.get(),
                              parts_.n.get(), context.get(), montgomery_.get()));
    return result;
  };
  const Bn commitment_v = commitment(parts_.v.get(), parts_.share_keys[share.signer].get());
  const Bn commitment_x = commitment(statement.base.get(), statement.share_squared.get());
  if (!commitment_v || !commitment_x) return false;
  return share_challenge(*this, statement, commitment_v.get(), commitment_x.get()).view() ==
         proof.substr(0, kChallengeBytes);
}

}  // namespace steward::crypto
