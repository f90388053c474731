#include "agreement/paxos.h"

namespace steward::agreement {

bool Paxos::receive_vote(const Message& message, Actions& actions) {
  if (message.body.has_proposal()) {
    if (const auto ballot = ballot_of(message.body.proposal())) {
      on_proposal(*ballot, message, actions);
    }
  } else if (message.body.has_accept()) {
    if (const auto ballot = ballot_of(message.body.accept())) on_echo(*ballot, message, actions);
  } else {
    return false;
  }
  return true;
}

void Paxos::on_backed(Sequence n, Slot& slot, Actions& actions) {
  log_.choose(n, Chosen{view_, slot.proposal->batch, {}}, actions);
}

void Paxos::on_checkpoint(Sequence n, Actions& actions) {
  wire::StableCheckpoint own;
  own.set_sequence(n);
  own.set_digest(log_.taken().at(n).str());
  make_stable(own, actions);
}

void Paxos::check_invariants() const {
  LeaderCore::check_invariants();
  STEWARD_CHECK(!options_.quorums.byzantine);
  for (const auto& [n, slot] : log_.slots()) {
    STEWARD_CHECK(!slot.prepared && slot.commits.empty());
    if (slot.chosen || n <= log_.committed()) continue;
    // What has its quorum is committed.
    STEWARD_CHECK(!voting_ || !is_backed(slot, view_, leader(), options_.quorums.quorum()));
  }
}

wire::AgreementMessage Paxos::proposal_body(const Ballot& ballot) const {
  wire::AgreementMessage body;
  body.mutable_proposal()->set_view(ballot.view);
  body.mutable_proposal()->set_sequence(ballot.sequence);
  body.mutable_proposal()->set_digest(ballot.digest.str());
  return body;
}

wire::AgreementMessage Paxos::echo_body(const Ballot& ballot) const {
  wire::AgreementMessage body;
  body.mutable_accept()->set_view(ballot.view);
  body.mutable_accept()->set_sequence(ballot.sequence);
  body.mutable_accept()->set_digest(ballot.digest.str());
  return body;
}

}  // namespace steward::agreement
