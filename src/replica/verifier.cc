#include "replica/verifier.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <algorithm>
#include <deque>
#include <set>

#include "site/blink/link.h"
#include "wire/limits.h"

namespace steward::replica {
namespace {

template <class Message>
Result<Message> parse(BytesView bytes, const char* what) {
  Message message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return bad_input(std::string("malformed ") + what);
  }
  return message;
}

bool carries_batch(const wire::AgreementMessage& body) {
  return body.has_pre_prepare() || body.has_proposal() || body.has_committed() ||
         body.has_batch_shown();
}

const Bytes& batch_digest_in(const wire::AgreementMessage& body) {
  if (body.has_batch_shown()) return body.batch_shown().digest();
  if (body.has_pre_prepare()) return body.pre_prepare().digest();
  if (body.has_proposal()) return body.proposal().digest();
  return body.committed().digest();
}

template <class Vote>
void copy_vote(const Vote& from, Vote& to) {
  to.set_view(from.view());
  to.set_sequence(from.sequence());
  to.set_digest(from.digest());
}

// The one encoding of a vote. Certificates compare bodies byte by byte, so a vote in another
// encoding, though well signed, would spoil every certificate that it became part of.
bool is_canonical(const wire::AgreementMessage& body, BytesView encoded) {
  wire::AgreementMessage plain;
  if (body.has_pre_prepare()) {
    copy_vote(body.pre_prepare(), *plain.mutable_pre_prepare());
  } else if (body.has_prepare()) {
    copy_vote(body.prepare(), *plain.mutable_prepare());
  } else if (body.has_commit()) {
    copy_vote(body.commit(), *plain.mutable_commit());
  } else if (body.has_checkpoint()) {
    plain.mutable_checkpoint()->set_sequence(body.checkpoint().sequence());
    plain.mutable_checkpoint()->set_digest(body.checkpoint().digest());
  } else {
    return true;
  }
  return plain.SerializeAsString() == encoded;
}

using Proofs = google::protobuf::RepeatedPtrField<Bytes>;

Bytes timer_body(std::uint64_t timer, std::uint64_t generation) {
  wire::TimerExpired expired;
  expired.set_timer(timer);
  expired.set_generation(generation);
  return expired.SerializeAsString();
}

// A certificate and the vote that each of its proofs has to be; no proofs for other messages.
struct Certificate {
  const Proofs* proofs = nullptr;
  Bytes vote;
};
Certificate certificate_in(const wire::AgreementMessage& body) {
  wire::AgreementMessage vote;
  const Proofs* proofs = nullptr;
  if (body.has_committed()) {
    vote.mutable_commit()->set_view(body.committed().view());
    vote.mutable_commit()->set_sequence(body.committed().sequence());
    vote.mutable_commit()->set_digest(body.committed().digest());
    proofs = &body.committed().proofs();
  } else if (body.has_stable_checkpoint()) {
    vote.mutable_checkpoint()->set_sequence(body.stable_checkpoint().sequence());
    vote.mutable_checkpoint()->set_digest(body.stable_checkpoint().digest());
    proofs = &body.stable_checkpoint().proofs();
  }
  return {proofs, vote.SerializeAsString()};
}

// Is this a certificate for what `vote` is for?
bool certifies(const Bytes& encoded, BytesView vote) {
  wire::AgreementMessage body;
  if (!body.ParseFromString(encoded)) return false;
  const Certificate certificate = certificate_in(body);
  return certificate.proofs != nullptr && certificate.vote == vote;
}

// How large the body of a message may be. Where little is to be said a large one would cost a
// multiple of its size in memory once parsed.
std::size_t max_body_bytes(wire::Kind kind) {
  if (kind == wire::KIND_AGREEMENT) return 64 << 10;  // a certificate
  if (kind == wire::KIND_SHARE) return 3 * limits::kMaxShareBytes;
  if (kind == wire::KIND_ACCUSATION) return 4 * limits::kMaxShareBytes;
  if (kind == wire::KIND_REFRESH) return limits::kMaxDealBytes + (1 << 10);
  if (kind == wire::KIND_SITE_DATA) return 2 * limits::kMaxSiteDataBytes;  // see check_site_data
  if (kind == wire::KIND_STATE_REQUEST) return limits::kMaxStateRequestBytes;
  const bool large = kind == wire::KIND_VIEW_CHANGE ||  // see decode_about_views
                     kind == wire::KIND_FORWARD || kind == wire::KIND_STATE;
  return large ? limits::kMaxFrameBytes : 1 << 10;
}

// More pieces than an answer may have are refused before they are parsed: each costs many times its
// size in memory.
bool has_too_many_pieces(BytesView body) {
  google::protobuf::io::CodedInputStream in(reinterpret_cast<const std::uint8_t*>(body.data()),
                                            static_cast<int>(body.size()));
  std::size_t pieces = 0;
  while (const std::uint32_t tag = in.ReadTag()) {
    using Wire = google::protobuf::internal::WireFormatLite;
    if (!Wire::SkipField(&in, tag)) return false;  // malformed: parsing says so
    const bool piece = Wire::GetTagFieldNumber(tag) == wire::StateAnswer::kGroupsFieldNumber ||
                       Wire::GetTagFieldNumber(tag) == wire::StateAnswer::kPagesFieldNumber;
    if (piece && ++pieces > limits::kMaxPagesPerMessage) return true;
  }
  return false;
}

Result<Inbound> decode_state(const wire::Envelope& envelope) {
  if (has_too_many_pieces(envelope.body())) {
    return Error{ErrorCode::kTooLarge, "too many pages"};
  }
  auto answer = parse<wire::StateAnswer>(envelope.body(), "part of a snapshot");
  if (!answer) return answer.error();
  return Inbound(std::move(*answer));
}

// Messages that stand as evidence carry their sender's signature where peers may lie.
bool is_evidence(const wire::AgreementMessage& body) {
  return body.has_pre_prepare() || body.has_prepare() || body.has_commit() || body.has_checkpoint();
}

}  // namespace

wire::SignedHeader header_of(const wire::Envelope& envelope) {
  wire::SignedHeader header;
  header.set_site(envelope.site());
  header.set_server(envelope.server());
  header.set_body(envelope.body());
  header.set_signature(envelope.signature());
  return header;
}

std::optional<wire::Life> life_of(const wire::Envelope& envelope) {
  if (!envelope.has_life()) return std::nullopt;
  return envelope.life();
}

// Digests of statements whose signatures held: an update is checked once, however often it comes
// by (from its client, forwarded, proposed). Oldest entries leave first.
class Verifier::Cache {
 public:
  bool contains(const crypto::Digest& digest) {
    const std::lock_guard lock(mutex_);
    return known_.contains(digest);
  }
  void add(const crypto::Digest& digest) {
    const std::lock_guard lock(mutex_);
    if (!known_.insert(digest).second) return;
    order_.push_back(digest);
    if (order_.size() > kEntries) {
      known_.erase(order_.front());
      order_.pop_front();
    }
  }

 private:
  static constexpr std::size_t kEntries = 1 << 16;
  std::mutex mutex_;
  std::set<crypto::Digest> known_;
  std::deque<crypto::Digest> order_;
};

Verifier::Verifier(const ClusterConfig& config, std::shared_ptr<const crypto::KeyDirectory> keys,
                   ServerId self)
    : config_(config),
      keys_(std::move(keys)),
      self_(self),
      domain_{keys_->cluster_id().str(), config.epoch},
      local_signs_(config.sites[self.site].protocol == LocalProtocol::kPbft),
      cache_(std::make_unique<Cache>()) {}

Verifier::~Verifier() = default;

Result<wire::Verified<Inbound>> Verifier::from_server(ServerId from, BytesView frame,
                                                      Work& work) const {
  if (frame.size() > limits::kMaxFrameBytes) return Error{ErrorCode::kTooLarge, "frame too large"};
  work.bytes += frame.size();
  auto envelope = parse<wire::Envelope>(frame, "envelope");
  if (!envelope) return envelope.error();
  if (envelope->site() != from.site || envelope->server() != from.server) {
    return bad_input("an envelope in another server's name");
  }
  auto inbound = decode(from, *envelope, false, work);
  if (!inbound) return inbound.error();
  return wire::Verified<Inbound>(std::move(*inbound), wire::Voucher{});
}

Result<wire::Verified<Inbound>> Verifier::from_self(BytesView frame) const {
  Work work;
  auto envelope = parse<wire::Envelope>(frame, "envelope");
  if (!envelope) return envelope.error();
  auto inbound = decode(self_, *envelope, true, work);
  if (!inbound) return inbound.error();
  return wire::Verified<Inbound>(std::move(*inbound), wire::Voucher{});
}

Result<Inbound> Verifier::decode(ServerId from, const wire::Envelope& envelope, bool trusted,
                                 Work& work) const {
  const wire::Kind kind = envelope.kind();
  // Other sites' servers bring signed outputs of their site and clients' updates, nothing else.
  const bool wide = kind == wire::KIND_SITE_DATA || kind == wire::KIND_FORWARD;
  if (from.site != self_.site && !wide) return bad_input("a site's inner message from outside");
  if (envelope.body().size() > max_body_bytes(kind)) {
    return Error{ErrorCode::kTooLarge, "a message too large for its kind"};
  }

  if (kind == wire::KIND_AGREEMENT) return decode_agreement(from, envelope, trusted, work);
  if (kind == wire::KIND_VIEW_CHANGE) return decode_about_views(from, envelope, trusted, work);
  if (kind == wire::KIND_TIMER_EXPIRED) {
    const wire::SignedHeader header = header_of(envelope);
    auto expired = parse<wire::TimerExpired>(envelope.body(), "timer proof");
    if (!expired) return expired.error();
    if (timer_body(expired->timer(), expired->generation()) != envelope.body()) {
      return bad_input("a timer proof in an unusual encoding");
    }
    const Status status = trusted ? Status() : check_header(header, kind, work);
    if (!status) return status.error();
    return Inbound(
        ExpiredTimer{expired->timer(), expired->generation(), header.SerializeAsString()});
  }
  if (kind == wire::KIND_SITE_DATA) {
    auto data = parse<wire::SiteData>(envelope.body(), "site data");
    if (!data) return data.error();
    if (from.site != self_.site && data->site() != from.site) {
      return bad_input("site data by way of a third site");
    }
    const Status status = check_site_data(*data, work);
    if (!status) return status.error();
    return Inbound(SiteDataReceived{std::make_shared<const wire::SiteData>(std::move(*data))});
  }
  if (kind == wire::KIND_FORWARD) {
    auto forward = parse<wire::Forward>(envelope.body(), "forwarded updates");
    if (!forward) return forward.error();
    if (static_cast<std::size_t>(forward->updates_size()) > limits::kMaxForwardUpdates) {
      return Error{ErrorCode::kTooLarge, "too many forwarded updates"};
    }
    ForwardedUpdates forwarded;
    for (const Bytes& encoded : forward->updates()) {
      auto update = check_update(encoded, work);
      if (!update) return update.error();
      forwarded.updates.push_back(std::move(*update));
    }
    return Inbound(std::move(forwarded));
  }
  const auto plain = [&]<class Message>(Message, const char* what) -> Result<Inbound> {
    auto message = parse<Message>(envelope.body(), what);
    if (!message) return message.error();
    return Inbound(std::move(*message));
  };
  if (kind == wire::KIND_SHARE) return decode_share(envelope);
  if (kind == wire::KIND_REFRESH) return decode_refresh(envelope, trusted, work);
  if (kind == wire::KIND_ACCUSATION) return decode_accusation(envelope, work);
  if (kind == wire::KIND_INTRODUCTION) return decode_introduction(envelope, work);
  if (kind == wire::KIND_SHARE_REQUEST) return plain(wire::ShareRequest(), "share request");
  if (kind == wire::KIND_STATE_REQUEST) return plain(wire::StateRequest(), "request");
  if (kind == wire::KIND_STATE) return decode_state(envelope);
  return bad_input("unknown kind of message");
}

Result<Inbound> Verifier::decode_agreement(ServerId from, const wire::Envelope& envelope,
                                           bool trusted, Work& work) const {
  auto body = parse<wire::AgreementMessage>(envelope.body(), "agreement message");
  if (!body) return body.error();
  auto message = std::make_shared<agreement::Message>();
  message->from = from.server;
  if (local_signs_ && is_evidence(*body)) {
    if (!is_canonical(*body, envelope.body())) return bad_input("a vote in an unusual encoding");
    const wire::SignedHeader header = header_of(envelope);
    const Status status = trusted ? Status() : check_header(header, wire::KIND_AGREEMENT, work);
    if (!status) return status.error();
    message->header = header.SerializeAsString();
  }
  if (carries_batch(*body)) {
    auto batch = wire::decode_batch(envelope.attachment());
    if (!batch) return batch.error();
    if ((*batch)->digest.view() != batch_digest_in(*body)) {
      return bad_input("a batch that does not match its digest");
    }
    // Committed batches have been found valid by a quorum, and what was asked for is for a quorum
    // to judge when it is proposed; proposals are for us.
    if (!trusted && !body->has_committed() && !body->has_batch_shown()) {
      for (const Bytes& item : (*batch)->items) {
        const Status status = check_event(item, work);
        if (!status) return status.error();
      }
    }
    message->batch = std::move(*batch);
  }
  if (!trusted) {
    const Status status = check_certificate(*body, work);
    if (!status) return status.error();
  }
  message->body = std::move(*body);
  return Inbound(LocalAgreement{{std::move(message), wire::Voucher{}}, life_of(envelope)});
}

Status Verifier::check_certificate(const wire::AgreementMessage& body, Work& work) const {
  if (!local_signs_) return {};
  const Certificate certificate = certificate_in(body);
  if (certificate.proofs == nullptr) return {};
  // Bounded, fields that nobody knows included: it goes on into view changes, which have room for
  // so much (limits::max_view_change_bytes).
  constexpr std::size_t kRest = 256;
  constexpr std::size_t kFraming = 8;
  const std::uint32_t quorum = config_.sites[self_.site].quorums().quorum();
  if (static_cast<std::uint32_t>(certificate.proofs->size()) > quorum) {
    return Error{ErrorCode::kTooLarge, "too many proofs"};
  }
  if (body.ByteSizeLong() > kRest + quorum * (limits::kMaxVoteBytes + kFraming)) {
    return Error{ErrorCode::kTooLarge, "a certificate too large"};
  }
  std::set<ServerIndex> signers;
  for (const Bytes& proof : *certificate.proofs) {
    if (proof.size() > limits::kMaxVoteBytes) {
      return Error{ErrorCode::kTooLarge, "a vote too large"};
    }
    auto header = parse<wire::SignedHeader>(proof, "proof");
    if (!header) return header.error();
    if (header->body() != certificate.vote) return bad_input("a proof of something else");
    const Status status = check_header(*header, wire::KIND_AGREEMENT, work);
    if (!status) return status.error();
    signers.insert(header->server());
  }
  if (signers.size() != quorum) return bad_input("too few proofs for a certificate");
  return {};
}

// Of a server of this site.
Status Verifier::check_header(const wire::SignedHeader& header, wire::Kind kind, Work& work) const {
  const auto& servers = keys_->sites[self_.site].servers;
  if (header.site() != self_.site || header.server() >= servers.size()) {
    return bad_input("a signature of an unknown server");
  }
  const ServerId signer{header.site(), header.server()};
  const Bytes statement = wire::server_statement(domain_, kind, signer, header.body());
  const crypto::Digest digest = crypto::sha256_parts({statement, header.signature()});
  if (cache_->contains(digest)) return {};
  ++work.server_signatures;
  if (!keys_->signatures->verify(servers[header.server()], statement, header.signature())) {
    return bad_input("a server's signature does not hold");
  }
  cache_->add(digest);
  return {};
}

Status Verifier::check_event(BytesView item, Work& work) const {
  work.bytes += item.size();
  auto event = parse<wire::LmEvent>(item, "event");
  if (!event) return event.error();
  if (event->has_client_update()) {
    auto update = check_update(event->client_update(), work);
    return update ? Status() : Status(update.error());
  }
  if (event->has_site_data()) return check_site_data(event->site_data(), work);
  if (event->has_timeout()) return check_timeout(event->timeout(), work);
  if (event->has_refresh()) return check_refresh(event->refresh(), work);
  if (event->has_refresh_order()) return check_refresh_order(event->refresh_order(), work);
  return bad_input("an empty event");
}

Status Verifier::check_timeout(const wire::LmTimeout& timeout, Work& work) const {
  if (static_cast<std::size_t>(timeout.proofs_size()) > limits::kMaxProofs) {
    return Error{ErrorCode::kTooLarge, "too many proofs"};
  }
  const Bytes body = timer_body(timeout.timer(), timeout.generation());
  std::set<ServerIndex> signers;
  for (const Bytes& proof : timeout.proofs()) {
    auto header = parse<wire::SignedHeader>(proof, "timer proof");
    if (!header) return header.error();
    if (header->body() != body) return bad_input("a proof of another timer");
    const Status status = check_header(*header, wire::KIND_TIMER_EXPIRED, work);
    if (!status) return status;
    signers.insert(header->server());
  }
  if (signers.size() < config_.sites[self_.site].quorums().one_correct()) {
    return bad_input("too few timer proofs");
  }
  return {};
}

Status Verifier::check_site_data(const wire::SiteData& data, Work& work) const {
  if (data.site() >= keys_->sites.size() || data.site() == self_.site) {
    return bad_input("site data of an unknown site");
  }
  const bool sized = data.leaf_count() > 0 && data.leaf_count() <= limits::kMaxLeavesPerBatch &&
                     data.leaves_size() > 0 &&
                     static_cast<std::uint32_t>(data.leaves_size()) <= data.leaf_count();
  if (!sized) return bad_input("site data of impossible shape");
  if (data.ByteSizeLong() > limits::kMaxSiteDataBytes) {
    return Error{ErrorCode::kTooLarge, "site data too large"};
  }
  // Whoever passes site data on can take leaves away. What is left must be without a gap, or the
  // queue of the receiver would count as come what is not there.
  std::uint64_t last = 0;
  bool acknowledged = false;
  for (const wire::Leaf& leaf : data.leaves()) {
    if (leaf.type() == wire::LEAF_ACK) {
      if (std::exchange(acknowledged, true)) return bad_input("two acknowledgements at once");
    } else {
      if (last != 0 && leaf.link_sequence() != last + 1) return bad_input("a gap in site data");
      if (last != 0 && leaf.type() == wire::LEAF_SKIP) return bad_input("a skip out of place");
      last = leaf.link_sequence();
    }
    const Status status = check_leaf(data, leaf, work);
    if (!status) return status;
  }
  return check_site_signature(data, work);
}

Status Verifier::check_leaf(const wire::SiteData& data, const wire::Leaf& leaf, Work& work) const {
  const bool message = leaf.type() == wire::LEAF_MESSAGE;
  const bool acknowledgement = leaf.type() == wire::LEAF_ACK;
  const bool update = leaf.type() == wire::LEAF_UPDATE;
  if (!message && !acknowledgement && !update && leaf.type() != wire::LEAF_SKIP) {
    return bad_input("a leaf of an unknown type");
  }
  if (leaf.destination() != (acknowledgement ? site::blink::kEverySite : self_.site)) {
    return bad_input("a leaf for another site");
  }
  // Between them there is always a next one.
  if (!acknowledgement && (leaf.link_sequence() == 0 || leaf.link_sequence() == ~0ULL)) {
    return bad_input("an impossible link sequence");
  }
  if (!message && !leaf.attachment().empty()) return bad_input("an attachment without use");
  const Status status = check_path(data, leaf);
  if (!status) return status;
  if (update) {
    const auto checked = check_update(leaf.body(), work);
    return checked ? Status() : Status(checked.error());
  }
  return message ? check_wide_message(data.site(), leaf, work) : Status();
}

Status Verifier::check_site_signature(const wire::SiteData& data, Work& work) const {
  const auto root = crypto::Digest::from(data.root());
  if (!root) return bad_input("a malformed root");
  const Bytes statement =
      wire::site_statement(domain_, data.site(), data.batch(), data.leaf_count(), *root);
  const crypto::Digest digest = crypto::sha256_parts({statement, data.signature()});
  if (cache_->contains(digest)) return {};
  work.site_signatures.push_back(data.site());
  if (!keys_->sites[data.site()].site->verify(statement, data.signature())) {
    return bad_input("a site's signature does not hold");
  }
  cache_->add(digest);
  return {};
}

// A quorum of sites stands behind it: those with proofs, and the sender, for which its signature on
// the certificate speaks. (If the sender lies, the others are still all but F - 1 honest.) Wide
// Paxos proves nothing, since its sites do not lie.
Status Verifier::check_wide_certificate(SiteId sender, const wire::AgreementMessage& body,
                                        Work& work) const {
  if (config_.wide != WideProtocol::kPbft) return {};
  const Certificate certificate = certificate_in(body);
  if (certificate.proofs == nullptr) return {};
  if (static_cast<std::size_t>(certificate.proofs->size()) > limits::kMaxSites) {
    return Error{ErrorCode::kTooLarge, "too many proofs"};
  }
  std::set<SiteId> voters{sender};
  for (const Bytes& proof : *certificate.proofs) {
    auto voter = check_wide_vote(proof, certificate.vote, true, work);
    if (!voter) return voter.error();
    voters.insert(*voter);
  }
  if (voters.size() < config_.quorums().quorum())
    return bad_input("too few sites for a certificate");
  return {};
}

// The site whose vote this is; or, with `or_word`, one that has sent such a certificate itself.
Result<SiteId> Verifier::check_wide_vote(BytesView proof, BytesView expected, bool or_word,
                                         Work& work) const {
  auto data = parse<wire::SiteData>(proof, "proof");
  if (!data) return data.error();
  const bool known = data->site() < keys_->sites.size();
  if (!known || data->leaves_size() != 1) return bad_input("a proof of impossible shape");
  const wire::Leaf& leaf = data->leaves(0);
  const bool fits = leaf.body() == expected || (or_word && certifies(leaf.body(), expected));
  if (leaf.type() != wire::LEAF_MESSAGE || !fits || !leaf.attachment().empty()) {
    return bad_input("a proof of something else");
  }
  Status status = check_path(*data, leaf);
  if (status) status = check_site_signature(*data, work);
  if (!status) return status.error();
  return data->site();
}

Status Verifier::check_wide_message(SiteId sender, const wire::Leaf& leaf, Work& work) const {
  auto body = parse<wire::AgreementMessage>(leaf.body(), "wide message");
  if (!body) return body.error();
  if (config_.wide == WideProtocol::kPbft && !is_canonical(*body, leaf.body())) {
    return bad_input("a vote in an unusual encoding");
  }
  Status status = check_wide_certificate(sender, *body, work);
  if (status) status = check_wide_views(sender, *body, work);
  if (!status) return status;
  if (!carries_batch(*body)) {
    return leaf.attachment().empty() ? Status() : Status(bad_input("an attachment without use"));
  }
  // A larger one could not be passed on to a site that asks for it later.
  constexpr std::size_t kEncodingBytes = 64 << 10;
  if (leaf.attachment().size() > limits::kMaxWideBatchBytes + kEncodingBytes) {
    return Error{ErrorCode::kTooLarge, "a wide batch too large"};
  }
  auto batch = wire::decode_batch(leaf.attachment());
  if (!batch) return batch.error();
  if ((*batch)->digest.view() != batch_digest_in(*body)) {
    return bad_input("a wide batch that does not match its digest");
  }
  for (const Bytes& update : (*batch)->items) {
    auto checked = check_update(update, work);
    if (!checked) return checked.error();
  }
  return {};
}

Result<CheckedUpdate> Verifier::check_update(BytesView encoded, Work& work) const {
  if (encoded.size() > limits::kMaxUpdateBytes) {
    return Error{ErrorCode::kTooLarge, "update too large"};
  }
  auto outer = parse<wire::SignedUpdate>(encoded, "update");
  if (!outer) return outer.error();
  auto update = parse<wire::Update>(outer->update(), "update");
  if (!update) return update.error();
  if (!keys_->is_client(update->client())) return bad_input("an update of an unknown client");
  work.bytes += encoded.size();
  const Bytes statement = wire::client_statement(domain_, outer->update());
  const crypto::Digest digest = crypto::sha256_parts({statement, outer->signature()});
  if (!cache_->contains(digest)) {
    ++work.server_signatures;
    if (!keys_->signatures->verify(update->client(), statement, outer->signature())) {
      return bad_input("a client's signature does not hold");
    }
    cache_->add(digest);
  }
  return CheckedUpdate{update->client(), update->session(), update->timestamp(), Bytes(encoded)};
}

Result<wire::Verified<ClientInbound>> Verifier::from_client(BytesView client, BytesView frame,
                                                            Work& work) const {
  if (frame.size() > limits::kMaxFrameBytes) return Error{ErrorCode::kTooLarge, "frame too large"};
  work.bytes += frame.size();
  auto message = parse<wire::ClientMessage>(frame, "client message");
  if (!message) return message.error();
  const auto verified = [](auto value) {
    return wire::Verified<ClientInbound>(ClientInbound(std::move(value)), wire::Voucher{});
  };
  if (message->has_update()) {
    auto update = check_update(message->update().SerializeAsString(), work);
    if (!update) return update.error();
    if (update->client != client) return bad_input("an update in another client's name");
    return verified(std::move(*update));
  }
  if (message->has_query()) {
    if (message->query().payload().size() > limits::kMaxUpdateBytes) {
      return Error{ErrorCode::kTooLarge, "query too large"};
    }
    return verified(std::move(*message->mutable_query()));
  }
  if (message->has_status_request()) return verified(message->status_request());
  if (message->has_refresh_request()) {
    wire::LmEvent event;
    event.set_refresh_order(message->refresh_request().order().SerializeAsString());
    const Status status = check_refresh_order(event.refresh_order(), work);
    if (!status) return status.error();
    return verified(RefreshOrdered{message->refresh_request().id(), event.SerializeAsString()});
  }
  return bad_input("not a client's request");
}

}  // namespace steward::replica
