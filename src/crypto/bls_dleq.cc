#include "crypto/bls_dleq.h"

#include "crypto/secret.h"

namespace steward::crypto {
namespace {

constexpr std::string_view kChallengeTag = "steward/bls12-381/equal-logs/challenge/1";
constexpr std::string_view kBlindingTag = "steward/bls12-381/equal-logs/blinding/1";

Bytes encode_statement(const DleqStatement& statement) {
  return encode(statement.base_one) + encode(statement.power_one) + encode(statement.base_two) +
         encode(statement.power_two);
}

Scalar challenge(const DleqStatement& statement, BytesView binding, const G1& commitment_one,
                 const G1& commitment_two) {
  return Scalar::hashed({kChallengeTag, binding, encode_statement(statement),
                         encode(commitment_one), encode(commitment_two)});
}

}  // namespace

Bytes prove_equal_logs(const DleqStatement& statement, BytesView binding, const Scalar& log,
                       BytesView entropy) {
  SecretBytes secret = SecretBytes::zeros(kScalarBytes);
  log.write(secret.data());
  const Scalar blinding =
      Scalar::hashed({kBlindingTag, entropy, secret.view(), binding, encode_statement(statement)});
  const Scalar c = challenge(statement, binding, multiple(statement.base_one, blinding),
                             multiple(statement.base_two, blinding));
  return c.encoded() + (blinding + c * log).encoded();
}

bool verify_equal_logs(const DleqStatement& statement, BytesView binding, BytesView proof) {
  if (proof.size() != kDleqProofBytes) return false;
  const std::optional<Scalar> c = Scalar::decode(proof.substr(0, kScalarBytes));
  const std::optional<Scalar> response = Scalar::decode(proof.substr(kScalarBytes));
  if (!c || !response) return false;
  const auto commitment = [&](const G1& base, const G1& power) {
    return sum(multiple(base, *response), multiple(power, -*c));
  };
  return *c == challenge(statement, binding, commitment(statement.base_one, statement.power_one),
                         commitment(statement.base_two, statement.power_two));
}

}  // namespace steward::crypto
