// replica/verifier.h: frames of any content, as they come and as a peer with valid keys would make
// them. What is accepted keeps its promises to the cores, and is accepted again when sent on.
#include "fuzz/hostile_peer.h"
#include "fuzz/input.h"
#include "wire/limits.h"

using namespace steward;
using namespace steward::replica;

namespace {

struct Scene {
  Scene(LocalProtocol local, WideProtocol wide)
      : peer(local, wide), verifier(peer.config(), peer.keys().directory, fuzz::kSelf) {}

  bool accepts(ServerId from, wire::Envelope envelope) const {
    Work work;
    envelope.set_site(from.site);
    envelope.set_server(from.server);
    return verifier.from_server(from, envelope.SerializeAsString(), work).ok();
  }

  fuzz::HostilePeer peer;
  Verifier verifier;
};

const Scene& scene(std::uint8_t which) {
  static const Scene kScenes[] = {{LocalProtocol::kPbft, WideProtocol::kPbft},
                                  {LocalProtocol::kPbft, WideProtocol::kPaxos},
                                  {LocalProtocol::kPaxos, WideProtocol::kPaxos},
                                  {LocalProtocol::kPaxos, WideProtocol::kPbft}};
  return kScenes[which % std::size(kScenes)];
}

void check_update(const Scene& scene, const CheckedUpdate& update) {
  wire::ClientMessage message;
  STEWARD_CHECK(message.mutable_update()->ParseFromString(update.encoded));
  Work work;
  const auto again = scene.verifier.from_client(update.client, message.SerializeAsString(), work);
  STEWARD_CHECK(again.ok());
  const auto* same = std::get_if<CheckedUpdate>(&**again);
  STEWARD_CHECK(same != nullptr && same->session == update.session);
  STEWARD_CHECK(same->timestamp == update.timestamp && same->client == update.client);
  STEWARD_CHECK(update.encoded.size() <= limits::kMaxUpdateBytes);
}

void check_agreement(const Scene& scene, ServerId from, const agreement::Message& message) {
  STEWARD_CHECK(from.site == fuzz::kSelf.site && message.from == from.server);
  const bool batch =
      message.body.has_pre_prepare() || message.body.has_proposal() || message.body.has_committed();
  STEWARD_CHECK(batch == (message.batch != nullptr));
  wire::Envelope envelope;
  envelope.set_kind(wire::KIND_AGREEMENT);
  envelope.set_body(message.body.SerializeAsString());
  if (batch) envelope.set_attachment(message.batch->encoded);
  if (!message.header.empty()) {
    wire::SignedHeader header;
    STEWARD_CHECK(header.ParseFromString(message.header));
    STEWARD_CHECK(header.site() == from.site && header.server() == from.server);
    STEWARD_CHECK(header.body() == envelope.body());
    envelope.set_signature(header.signature());
  }
  STEWARD_CHECK(scene.accepts(from, envelope));
}

struct Check {
  const Scene& scene;
  ServerId from;

  void again(wire::Kind kind, const Bytes& body) const {
    wire::Envelope envelope;
    envelope.set_kind(kind);
    envelope.set_body(body);
    STEWARD_CHECK(scene.accepts(from, envelope));
  }
  void operator()(const LocalAgreement& in) const { check_agreement(scene, from, **in.message); }
  void operator()(const ExpiredTimer& in) const {
    wire::SignedHeader header;
    STEWARD_CHECK(header.ParseFromString(in.proof));
    wire::Envelope envelope;
    envelope.set_kind(wire::KIND_TIMER_EXPIRED);
    envelope.set_body(header.body());
    envelope.set_signature(header.signature());
    STEWARD_CHECK(scene.accepts({header.site(), header.server()}, envelope));
  }
  void operator()(const SiteDataReceived& in) const {
    const wire::SiteData& data = *in.data;
    STEWARD_CHECK(data.site() != fuzz::kSelf.site && !data.leaves().empty());
    for (const wire::Leaf& leaf : data.leaves()) {
      STEWARD_CHECK(static_cast<std::size_t>(leaf.path_size()) <= limits::kMaxLeafPath);
      STEWARD_CHECK(leaf.index() < data.leaf_count());
    }
    // As the servers of the site pass it on to each other.
    Check{scene, fuzz::kLiar}.again(wire::KIND_SITE_DATA, data.SerializeAsString());
  }
  void operator()(const ForwardedUpdates& in) const {
    STEWARD_CHECK(in.updates.size() <= limits::kMaxForwardUpdates);
    for (const CheckedUpdate& update : in.updates) check_update(scene, update);
  }
  void operator()(const wire::Share& in) const {
    STEWARD_CHECK(in.share().size() <= limits::kMaxShareBytes);
    again(wire::KIND_SHARE, in.SerializeAsString());
  }
  void operator()(const wire::StateAnswer& in) const {
    const auto pieces = static_cast<std::size_t>(in.pages_size() + in.groups_size());
    STEWARD_CHECK(pieces <= limits::kMaxPagesPerMessage);
  }
  template <class Other>
  void operator()(const Other& /*in*/) const {}
};

void check_from_server(const Scene& scene, ServerId from, BytesView frame) {
  Work work;
  const auto inbound = scene.verifier.from_server(from, frame, work);
  if (!inbound) {
    STEWARD_CHECK(!inbound.error().message.empty());
    return;
  }
  std::visit(Check{scene, from}, **inbound);
}

void check_from_client(const Scene& scene, BytesView frame) {
  Work work;
  const Bytes client = scene.peer.keys().client->public_key();
  const auto inbound = scene.verifier.from_client(client, frame, work);
  if (!inbound) return;
  if (const auto* update = std::get_if<CheckedUpdate>(&**inbound)) check_update(scene, *update);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input in(data, size);
  const std::uint8_t which = in.u8();
  const Scene& here = scene(which);
  const std::uint8_t how = which >> 2;
  const BytesView bytes = in.rest();
  switch (how % 6) {
    case 0:
      check_from_server(here, {fuzz::kSelf.site, how >> 3U & 3U}, bytes);
      break;
    case 1:
      check_from_server(here, {how >> 3U & 3U, 0}, bytes);
      break;
    case 2:
      check_from_server(here, fuzz::kLiar, here.peer.frame(bytes, false));
      break;
    case 3:
      check_from_server(here, {fuzz::kLyingSite, 0}, here.peer.frame(bytes, true));
      break;
    case 4:
      check_from_client(here, bytes);
      break;
    default:
      check_from_client(here, here.peer.client_frame(bytes));
  }
  return 0;
}
