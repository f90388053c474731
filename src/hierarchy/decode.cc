#include "hierarchy/decode.h"

#include <algorithm>
#include <set>

#include "hierarchy/context.h"
#include "wire/limits.h"

namespace steward::hierarchy {
namespace {

template <class Vote>
Bytes vote_bytes(const proto::Evidence& evidence, Vote& vote, const proto::ServerMessage& message) {
  vote.set_global_view(evidence.global_view());
  vote.set_local_view(evidence.local_view());
  vote.set_sequence(evidence.sequence());
  vote.set_digest(evidence.digest());
  return message.SerializeAsString();
}

class Decoder {
 public:
  Decoder(const Shape& shape, const Signatures& signatures)
      : shape_(shape), signatures_(signatures) {}

  Result<SiteWordPtr> word(const wire::SiteData& data) const;
  Status inside(Message& message) const;
  Status batch(const Bytes& attachment, Message& message, bool check_items) const;

 private:
  const Quorums& site() const { return shape_.sites[shape_.self]; }
  SiteId leader_of(View global) const { return static_cast<SiteId>(global % shape_.sites.size()); }
  Result<SiteWordPtr> shown_word(const Bytes& encoded) const;
  Result<ServerWord> shown_server(const Bytes& encoded) const;
  template <class State>
  Status state(const State& state) const;
  Status evidence(const proto::Evidence& evidence) const;
  Status prepared(const proto::Evidence& evidence) const;
  Status proposed(const proto::Evidence& evidence) const;
  Status ordering(const std::vector<SiteWordPtr>& words) const;
  Status reports(const google::protobuf::RepeatedPtrField<Bytes>& headers, Message& message) const;
  Status passed_on(Message& message) const;

  const Shape& shape_;
  const Signatures& signatures_;
};

// --- words of sites

Result<SiteWordPtr> Decoder::word(const wire::SiteData& data) const {
  const bool one = data.leaves_size() == 1 && data.site() < shape_.sites.size() &&
                   data.leaves(0).type() == wire::LEAF_HIERARCHY &&
                   data.leaves(0).destination() == kEverySite &&
                   data.leaves(0).link_sequence() == 0;
  if (!one) return bad_input("a word of impossible shape");
  const wire::Leaf& leaf = data.leaves(0);
  auto word = std::make_shared<SiteWord>();
  word->site = data.site();
  if (!word->body.ParseFromString(leaf.body())) return bad_input("a malformed word");
  const proto::SiteMessage& body = word->body;
  const bool digests =
      (!body.has_proposal() || crypto::Digest::from(body.proposal().digest())) &&
      (!body.has_accept() || crypto::Digest::from(body.accept().digest())) &&
      (!body.has_site_checkpoint() || crypto::Digest::from(body.site_checkpoint().digest()));
  if (!digests) return bad_input("a word without a digest");
  const auto most = static_cast<int>(shape_.global_window + kWindowSlack);
  if (body.global_constraint().evidence_size() > most) {
    return Error{ErrorCode::kTooLarge, "a constraint for more than the window"};
  }
  const Status status = signatures_.check_site(data);
  if (!status) return status.error();
  if (!leaf.attachment().empty()) {
    auto batch = wire::decode_batch(leaf.attachment());
    if (!batch) return batch.error();
    if ((*batch)->digest.view() != body.proposal().digest()) {
      return bad_input("a proposal of another batch");
    }
    word->batch = std::move(*batch);
  }
  wire::SiteData certificate = data;
  certificate.mutable_leaves(0)->clear_attachment();
  word->certificate = certificate.SerializeAsString();
  return SiteWordPtr(std::move(word));
}

Result<SiteWordPtr> Decoder::shown_word(const Bytes& encoded) const {
  wire::SiteData data;
  if (!data.ParseFromString(encoded)) return bad_input("a malformed certificate");
  return word(data);
}

// A Proposal, then the Accepts of enough other sites.
Status Decoder::ordering(const std::vector<SiteWordPtr>& words) const {
  if (words.empty() || !words.front()->body.has_proposal()) return bad_input("no proposal");
  const proto::Proposal& said = words.front()->body.proposal();
  if (words.front()->site != leader_of(said.global_view())) {
    return bad_input("a proposal of another site than the leader site");
  }
  std::set<SiteId> sites{words.front()->site};
  for (auto accept = words.begin() + 1; accept != words.end(); ++accept) {
    const proto::Accept& other = (*accept)->body.accept();
    const bool agrees = (*accept)->body.has_accept() && other.sequence() == said.sequence() &&
                        other.global_view() == said.global_view() &&
                        other.digest() == said.digest() && sites.insert((*accept)->site).second;
    if (!agrees) return bad_input("an accept of something else");
  }
  if (sites.size() != shape_.sites.size() / 2 + 1) return bad_input("no majority of sites");
  return {};
}

// --- evidence

// The PrePrepare of the representative, and Prepares of quorum - 1 others.
Status Decoder::prepared(const proto::Evidence& evidence) const {
  if (static_cast<std::uint32_t>(evidence.proofs_size()) != site().quorum()) {
    return bad_input("a prepare certificate without a quorum");
  }
  if (leader_of(evidence.global_view()) != shape_.self) {
    return bad_input("a prepare certificate of a view that this site did not lead");
  }
  const auto representative = static_cast<ServerIndex>(evidence.local_view() % site().peers);
  proto::ServerMessage proposal;
  proto::ServerMessage echo;
  const Bytes proposal_body = vote_bytes(evidence, *proposal.mutable_pre_prepare(), proposal);
  const Bytes echo_body = vote_bytes(evidence, *echo.mutable_prepare(), echo);
  std::set<ServerIndex> signers;
  for (const Bytes& proof : evidence.proofs()) {
    wire::SignedHeader header;
    if (proof.size() > limits::kMaxVoteBytes || !header.ParseFromString(proof)) {
      return bad_input("a malformed vote");
    }
    if (header.body() != (header.server() == representative ? proposal_body : echo_body)) {
      return bad_input("a vote for something else");
    }
    const Status status = signatures_.check_header(header);
    if (!status) return status;
    signers.insert(header.server());
  }
  if (signers.size() != site().quorum() || !signers.contains(representative)) {
    return bad_input("a prepare certificate without a quorum");
  }
  return {};
}

Status Decoder::proposed(const proto::Evidence& evidence) const {
  if (evidence.proofs().empty() ||
      static_cast<std::size_t>(evidence.proofs_size()) > shape_.sites.size()) {
    return bad_input("evidence without its proofs");
  }
  std::vector<SiteWordPtr> words;
  for (const Bytes& proof : evidence.proofs()) {
    auto word = shown_word(proof);
    if (!word) return word.error();
    words.push_back(std::move(*word));
  }
  const proto::Proposal& said = words.front()->body.proposal();
  const bool fits =
      words.front()->body.has_proposal() && words.front()->site == leader_of(said.global_view()) &&
      said.sequence() == evidence.sequence() && said.digest() == evidence.digest() &&
      said.global_view() == evidence.global_view() && said.local_view() == evidence.local_view();
  if (!fits) return bad_input("evidence of something else");
  if (evidence.kind() == proto::EVIDENCE_ORDERED) return ordering(words);
  return words.size() == 1 ? Status() : bad_input("more than a proposal");
}

Status Decoder::evidence(const proto::Evidence& evidence) const {
  if (!crypto::Digest::from(evidence.digest())) return bad_input("evidence without a digest");
  if (evidence.kind() == proto::EVIDENCE_PREPARED) return prepared(evidence);
  if (evidence.kind() == proto::EVIDENCE_NONE) return bad_input("evidence of nothing");
  return proposed(evidence);
}

template <class State>
Status Decoder::state(const State& state) const {
  if (static_cast<std::uint32_t>(state.evidence_size()) > shape_.global_window + kWindowSlack) {
    return Error{ErrorCode::kTooLarge, "a report of more than the window"};
  }
  for (const proto::Evidence& one : state.evidence()) {
    if (one.sequence() <= state.aru()) return bad_input("a report of what is ordered");
    const Status status = evidence(one);
    if (!status) return status;
  }
  return {};
}

// --- messages of servers

Result<ServerWord> Decoder::shown_server(const Bytes& encoded) const {
  wire::SignedHeader header;
  ServerWord word;
  const bool parsed = header.ParseFromString(encoded) && header.site() == shape_.self &&
                      header.server() < site().peers && word.body.ParseFromString(header.body());
  if (!parsed) return bad_input("a malformed word of a server");
  const Status status = signatures_.check_header(header);
  if (!status) return status.error();
  word.from = header.server();
  word.header = encoded;
  return word;
}

Status Decoder::reports(const google::protobuf::RepeatedPtrField<Bytes>& headers,
                        Message& message) const {
  if (static_cast<std::uint32_t>(headers.size()) != site().quorum()) {
    return bad_input("reports of no quorum");
  }
  for (const Bytes& encoded : headers) {
    auto word = shown_server(encoded);
    if (!word) return word.error();
    Status status = bad_input("a report of something else");
    if (word->body.has_local_state()) status = state(word->body.local_state());
    if (word->body.has_global_state()) status = state(word->body.global_state());
    if (!status) return status;
    message.servers.push_back(std::move(*word));
  }
  return {};
}

// Others' words: a NEW_LOCAL_VIEW counts as if its signer had brought it.
Status Decoder::passed_on(Message& message) const {
  const proto::PassedOn shown = message.body.passed_on();
  if (static_cast<std::uint32_t>(shown.headers_size()) > site().peers) {
    return Error{ErrorCode::kTooLarge, "too much passed on"};
  }
  for (const Bytes& encoded : shown.headers()) {
    auto word = shown_server(encoded);
    if (!word) return word.error();
    if (word->body.has_new_local_view() && shown.headers_size() == 1) {
      message.from = {shape_.self, word->from};
      message.body = word->body;
      message.header = word->header;
      return inside(message);
    }
    if (!word->body.has_new_rep()) return bad_input("something else passed on");
    message.servers.push_back(std::move(*word));
  }
  return {};
}

// What a message shows.
Status Decoder::inside(Message& message) const {
  const proto::ServerMessage& body = message.body;
  const auto show = [&](const Bytes& encoded) {
    auto word = shown_word(encoded);
    if (word) message.sites.push_back(std::move(*word));
    return word ? Status() : Status(word.error());
  };
  Status status;
  if (body.has_local_state()) return state(body.local_state());
  if (body.has_global_state()) return state(body.global_state());
  if (body.has_global_states()) return reports(body.global_states().states(), message);
  if (body.has_passed_on()) return passed_on(message);
  if (body.has_request_global_state()) return show(body.request_global_state().aru_message());
  if (body.has_new_local_view()) {
    const auto& constraints = body.new_local_view().constraints();
    if (static_cast<std::size_t>(constraints.size()) > shape_.sites.size()) {
      return Error{ErrorCode::kTooLarge, "constraints of more than all sites"};
    }
    for (const Bytes& encoded : constraints) {
      if (status) status = show(encoded);
    }
    return status ? reports(body.new_local_view().states(), message) : status;
  }
  if (!body.has_ordered()) return status;
  if (static_cast<std::size_t>(body.ordered().accepts_size()) > shape_.sites.size()) {
    return Error{ErrorCode::kTooLarge, "accepts of more than all sites"};
  }
  status = show(body.ordered().proposal());
  for (const Bytes& encoded : body.ordered().accepts()) {
    if (status) status = show(encoded);
  }
  return status ? ordering(message.sites) : status;
}

// The batch that comes with it, by the digest that the message names.
Status Decoder::batch(const Bytes& attachment, Message& message, bool check_items) const {
  const proto::ServerMessage& body = message.body;
  const Bytes* digest = nullptr;
  if (body.has_pre_prepare()) digest = &body.pre_prepare().digest();
  if (body.has_payload()) digest = &body.payload().digest();
  if (body.has_ordered()) digest = &message.sites.front()->body.proposal().digest();
  if (digest == nullptr) return {};
  auto batch = wire::decode_batch(attachment);
  if (!batch) return batch.error();
  if ((*batch)->digest.view() != *digest) {
    return bad_input("a batch that does not match its digest");
  }
  // Others have been found valid by a site.
  for (const Bytes& item : (*batch)->items) {
    const Status status =
        check_items && body.has_pre_prepare() ? signatures_.check_item(item) : Status();
    if (!status) return status;
  }
  message.batch = std::move(*batch);
  return {};
}

// The one encoding of a vote: certificates compare them byte by byte.
template <class Vote>
void copy_vote(const Vote& from, Vote& to) {
  set_view(view_of(from), to);
  to.set_sequence(from.sequence());
  to.set_digest(from.digest());
}

bool is_canonical(const proto::ServerMessage& body, BytesView encoded) {
  proto::ServerMessage plain;
  if (body.has_pre_prepare()) {
    copy_vote(body.pre_prepare(), *plain.mutable_pre_prepare());
  } else if (body.has_prepare()) {
    copy_vote(body.prepare(), *plain.mutable_prepare());
  } else {
    return true;
  }
  return plain.SerializeAsString() == encoded;
}

}  // namespace

bool is_signed(const proto::ServerMessage& body) {
  return body.has_pre_prepare() || body.has_prepare() || body.has_new_rep() ||
         body.has_local_state() || body.has_global_state() || body.has_new_local_view();
}

Result<std::shared_ptr<const Message>> decode_message(const Shape& shape,
                                                      const Signatures& signatures, ServerId from,
                                                      const wire::SignedHeader& header,
                                                      const Bytes& attachment, bool trusted) {
  auto message = std::make_shared<Message>();
  message->from = from;
  if (!message->body.ParseFromString(header.body())) return bad_input("a malformed message");
  const proto::ServerMessage& body = message->body;
  if (body.message_case() == proto::ServerMessage::MESSAGE_NOT_SET) {
    return bad_input("an unknown message");
  }
  if (!is_canonical(body, header.body())) return bad_input("a vote in an unusual encoding");
  if (is_signed(body)) {
    const Status status = trusted ? Status() : signatures.check_header(header);
    if (!status) return status.error();
    message->header = header.SerializeAsString();
  }
  const Decoder decoder(shape, signatures);
  Status status = decoder.inside(*message);
  if (status) status = decoder.batch(attachment, *message, !trusted);
  if (!status) return status.error();
  return std::shared_ptr<const Message>(std::move(message));
}

Result<SiteWordPtr> decode_word(const Shape& shape, const Signatures& signatures,
                                const wire::SiteData& data) {
  const Decoder decoder(shape, signatures);
  return decoder.word(data);
}

}  // namespace steward::hierarchy
