#include "hierarchy/assign_global_order.h"

namespace steward::hierarchy {

std::optional<proto::ServerMessage> show_ordered(const History& history, Sequence n) {
  const History::Slot* slot = history.find(n);
  if (slot == nullptr || !slot->ordered) return std::nullopt;
  proto::ServerMessage message;
  proto::Ordered* ordered = message.mutable_ordered();
  ordered->set_proposal(slot->proposal->certificate);
  for (const auto& [site, accept] : slot->accepts) ordered->add_accepts(accept->certificate);
  return message;
}

// A word of the own site goes from its representative to those of the others; one of another site,
// from whoever got it there to the servers here.
void AssignGlobalOrder::carry(ServerId from, const SiteWordPtr& word) {
  if (word->site == context_.options.self.site) {
    if (!context_.is_representative()) return;
    context_.send_to_representatives(word);
    context_.spread(word);
  } else if (from.site != context_.options.self.site) {
    context_.spread(word);
  }
}

void AssignGlobalOrder::on_proposal(ServerId from, const SiteWordPtr& word) {
  const proto::Proposal& said = word->body.proposal();
  const Sequence n = said.sequence();
  if (word->site != context_.leader_of(said.global_view())) {
    return context_.reject("proposal: not of the leader site");
  }
  if (said.global_view() > context_.views.now.global ||
      (said.global_view() == context_.views.now.global && !context_.views.global_installed)) {
    context_.enter_global_view(said.global_view(), true);
    context_.global_proof = {word};
  }
  if (context_.history.ordered(n)) return answer_again(from, n);
  if (n > context_.window_end()) return context_.reject("proposal: beyond the window");
  const crypto::Digest digest = digest_of(*word);
  if (word->batch) context_.history.keep_batch(n, word->batch, context_.out->appends);
  if (!context_.history.batch(n, digest)) return context_.reject("proposal: without its batch");
  if (!context_.history.propose(n, word, context_.out->appends)) return answer_again(from, n);
  carry(from, word);
  // One of a view that this server has left may still be ordered, but not with its vote.
  const bool votes = said.global_view() == context_.views.now.global && !context_.leads();
  if (votes) sign_accept(n);
  order(n);
}

void AssignGlobalOrder::answer_again(ServerId from, Sequence n) {
  if (from.site == context_.options.self.site) return;
  if (auto ordered = show_ordered(context_.history, n)) {
    const History::Slot* slot = context_.history.find(n);
    const wire::BatchPtr batch = context_.history.batch(n, digest_of(*slot->proposal));
    if (batch) context_.give(from, std::move(*ordered), batch);
  } else if (const SiteWordPtr accept = own_accept(n)) {
    context_.send_word({from}, accept);
  }
}

SiteWordPtr AssignGlobalOrder::own_accept(Sequence n) const {
  for (const SiteWordPtr& accept : context_.history.agreeing(n)) {
    if (accept->site == context_.options.self.site) return accept;
  }
  return nullptr;
}

void AssignGlobalOrder::sign_accept(Sequence n) {
  const proto::Proposal& said = context_.history.find(n)->proposal->body.proposal();
  proto::SiteMessage message;
  message.mutable_accept()->set_global_view(said.global_view());
  message.mutable_accept()->set_sequence(n);
  message.mutable_accept()->set_digest(said.digest());
  context_.sign(n, std::move(message), nullptr, context_.is_representative());
}

void AssignGlobalOrder::on_accept(ServerId from, const SiteWordPtr& word) {
  const proto::Accept& said = word->body.accept();
  const Sequence n = said.sequence();
  if (word->site == context_.leader_of(said.global_view())) {
    return context_.reject("accept: of the leader site");
  }
  if (said.global_view() > context_.views.now.global ||
      (said.global_view() == context_.views.now.global && !context_.views.global_installed)) {
    context_.enter_global_view(said.global_view(), true);
    context_.global_proof = {word};
  }
  if (context_.history.ordered(n)) return;
  if (n > context_.window_end()) return context_.reject("accept: beyond the window");
  if (!context_.history.accept(n, word)) return;
  carry(from, word);
  order(n);
}

void AssignGlobalOrder::order(Sequence n) {
  const History::Slot* slot = context_.history.find(n);
  if (slot == nullptr || slot->ordered || !slot->proposal) return;
  std::vector<SiteWordPtr> accepts = context_.history.agreeing(n);
  const std::size_t needed = context_.site_count() / 2;
  if (accepts.size() < needed) return;
  accepts.resize(needed);
  context_.history.order(n, slot->proposal, accepts, context_.out->appends);
  deliver();
}

void AssignGlobalOrder::deliver() {
  while (auto commit = context_.history.take_ordered()) {
    context_.out->commits.push_back(std::move(*commit));
  }
}

void AssignGlobalOrder::resume() {
  for (const auto& [n, slot] : context_.history.slots()) {
    if (owes_accept(slot)) sign_accept(n);
  }
}

bool AssignGlobalOrder::owes_accept(const History::Slot& slot) const {
  if (slot.ordered || !slot.proposal || context_.leads()) return false;
  const View view = slot.proposal->body.proposal().global_view();
  return view == context_.views.now.global && context_.views.global_installed;
}

// What this site says of a sequence that is not ordered: in the leader site its Proposal, with the
// batch; in another its Accept. Null where it has not said it yet.
SiteWordPtr AssignGlobalOrder::own_word(Sequence n) const {
  if (!context_.leads()) return own_accept(n);
  const History::Slot* slot = context_.history.find(n);
  if (slot == nullptr || !slot->proposal) return nullptr;
  if (slot->proposal->body.proposal().global_view() != context_.views.now.global) return nullptr;
  auto word = std::make_shared<SiteWord>(*slot->proposal);
  word->batch = context_.history.batch(n, digest_of(*word));
  return word->batch ? word : nullptr;
}

// The oldest only: what stands behind it waits for it anyway.
void AssignGlobalOrder::retransmit() {
  const Sequence n = context_.history.aru() + 1;
  const History::Slot* slot = context_.history.find(n);
  if (slot == nullptr || slot->ordered) return;
  const SiteWordPtr own = own_word(n);
  if (!own && owes_accept(*slot)) return sign_accept(n);
  if (own && context_.is_representative()) context_.send_to_representatives(own);
}

void AssignGlobalOrder::resend(const std::vector<ServerId>& to) {
  for (const auto& [n, slot] : context_.history.slots()) {
    const SiteWordPtr own = slot.ordered ? nullptr : own_word(n);
    if (own) {
      context_.send_word(to, own);
    } else if (owes_accept(slot)) {
      sign_accept(n);  // a representative that is new needs the word
    }
  }
}

}  // namespace steward::hierarchy
