// The secret side: shares of signatures, and proofs that they are right.
#include "crypto/byte_reader.h"
#include "crypto/rsa_shoup.h"
#include "crypto/rsa_shoup_proof.h"

namespace steward::crypto {
namespace {

constexpr std::string_view kShareTag = "steward/rsa-shoup/share/2";

}  // namespace

RsaShoupKeyShare::RsaShoupKeyShare(RsaShoupPublicKeyPtr key, ServerIndex server, Bn secret)
    : key_(std::move(key)),
      server_(server),
      secret_(std::move(secret)),
      twice_secret_(bn_secret()) {
  bn_check(BN_lshift1(twice_secret_.get(), secret_.get()));
}

SecretBytes RsaShoupKeyShare::encode(const RsaShoupPublicKey& key, ServerIndex server,
                                     const BIGNUM* secret) {
  Bytes header;
  append_framed(header, kShareTag);
  append_framed(header, key.id().view());
  append_u64(header, key.epoch());
  append_u32(header, server);
  const std::size_t secret_bytes = key.share_bits() / 8;
  append_u32(header, static_cast<std::uint32_t>(secret_bytes));
  SecretBytes out = SecretBytes::zeros(header.size() + secret_bytes);
  header.copy(out.data(), header.size());
  bn_write(secret, out.data() + header.size(), secret_bytes);
  return out;
}

Result<std::shared_ptr<const RsaShoupKeyShare>> RsaShoupKeyShare::decode(RsaShoupPublicKeyPtr key,
                                                                         BytesView encoded) {
  ByteReader reader(encoded);
  const BytesView tag = reader.framed();
  const BytesView key_id = reader.framed();
  const ShareEpoch epoch = reader.u64();
  const ServerIndex server = reader.u32();
  const BytesView secret_bytes = reader.framed();
  if (!reader.done() || tag != kShareTag || secret_bytes.size() != key->share_bits() / 8) {
    return bad_input("this is not the encoding of a threshold RSA key share");
  }
  if (epoch != key->epoch()) {
    return bad_input("the key share is of epoch " + std::to_string(epoch) +
                     ", the site's public key of epoch " + std::to_string(key->epoch()));
  }
  if (key_id != key->id().view() || server >= key->servers()) {
    return bad_input("the key share belongs to another site key than the one in use");
  }
  Bn secret = bn_from_bytes(secret_bytes);
  BN_set_flags(secret.get(), BN_FLG_CONSTTIME);
  const BnContext context = bn_context();
  const Bn share_key = key->secret_power(key->parts().v.get(), secret.get(), context.get());
  if (BN_cmp(share_key.get(), key->parts().share_keys[server].get()) != 0) {
    return bad_input("the key share of server " + std::to_string(server) +
                     " does not match the site's public key");
  }
  return std::shared_ptr<const RsaShoupKeyShare>(
      new RsaShoupKeyShare(std::move(key), server, std::move(secret)));
}

SecretBytes RsaShoupKeyShare::encoded() const { return encode(*key_, server_, secret_.get()); }

Bytes RsaShoupKeyShare::share(BytesView message) const {
  const BnContext context = bn_context();
  const Representative representative = key_->representative(message, context.get());
  const Bn share = key_->secret_power(representative.x.get(), twice_secret_.get(), context.get());
  return bn_to_bytes(share.get(), key_->modulus_bytes());
}

Bytes RsaShoupKeyShare::prove(BytesView message, BytesView share) const {
  const BnContext context = bn_context();
  const ProofStatement statement =
      proof_statement(*key_, message, server_, bn_from_bytes(share).get(), context.get());
  const Bn blinding = bn_secret();
  bn_check(BN_priv_rand(blinding.get(), static_cast<int>(blinding_bits(*key_)), BN_RAND_TOP_ANY,
                        BN_RAND_BOTTOM_ANY));
  const Bn commitment_v = key_->secret_power(key_->parts().v.get(), blinding.get(), context.get());
  const Bn commitment_x = key_->secret_power(statement.base.get(), blinding.get(), context.get());
  const Digest challenge =
      share_challenge(*key_, statement, commitment_v.get(), commitment_x.get());

  const Bn response = bn_secret();
  bn_check(
      BN_mul(response.get(), secret_.get(), bn_from_bytes(challenge.view()).get(), context.get()));
  bn_check(BN_add(response.get(), response.get(), blinding.get()));
  return challenge.str() + bn_to_bytes(response.get(), response_bytes(*key_));
}

}  // namespace steward::crypto
