#include "hierarchy/assign_sequence.h"

#include <algorithm>

namespace steward::hierarchy {
namespace {

template <class Vote>
void fill(Sequence n, const ViewPair& view, const Bytes& digest, Vote& vote) {
  set_view(view, vote);
  vote.set_sequence(n);
  vote.set_digest(digest);
}

}  // namespace

void AssignSequence::follow_views() {
  if (view_ != context_.views.now) rounds_.clear();
  view_ = context_.views.now;
  rounds_.erase(rounds_.begin(), rounds_.upper_bound(context_.history.aru()));
}

// --- the representative

bool AssignSequence::proposed(Sequence n) const {
  if (context_.history.ordered(n)) return true;
  const History::Slot* slot = context_.history.find(n);
  if (slot == nullptr || !slot->proposal) return false;
  return slot->proposal->body.proposal().global_view() == context_.views.now.global;
}

// Given out by this server, as a representative, or prepared by it: in these views, for good.
bool AssignSequence::voted(Sequence n) const {
  const History::Slot* slot = context_.history.find(n);
  return slot != nullptr && slot->vote && slot->vote->view == context_.views.now;
}

// How far sequences may be given out: W_g beyond what is ordered, W_l beyond what is proposed.
Sequence AssignSequence::limit() const {
  const Sequence aru = context_.history.aru();
  const Sequence most = aru + context_.options.global_window;
  Sequence proposal_aru = aru;
  while (proposal_aru < most && proposed(proposal_aru + 1)) ++proposal_aru;
  return std::min(most, proposal_aru + context_.options.local_window);
}

// The lowest sequence that nothing was given in these views; nullopt when the windows are full, or
// when it is for something that is bound.
std::optional<Sequence> AssignSequence::next_free() const {
  const Sequence last = limit();
  Sequence n = context_.highest_bound() + 1;
  while (n <= last && voted(n)) ++n;
  return n <= last ? std::optional(n) : std::nullopt;
}

bool AssignSequence::can_propose() const {
  return context_.leads() && context_.is_representative() && context_.constrained() &&
         next_free().has_value();
}

void AssignSequence::propose(const wire::BatchPtr& batch) {
  follow_views();
  const auto n = can_propose() ? next_free() : std::nullopt;
  if (!n) return context_.reject("propose: not now");
  pre_prepare(*n, batch);
}

void AssignSequence::pre_prepare(Sequence n, const wire::BatchPtr& batch) {
  context_.history.keep_batch(n, batch, context_.out->appends);
  context_.history.vote(n, {view_, batch->digest}, context_.out->appends);
  proto::ServerMessage message;
  fill(n, view_, batch->digest.str(), *message.mutable_pre_prepare());
  context_.promise_site(std::move(message), batch);
}

void AssignSequence::pre_prepare_again(Sequence n) {
  if (!voted(n) || !context_.is_representative()) return;
  const wire::BatchPtr batch = context_.history.batch(n, context_.history.find(n)->vote->digest);
  if (batch) pre_prepare(n, batch);
}

// What is bound is proposed again in these views; a sequence below it that is not gets an empty
// batch. All up to the highest bound one, or as far as the windows go.
void AssignSequence::advance() {
  follow_views();
  if (!context_.leads() || !context_.is_representative() || !context_.constrained()) return;
  const Sequence last = std::min(limit(), context_.highest_bound());
  for (Sequence n = context_.history.aru() + 1; n <= last; ++n) {
    if (proposed(n) || voted(n)) continue;
    const auto digest = context_.bound(n);
    const wire::BatchPtr batch = digest ? context_.history.batch(n, *digest) : wire::make_batch({});
    if (batch) pre_prepare(n, batch);  // else it is being fetched
  }
}

// --- everybody

bool AssignSequence::admissible(const proto::PrePrepare& said) const {
  const Sequence n = said.sequence();
  const auto reject = [&](const char* reason) {
    context_.reject(reason);
    return false;
  };
  if (context_.history.ordered(n)) return reject("pre-prepare: ordered");
  if (n > context_.window_end()) return reject("pre-prepare: beyond the window");
  const auto bound = context_.bound(n);
  if (bound && bound->view() != said.digest()) return reject("pre-prepare: another is bound");
  if (voted(n) && context_.history.find(n)->vote->digest.view() != said.digest()) {
    return reject("pre-prepare: voted for another");
  }
  return true;
}

void AssignSequence::on_pre_prepare(const Message& message) {
  follow_views();
  const proto::PrePrepare& said = message.body.pre_prepare();
  const bool due = context_.leads() && context_.constrained() &&
                   context_.from_representative(message.from.server, view_of(said));
  if (!due) return context_.reject("pre-prepare: not of these views");
  if (!admissible(said)) return;
  const Sequence n = said.sequence();
  Round& round = rounds_[n];
  if (!round.pre_prepare) {
    round.pre_prepare = said;
    round.header = message.header;
  }
  if (context_.options.self.server != context_.representative()) {
    const crypto::Digest digest = message.batch->digest;
    if (!voted(n)) {
      context_.history.keep_batch(n, message.batch, context_.out->appends);
      context_.history.vote(n, {view_, digest}, context_.out->appends);
    }
    proto::ServerMessage prepare;
    fill(n, view_, said.digest(), *prepare.mutable_prepare());
    context_.promise_site(std::move(prepare));
  }
  certify(n, round);
}

void AssignSequence::on_prepare(const Message& message) {
  follow_views();
  const proto::Prepare& said = message.body.prepare();
  const bool due = context_.leads() && context_.constrained() && view_of(said) == view_ &&
                   message.from.server != context_.representative();
  if (!due) return context_.reject("prepare: not of these views");
  const Sequence n = said.sequence();
  if (context_.history.ordered(n) || n > context_.window_end()) {
    return context_.reject("prepare: outside the window");
  }
  Round& round = rounds_[n];
  round.prepares.try_emplace(message.from.server, said.digest(), message.header);
  certify(n, round);
}

void AssignSequence::certify(Sequence n, Round& round) {
  const History::Slot* slot = context_.history.find(n);
  if (!round.pre_prepare || slot == nullptr) return;
  if (slot->prepared && slot->prepared->view == view_) return;
  const auto digest = crypto::Digest::from(round.pre_prepare->digest());
  if (!digest || !context_.history.batch(n, *digest)) return;
  Evidence certificate{proto::EVIDENCE_PREPARED, view_, *digest, {round.header}};
  for (const auto& [server, vote] : round.prepares) {
    if (certificate.proofs.size() == context_.site().quorum()) break;
    if (vote.first == digest->view()) certificate.proofs.push_back(vote.second);
  }
  if (certificate.proofs.size() < context_.site().quorum()) return;
  context_.history.prepare(n, std::move(certificate), context_.out->appends);
  sign_proposal(n, *digest);
}

void AssignSequence::sign_proposal(Sequence n, const crypto::Digest& digest) {
  proto::SiteMessage message;
  fill(n, view_, digest.str(), *message.mutable_proposal());
  context_.sign(n, std::move(message), context_.history.batch(n, digest),
                context_.is_representative());
}

void AssignSequence::resume() {
  follow_views();
  if (!context_.leads() || !context_.constrained()) return;
  for (const auto& [n, slot] : context_.history.slots()) {
    if (proposed(n)) continue;
    if (slot.prepared && slot.prepared->view == view_) sign_proposal(n, slot.prepared->digest);
    pre_prepare_again(n);
  }
}

// The oldest only: what stands behind it waits for it anyway.
void AssignSequence::retransmit() {
  follow_views();
  if (!context_.leads() || !context_.constrained()) return;
  const Sequence n = context_.history.aru() + 1;
  const History::Slot* slot = context_.history.find(n);
  if (slot == nullptr || proposed(n)) return;
  if (slot->prepared && slot->prepared->view == view_) sign_proposal(n, slot->prepared->digest);
  pre_prepare_again(n);
}

}  // namespace steward::hierarchy
