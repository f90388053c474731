// What the servers of a site say about their views, checked: replica::Verifier.

#include <set>

#include "replica/verifier.h"
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

// What goes around a view change when it is passed on: who signed it, and the signature.
constexpr std::size_t kPassedOnBytes = 512;

template <class Vote>
void copy_vote(const wire::Candidate& from, Vote& to) {
  to.set_view(from.view());
  to.set_sequence(from.sequence());
  to.set_digest(from.digest());
}

}  // namespace

Result<Inbound> Verifier::decode_about_views(ServerId from, const wire::Envelope& envelope,
                                             bool trusted, Work& work) const {
  const std::uint32_t quorum = config_.sites[self_.site].quorums().quorum();
  const std::size_t limit =
      limits::max_view_change_bytes(quorum, config_.ordering.checkpoint_interval);
  if (envelope.body().size() > limit + 2 * kPassedOnBytes) {
    return Error{ErrorCode::kTooLarge, "a view change too large"};
  }
  std::size_t said_bytes = envelope.body().size();
  auto body = parse<wire::AgreementMessage>(envelope.body(), "message about views");
  if (!body) return body.error();
  auto message = std::make_shared<agreement::Message>();
  message->from = from.server;
  wire::SignedHeader header;
  if (body->has_evidence()) {
    // Passed on: what counts is who signed it.
    if (!local_signs_) return bad_input("evidence where nothing is signed");
    message->header = body->evidence().header();
    auto inner = parse<wire::SignedHeader>(message->header, "evidence");
    if (!inner) return inner.error();
    header = std::move(*inner);
    // Whoever accepts it can pass it on: with room for what this server adds.
    if (message->header.size() > limit + kPassedOnBytes) {
      return Error{ErrorCode::kTooLarge, "a view change too large"};
    }
    said_bytes = header.body().size();
    auto said = parse<wire::AgreementMessage>(header.body(), "evidence");
    if (!said) return said.error();
    body = std::move(said);
    message->from = header.server();
    trusted = false;
  } else if (local_signs_) {
    header.set_site(envelope.site());
    header.set_server(envelope.server());
    header.set_body(envelope.body());
    header.set_signature(envelope.signature());
    message->header = header.SerializeAsString();
  }
  if (said_bytes > limit) return Error{ErrorCode::kTooLarge, "a view change too large"};
  if (!body->has_view_change() && !body->has_new_view()) {
    return bad_input("not a message about views");
  }
  if (!trusted) {
    Status status = local_signs_ ? check_header(header, wire::KIND_VIEW_CHANGE, work) : Status();
    if (status && body->has_view_change()) status = check_view_change(body->view_change(), work);
    if (!status) return status.error();
    auto births = check_births(body->view_change(), work);
    if (!births) return births.error();
    message->births = std::move(*births);
  }
  message->body = std::move(*body);
  return Inbound(LocalAgreement{{std::move(message), wire::Voucher{}}, life_of(envelope)});
}

Status Verifier::check_view_change(const wire::ViewChange& body, Work& work) const {
  const auto most = 2 * static_cast<std::size_t>(config_.ordering.checkpoint_interval);
  if (static_cast<std::size_t>(body.candidates_size()) > most) {
    return Error{ErrorCode::kTooLarge, "a view change for more than the window"};
  }
  if (!local_signs_) return {};
  if (body.checkpoint().sequence() > 0) {
    wire::AgreementMessage checkpoint;
    *checkpoint.mutable_stable_checkpoint() = body.checkpoint();
    const Status status = check_certificate(checkpoint, work);
    if (!status) return status;
  }
  for (const wire::Candidate& candidate : body.candidates()) {
    const Status status = check_candidate(candidate, work);
    if (!status) return status;
  }
  return {};
}

// What its sender knows of the memories of others, each in its own signed word.
Result<std::map<agreement::PeerId, agreement::Birth>> Verifier::check_births(
    const wire::ViewChange& body, Work& work) const {
  std::map<agreement::PeerId, agreement::Birth> births;
  if (!local_signs_) return births;
  const std::size_t peers = config_.sites[self_.site].servers.size();
  if (static_cast<std::size_t>(body.births_size()) > peers) {
    return Error{ErrorCode::kTooLarge, "more births than servers"};
  }
  for (const Bytes& said : body.births()) {
    if (said.size() > limits::kMaxVoteBytes) {
      return Error{ErrorCode::kTooLarge, "an introduction too large"};
    }
    auto header = parse<wire::SignedHeader>(said, "introduction");
    if (!header) return header.error();
    auto in = parse<wire::Introduction>(header->body(), "introduction");
    if (!in) return in.error();
    if (!in->has_hello()) return bad_input("not an introduction");
    const Status status = check_header(*header, wire::KIND_INTRODUCTION, work);
    if (!status) return status.error();
    const wire::Life& life = in->hello().life();
    births[header->server()] = {life.since(), life.view_bound()};
  }
  return births;
}

// Of a memory that begins anew others have to be shown that its server said so.
Result<Inbound> Verifier::decode_introduction(const wire::Envelope& envelope, Work& work) const {
  auto body = parse<wire::Introduction>(envelope.body(), "introduction");
  if (!body) return body.error();
  Introduced in{std::move(*body), {}};
  if (!local_signs_ || !in.body.has_hello()) return Inbound(std::move(in));
  const wire::SignedHeader header = header_of(envelope);
  in.header = header.SerializeAsString();
  if (in.header.size() > limits::kMaxVoteBytes) {
    return Error{ErrorCode::kTooLarge, "an introduction too large"};
  }
  const Status status = check_header(header, wire::KIND_INTRODUCTION, work);
  if (!status) return status.error();
  return Inbound(std::move(in));
}

// A prepared certificate: the leader's PrePrepare, and Prepares of quorum - 1 others.
Status Verifier::check_candidate(const wire::Candidate& candidate, Work& work) const {
  const Quorums quorums = config_.sites[self_.site].quorums();
  if (static_cast<std::uint32_t>(candidate.proofs_size()) != quorums.quorum()) {
    return bad_input("a prepared certificate without a quorum");
  }
  const auto leader = static_cast<ServerIndex>(candidate.view() % quorums.peers);
  wire::AgreementMessage proposal;
  wire::AgreementMessage echo;
  copy_vote(candidate, *proposal.mutable_pre_prepare());
  copy_vote(candidate, *echo.mutable_prepare());
  const Bytes proposal_body = proposal.SerializeAsString();
  const Bytes echo_body = echo.SerializeAsString();
  std::set<ServerIndex> signers;
  for (const Bytes& proof : candidate.proofs()) {
    if (proof.size() > limits::kMaxVoteBytes) {
      return Error{ErrorCode::kTooLarge, "a vote too large"};
    }
    auto header = parse<wire::SignedHeader>(proof, "vote");
    if (!header) return header.error();
    if (header->body() != (header->server() == leader ? proposal_body : echo_body)) {
      return bad_input("a vote for something else");
    }
    const Status status = check_header(*header, wire::KIND_AGREEMENT, work);
    if (!status) return status;
    signers.insert(header->server());
  }
  if (signers.size() != quorums.quorum() || !signers.contains(leader)) {
    return bad_input("a prepared certificate without a quorum");
  }
  return {};
}

}  // namespace steward::replica
