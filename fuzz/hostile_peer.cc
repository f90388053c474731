#include "fuzz/hostile_peer.h"

#include "common/check.h"
#include "crypto/merkle.h"
#include "wire/client.pb.h"

namespace steward::fuzz {
namespace {

template <class Message>
bool parse(BytesView bytes, Message& message) {
  return message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

// Where the body says which batch belongs to it; null when it has none.
Bytes* batch_digest_in(wire::AgreementMessage& body) {
  if (body.has_pre_prepare()) return body.mutable_pre_prepare()->mutable_digest();
  if (body.has_proposal()) return body.mutable_proposal()->mutable_digest();
  if (body.has_committed()) return body.mutable_committed()->mutable_digest();
  return nullptr;
}

// A digest of any length becomes one of the right length.
void mend_digest(Bytes& digest) { digest.resize(sizeof(crypto::Digest)); }

void mend_digests(wire::AgreementMessage& body) {
  if (body.has_prepare()) mend_digest(*body.mutable_prepare()->mutable_digest());
  if (body.has_commit()) mend_digest(*body.mutable_commit()->mutable_digest());
  if (body.has_accept()) mend_digest(*body.mutable_accept()->mutable_digest());
  if (body.has_checkpoint()) mend_digest(*body.mutable_checkpoint()->mutable_digest());
}

}  // namespace

HostilePeer::HostilePeer(LocalProtocol local, WideProtocol wide)
    : config_([&] {
        ClusterConfig config = site::testing::cluster(4, 4, local, wide);
        config.ordering.checkpoint_interval = 4;
        config.ordering.wide_checkpoint_interval = 4;
        return config;
      }()),
      keys_(site::testing::make_keys(config_)) {}

Bytes HostilePeer::frame(BytesView bytes, bool from_lying_site) const {
  wire::Envelope envelope;
  if (!parse(bytes, envelope)) return Bytes(bytes);
  if (envelope.kind() == wire::KIND_AGREEMENT && !mend_agreement(envelope)) return Bytes(bytes);
  if (envelope.kind() == wire::KIND_SITE_DATA) {
    wire::SiteData data;
    if (!parse(envelope.body(), data)) return Bytes(bytes);
    mend_site_data(data);
    envelope.set_body(data.SerializeAsString());
  }
  if (envelope.kind() == wire::KIND_FORWARD) {
    wire::Forward forward;
    if (!parse(envelope.body(), forward)) return Bytes(bytes);
    for (Bytes& update : *forward.mutable_updates()) update = mend_update(update);
    envelope.set_body(forward.SerializeAsString());
  }
  return signed_frame(from_lying_site ? ServerId{kLyingSite, 0} : kLiar, std::move(envelope));
}

Bytes HostilePeer::signed_frame(ServerId from, wire::Envelope envelope) const {
  envelope.set_site(from.site);
  envelope.set_server(from.server);
  envelope.set_signature(keys_.servers.at(from)->sign(
      wire::server_statement(keys_.domain, envelope.kind(), from, envelope.body())));
  return envelope.SerializeAsString();
}

Bytes HostilePeer::client_frame(BytesView bytes) const {
  wire::ClientMessage message;
  if (!parse(bytes, message)) return Bytes(bytes);
  if (message.has_update()) {
    const Bytes mended = mend_update(message.update().SerializeAsString());
    (void)message.mutable_update()->ParseFromString(mended);
  }
  return message.SerializeAsString();
}

bool HostilePeer::mend_agreement(wire::Envelope& envelope) const {
  wire::AgreementMessage body;
  if (!parse(envelope.body(), body)) return false;
  mend_digests(body);
  if (Bytes* digest = batch_digest_in(body)) {
    if (!mend_batch(*envelope.mutable_attachment(), *digest, false)) return false;
  }
  envelope.set_body(body.SerializeAsString());
  return true;
}

bool HostilePeer::mend_batch(Bytes& batch, Bytes& digest, bool wide) const {
  auto decoded = wire::decode_batch(batch);
  if (!decoded) return false;
  std::vector<Bytes> items = (*decoded)->items;
  for (Bytes& item : items) {
    if (wide) {
      item = mend_update(item);
    } else {
      mend_event(item);
    }
  }
  const wire::BatchPtr made = wire::make_batch(std::move(items));
  batch = made->encoded;
  digest = made->digest.str();
  return true;
}

void HostilePeer::mend_event(Bytes& item) const {
  wire::LmEvent event;
  if (!parse(item, event)) return;
  if (event.has_client_update()) event.set_client_update(mend_update(event.client_update()));
  if (event.has_site_data()) mend_site_data(*event.mutable_site_data());
  if (event.has_timeout()) mend_timeout(*event.mutable_timeout());
  item = event.SerializeAsString();
}

// One signing batch of the lying site, for the site of the server under test.
void HostilePeer::mend_site_data(wire::SiteData& data) const {
  data.set_site(kLyingSite);
  data.set_leaf_count(static_cast<std::uint32_t>(data.leaves_size()));
  if (data.leaves().empty()) return;
  std::vector<crypto::Digest> hashes;
  for (wire::Leaf& leaf : *data.mutable_leaves()) {
    mend_leaf(leaf);
    leaf.set_index(static_cast<std::uint32_t>(hashes.size()));
    const Bytes statement = wire::leaf_statement(keys_.domain, kLyingSite, leaf);
    hashes.push_back(crypto::merkle_leaf(statement));
  }
  const crypto::MerkleTree tree(std::move(hashes));
  for (wire::Leaf& leaf : *data.mutable_leaves()) {
    leaf.clear_path();
    for (const crypto::Digest& step : tree.path(leaf.index())) leaf.add_path(step.str());
  }
  data.set_root(tree.root().str());
  data.set_signature(
      keys_.site_signature(kLyingSite, wire::site_statement(keys_.domain, kLyingSite, data.batch(),
                                                            data.leaf_count(), tree.root())));
}

void HostilePeer::mend_leaf(wire::Leaf& leaf) const {
  if (leaf.type() == wire::LEAF_ACK) {
    leaf.set_destination(site::blink::kEverySite);
    return;
  }
  leaf.set_destination(kSelf.site);
  wire::AgreementMessage body;
  if (leaf.type() != wire::LEAF_MESSAGE || !parse(leaf.body(), body)) return;
  mend_digests(body);
  if (Bytes* digest = batch_digest_in(body)) {
    if (!mend_batch(*leaf.mutable_attachment(), *digest, true)) return;
  }
  leaf.set_body(body.SerializeAsString());
}

// Of the liar and one honest server: whatever timer is armed may run out at any time, and the
// timeouts of others are no events.
void HostilePeer::mend_timeout(wire::LmTimeout& timeout) const {
  wire::TimerExpired expired;
  expired.set_timer(timeout.timer());
  expired.set_generation(timeout.generation());
  const Bytes body = expired.SerializeAsString();
  timeout.clear_proofs();
  for (const ServerId server : {kLiar, ServerId{kLiar.site, 3}}) {
    wire::SignedHeader header;
    header.set_site(server.site);
    header.set_server(server.server);
    header.set_body(body);
    header.set_signature(keys_.servers.at(server)->sign(
        wire::server_statement(keys_.domain, wire::KIND_TIMER_EXPIRED, server, body)));
    timeout.add_proofs(header.SerializeAsString());
  }
}

Bytes HostilePeer::mend_update(BytesView encoded) const {
  wire::SignedUpdate outer;
  wire::Update update;
  if (!parse(encoded, outer) || !parse(outer.update(), update)) return Bytes(encoded);
  update.set_client(keys_.client->public_key());
  outer.set_update(update.SerializeAsString());
  outer.set_signature(keys_.client->sign(wire::client_statement(keys_.domain, outer.update())));
  return outer.SerializeAsString();
}

}  // namespace steward::fuzz
