#include "agreement/pbft.h"

namespace steward::agreement {
namespace {

template <class Body>
void fill(Body& body, View view, Sequence sequence, const crypto::Digest& digest) {
  body.set_view(view);
  body.set_sequence(sequence);
  body.set_digest(digest.str());
}

wire::AgreementMessage commit_body(Sequence n, const Certificate& prepared) {
  wire::AgreementMessage body;
  fill(*body.mutable_commit(), prepared.view, n, prepared.digest);
  return body;
}

wire::AgreementMessage checkpoint_body(Sequence n, const crypto::Digest& digest) {
  wire::AgreementMessage body;
  body.mutable_checkpoint()->set_sequence(n);
  body.mutable_checkpoint()->set_digest(digest.str());
  return body;
}

}  // namespace

bool Pbft::receive_vote(const Message& message, Actions& actions) {
  const wire::AgreementMessage& body = message.body;
  if (body.has_pre_prepare()) {
    if (const auto ballot = ballot_of(body.pre_prepare())) on_proposal(*ballot, message, actions);
  } else if (body.has_prepare()) {
    if (const auto ballot = ballot_of(body.prepare())) on_echo(*ballot, message, actions);
  } else if (body.has_commit()) {
    if (const auto ballot = ballot_of(body.commit())) on_commit(*ballot, message, actions);
  } else if (body.has_checkpoint()) {
    on_checkpoint_vote(message, actions);
  } else {
    return false;
  }
  return true;
}

wire::AgreementMessage Pbft::proposal_body(const Ballot& ballot) const {
  wire::AgreementMessage body;
  fill(*body.mutable_pre_prepare(), ballot.view, ballot.sequence, ballot.digest);
  return body;
}

wire::AgreementMessage Pbft::echo_body(const Ballot& ballot) const {
  wire::AgreementMessage body;
  fill(*body.mutable_prepare(), ballot.view, ballot.sequence, ballot.digest);
  return body;
}

void Pbft::on_backed(Sequence n, Slot& slot, Actions& actions) {
  if (slot.prepared && slot.prepared->view == view_) return;
  const crypto::Digest digest = slot.proposal->batch->digest;
  Certificate certificate{view_, digest, {slot.proposal->header}, slot.proposal->batch};
  for (Bytes& header :
       vote_headers(slot.echoes, view_, digest, options_.quorums.quorum() - 1, leader())) {
    certificate.proofs.push_back(std::move(header));
  }
  log_.prepare(n, std::move(certificate), actions);
  send_all(commit_body(n, *slot.prepared), actions);
  try_commit(n, slot, actions);
}

void Pbft::on_commit(const Ballot& ballot, const Message& message, Actions& actions) {
  if (!admit(ballot, message.from, actions)) return;
  Slot& slot = log_.at(ballot.sequence);
  if (add_vote(slot.commits, ballot, message)) try_commit(ballot.sequence, slot, actions);
}

void Pbft::try_commit(Sequence n, const Slot& slot, Actions& actions) {
  if (!slot.prepared || slot.prepared->view != view_) return;
  const std::uint32_t quorum = options_.quorums.quorum();
  const crypto::Digest& digest = slot.prepared->digest;
  if (count_votes(slot.commits, view_, digest) < quorum) return;
  log_.choose(
      n, Chosen{view_, slot.proposal->batch, vote_headers(slot.commits, view_, digest, quorum)},
      actions);
}

// --- checkpoints

void Pbft::on_checkpoint(Sequence n, Actions& actions) {
  if (voting_) send_all(checkpoint_body(n, log_.taken().at(n)), actions);
  try_stable(n, actions);
}

void Pbft::on_checkpoint_vote(const Message& message, Actions& actions) {
  const Sequence n = message.body.checkpoint().sequence();
  const auto digest = crypto::Digest::from(message.body.checkpoint().digest());
  if (!digest || !log_.is_checkpoint(n)) return reject("malformed");
  if (!admit_window(n, message.from)) return;
  if (add_vote(checkpoint_votes_[n], Ballot{0, n, *digest}, message)) try_stable(n, actions);
}

void Pbft::try_stable(Sequence n, Actions& actions) {
  const auto own = log_.taken().find(n);
  const auto votes = checkpoint_votes_.find(n);
  if (own == log_.taken().end() || votes == checkpoint_votes_.end()) return;
  const std::uint32_t quorum = options_.quorums.quorum();
  if (count_votes(votes->second, 0, own->second) < quorum) return;
  wire::StableCheckpoint certificate;
  certificate.set_sequence(n);
  certificate.set_digest(own->second.str());
  for (Bytes& header : vote_headers(votes->second, 0, own->second, quorum)) {
    certificate.add_proofs(std::move(header));
  }
  make_stable(certificate, actions);
}

void Pbft::forget_below_stable() {
  checkpoint_votes_.erase(checkpoint_votes_.begin(), checkpoint_votes_.upper_bound(log_.stable()));
}

// --- retransmission, state

void Pbft::resend_later_votes(Sequence n, const Slot& slot, std::optional<PeerId> to,
                              Actions& actions) const {
  if (!slot.prepared || slot.prepared->view != view_) return;
  actions.sends.push_back({to, commit_body(n, *slot.prepared), nullptr, true});
}

void Pbft::resend_checkpoints(Sequence above, std::optional<PeerId> to, Actions& actions) const {
  for (auto own = log_.taken().upper_bound(above); own != log_.taken().end(); ++own) {
    actions.sends.push_back({to, checkpoint_body(own->first, own->second), nullptr, true});
  }
}

void Pbft::check_invariants() const {
  LeaderCore::check_invariants();
  STEWARD_CHECK(options_.quorums.byzantine);
  for (const auto& [n, votes] : checkpoint_votes_) {
    STEWARD_CHECK(log_.in_window(n) && log_.is_checkpoint(n));
    STEWARD_CHECK(votes.size() <= options_.quorums.peers);
  }
  for (const auto& [n, slot] : log_.slots()) {
    if (slot.prepared) STEWARD_CHECK(slot.prepared->proofs.size() == options_.quorums.quorum());
    if (slot.chosen) STEWARD_CHECK(slot.chosen->proofs.size() >= options_.quorums.quorum());
    if (slot.chosen || n <= log_.committed()) continue;
    // What has its quorum has moved on.
    const bool backed = is_backed(slot, view_, leader(), options_.quorums.quorum());
    STEWARD_CHECK(!backed || slot.prepared || !voting_);
    if (!slot.prepared) continue;
    STEWARD_CHECK(count_votes(slot.commits, slot.prepared->view, slot.prepared->digest) <
                  options_.quorums.quorum());
  }
}

void Pbft::encode_more(Bytes& out) const {
  append_u32(out, static_cast<std::uint32_t>(checkpoint_votes_.size()));
  for (const auto& [n, votes] : checkpoint_votes_) {
    append_u64(out, n);
    encode_votes(votes, out);
  }
}

bool Pbft::decode_more(Reader& in) {
  checkpoint_votes_.clear();
  for (std::uint32_t left = in.u32(); left > 0 && in.ok(); --left) {
    const Sequence n = in.u64();
    if (!decode_votes(in, checkpoint_votes_[n])) return false;
  }
  return in.ok();
}

}  // namespace steward::agreement
