// The secret side: one server's share, and the dealer who makes them all.
#include "crypto/bls.h"
#include "crypto/byte_reader.h"

namespace steward::crypto {
namespace {

constexpr std::string_view kShareTag = "steward/bls12-381/share/1";

Bytes encode_header(const Digest& key_id, ServerIndex server, ShareEpoch epoch) {
  Bytes header;
  append_framed(header, kShareTag);
  append_framed(header, key_id.view());
  append_u32(header, server);
  append_u64(header, epoch);
  append_u32(header, 2 * kScalarBytes);
  return header;
}

}  // namespace

SecretBytes BlsKeyShare::encoded() const {
  const Bytes header = encode_header(key_id_, server_, epoch_);
  SecretBytes out = SecretBytes::zeros(header.size() + 2 * kScalarBytes);
  header.copy(out.data(), header.size());
  secrets_.signing.write(out.data() + header.size());
  secrets_.decryption.write(out.data() + header.size() + kScalarBytes);
  return out;
}

Result<std::shared_ptr<const BlsKeyShare>> BlsKeyShare::decode_any_epoch(const BlsPublicKeyPtr& key,
                                                                         ServerIndex server,
                                                                         BytesView encoded) {
  ByteReader reader(encoded);
  const BytesView tag = reader.framed();
  const BytesView key_id = reader.framed();
  const ServerIndex holder = reader.u32();
  const ShareEpoch epoch = reader.u64();
  const BytesView secrets = reader.framed();
  if (!reader.done() || tag != kShareTag || secrets.size() != 2 * kScalarBytes) {
    return bad_input("this is not the encoding of a threshold BLS key share");
  }
  if (key_id != key->id().view() || server >= key->servers()) {
    return bad_input("the key share belongs to another site key than the one in use");
  }
  if (holder != server) {
    return bad_input("the key share is that of server " + std::to_string(holder) + ", not " +
                     std::to_string(server));
  }
  const std::optional<Scalar> signing = Scalar::decode(secrets.substr(0, kScalarBytes));
  const std::optional<Scalar> decryption = Scalar::decode(secrets.substr(kScalarBytes));
  if (!signing || !decryption ||
      !equal(multiple(generator_g1(), *decryption), key->parts().encryption_keys[server])) {
    return bad_input("the key share of server " + std::to_string(server) +
                     " does not match the site's public key");
  }
  return std::shared_ptr<const BlsKeyShare>(
      new BlsKeyShare(key->id(), server, epoch, {*signing, *decryption}));
}

Result<std::shared_ptr<const BlsKeyShare>> BlsKeyShare::decode(const BlsPublicKeyPtr& key,
                                                               ServerIndex server,
                                                               BytesView encoded) {
  Result<std::shared_ptr<const BlsKeyShare>> share = decode_any_epoch(key, server, encoded);
  if (!share) return share;
  if ((*share)->epoch() != key->epoch()) {
    return bad_input("the key share of server " + std::to_string(server) + " is of epoch " +
                     std::to_string((*share)->epoch()) + ", the site key of epoch " +
                     std::to_string(key->epoch()));
  }
  if (!(*share)->belongs_to(*key)) {
    return bad_input("the key share of server " + std::to_string(server) +
                     " does not match the site's public key");
  }
  return share;
}

bool BlsKeyShare::belongs_to(const BlsPublicKey& key) const {
  return key_id_ == key.id() && epoch_ == key.epoch() &&
         equal(multiple(generator_g2(), secrets_.signing), key.parts().share_keys[server_]) &&
         equal(multiple(generator_g1(), secrets_.decryption), key.parts().encryption_keys[server_]);
}

std::shared_ptr<const BlsKeyShare> BlsKeyShare::from_secrets(const BlsPublicKey& key,
                                                             ServerIndex server,
                                                             BlsShareSecrets secrets) {
  if (server >= key.servers()) return nullptr;
  const std::shared_ptr<const BlsKeyShare> share(
      new BlsKeyShare(key.id(), server, key.epoch(), std::move(secrets)));
  return share->belongs_to(key) ? share : nullptr;
}

Bytes BlsKeyShare::share(BytesView message) const {
  return encode(multiple(bls_message_point(message), secrets_.signing));
}

Result<BlsKeyDeal> deal_bls(std::uint32_t threshold, std::uint32_t servers) {
  if (servers == 0 || servers > kMaxBlsServers || threshold == 0 || threshold > servers) {
    return bad_input("a threshold key needs 1 to 64 servers and a threshold among them");
  }
  std::vector<Scalar> polynomial(threshold);
  for (Scalar& coefficient : polynomial) coefficient = Scalar::random();

  BlsParts parts;
  parts.threshold = threshold;
  parts.group_key = multiple(generator_g2(), polynomial[0]);
  std::vector<BlsShareSecrets> secrets(servers);
  for (ServerIndex server = 0; server < servers; ++server) {
    secrets[server] = {evaluate(polynomial, server + 1), Scalar::random()};
    parts.share_keys.push_back(multiple(generator_g2(), secrets[server].signing));
    parts.encryption_keys.push_back(multiple(generator_g1(), secrets[server].decryption));
  }
  Result<BlsPublicKeyPtr> key = BlsPublicKey::from_parts(std::move(parts));
  if (!key) return key.error();

  BlsKeyDeal deal{*key, {}};
  for (ServerIndex server = 0; server < servers; ++server) {
    deal.shares.push_back(BlsKeyShare::from_secrets(**key, server, secrets[server]));
    STEWARD_CHECK(deal.shares.back() != nullptr);
  }
  return deal;
}

SitePublicKeyPtr BlsPublicKey::decode_epoch(BytesView encoded) const {
  const auto key = decode(encoded);
  return key && (*key)->id_ == id_ ? *key : nullptr;
}

SiteKeySharePtr BlsPublicKey::decode_share(ServerIndex holder, BytesView encoded) const {
  const BlsPublicKeyPtr self(BlsPublicKeyPtr(), this);  // for the call; nothing keeps it
  const auto share = BlsKeyShare::decode_any_epoch(self, holder, encoded);
  if (!share || ((*share)->epoch() == epoch() && !(*share)->belongs_to(*this))) return nullptr;
  return *share;
}

}  // namespace steward::crypto
