// Checks of what concerns the site's key: shares, messages of a renewal, accusations.

#include "replica/verifier.h"
#include "wire/limits.h"

namespace steward::replica {
namespace {

Result<wire::Share> parse_share(BytesView body) {
  wire::Share share;
  if (!share.ParseFromArray(body.data(), static_cast<int>(body.size()))) {
    return bad_input("malformed share");
  }
  if (std::max(share.share().size(), share.proof().size()) > limits::kMaxShareBytes) {
    return Error{ErrorCode::kTooLarge, "share too large"};
  }
  return share;
}

}  // namespace

// The signature is checked only when the share turns out to be wrong and it is needed as evidence:
// the connection says already who it comes from.
Result<Inbound> Verifier::decode_share(const wire::Envelope& envelope) const {
  auto share = parse_share(envelope.body());
  if (!share) return share.error();
  return Inbound(ShareReceived{std::move(*share), header_of(envelope).SerializeAsString()});
}

Result<Inbound> Verifier::decode_refresh(const wire::Envelope& envelope, bool trusted,
                                         Work& work) const {
  wire::LmEvent event;
  event.set_refresh(header_of(envelope).SerializeAsString());
  const Status status = trusted ? Status() : check_refresh(event.refresh(), work);
  if (!status) return status.error();
  return Inbound(RefreshReceived{event.SerializeAsString()});
}

Result<Inbound> Verifier::decode_accusation(const wire::Envelope& envelope, Work& work) const {
  wire::SignedHeader header;
  if (!header.ParseFromString(envelope.body())) return bad_input("malformed accusation");
  const Status status = check_header(header, wire::KIND_SHARE, work);
  if (!status) return status.error();
  auto share = parse_share(header.body());
  if (!share) return share.error();
  return Inbound(Accusation{header.server(), std::move(*share), header.SerializeAsString()});
}

// What the message says is for the logical machine to judge; here only who says it.
Status Verifier::check_refresh(BytesView signed_header, Work& work) const {
  wire::SignedHeader header;
  wire::RefreshMessage message;
  const bool parsed =
      header.ParseFromArray(signed_header.data(), static_cast<int>(signed_header.size())) &&
      message.ParseFromString(header.body());
  if (!parsed) return bad_input("malformed renewal message");
  const std::size_t largest =
      std::max(message.deal().deal().size(), message.complaint().complaint().size());
  if (largest > limits::kMaxDealBytes) {
    return Error{ErrorCode::kTooLarge, "a renewal message too large"};
  }
  return check_header(header, wire::KIND_REFRESH, work);
}

Status Verifier::check_refresh_order(BytesView encoded, Work& work) const {
  wire::RefreshOrder order;
  if (!order.ParseFromArray(encoded.data(), static_cast<int>(encoded.size())) ||
      order.site() != self_.site) {
    return bad_input("a renewal order that is malformed or for another site");
  }
  if (!keys_->is_operator(order.client())) {
    return bad_input("a renewal order of somebody who is not an operator");
  }
  ++work.server_signatures;
  const Bytes statement = wire::refresh_statement(domain_, order.site(), order.share_epoch());
  if (!keys_->signatures->verify(order.client(), statement, order.signature())) {
    return bad_input("an operator's signature does not hold");
  }
  return {};
}

}  // namespace steward::replica
