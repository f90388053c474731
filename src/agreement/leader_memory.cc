// What a core does that may not vote yet, that has lost its memory, or whose peers have
// (docs/protocols.md, section 11).

#include <algorithm>

#include "agreement/leader_core.h"

namespace steward::agreement {
namespace {

bool predates(PeerId peer, const wire::ViewChange& body, const std::map<PeerId, Birth>& births) {
  const auto born = births.find(peer);
  return born != births.end() && body.since() < born->second.since &&
         body.view() > born->second.view;
}

}  // namespace

void LeaderCore::repeat_votes(Actions& actions) {
  for (const auto& [n, slot] : log_.slots()) {
    if (n > log_.committed() && !slot.chosen) {
      resend_votes(n, slot, true, std::nullopt, actions);
    }
  }
  resend_checkpoints(log_.stable(), std::nullopt, actions);
  repeat_view(actions);
}

void LeaderCore::start_voting(Actions& actions) {
  if (std::exchange(voting_, true)) return;
  if (since_ > 0) bear(options_.self, {since_, 0});
  repeat_votes(actions);
  // Others may have voted meanwhile for what this core had voted for before it was restarted.
  std::vector<Sequence> open;
  for (const auto& [n, slot] : log_.slots()) open.push_back(n);
  for (const Sequence n : open) {
    Slot* slot = log_.find(n);
    if (n <= log_.committed() || slot == nullptr || slot->chosen || !installed_) continue;
    if (is_backed(*slot, view_, leader(), options_.quorums.quorum())) on_backed(n, *slot, actions);
  }
}

void LeaderCore::lose_memory(std::uint64_t since) {
  voting_ = false;
  since_ = since;
  born_.erase(options_.self);
  if (installed_) return;
  view_ = new_view_.view;
  installed_ = true;
  plan_ = make_plan(new_view_.held);
  log_.drop_votes();
}

void LeaderCore::bear(PeerId peer, const Birth& birth) {
  if (peer >= options_.quorums.peers) return;
  Birth& known = born_[peer];
  if (birth.since < known.since) return;
  if (birth.since == known.since) {
    if (birth.view > known.view && !birth.said.empty()) known.said = birth.said;
    known.view = std::max(known.view, birth.view);
    return;
  }
  known = birth;
  if (peer == options_.self) since_ = birth.since;
  std::erase_if(view_changes_,
                [this](const auto& entry) { return forgotten(entry.first, entry.second->body); });
  for (auto& [leader, new_view] : announced_) {
    std::erase_if(new_view.held,
                  [this](const auto& entry) { return forgotten(entry.first, entry.second->body); });
  }
}

// Sent by a peer that does not remember it, and may vote below it.
bool LeaderCore::forgotten(PeerId peer, const wire::ViewChange& body) const {
  return predates(peer, body, born_);
}

// A liar may have told only some that it lost its memory, and they would refuse a new view that is
// made of what it sent before. They show that it signed so.
void LeaderCore::hear_births(const std::map<PeerId, Birth>& births) {
  for (const auto& [peer, birth] : births) {
    if (peer >= options_.quorums.peers) continue;
    Birth& known = heard_births_[peer];
    const bool later = birth.since == known.since ? birth.view > known.view  //
                                                  : birth.since > known.since;
    if (later) known = birth;
  }
}

bool LeaderCore::refused_by_others(PeerId peer, const wire::ViewChange& body) const {
  return predates(peer, body, heard_births_);
}

bool LeaderCore::lost_memory_once(PeerId peer) const {
  const auto known = born_.find(peer);
  const auto heard = heard_births_.find(peer);
  return (known != born_.end() && known->second.since > 0) ||
         (heard != heard_births_.end() && heard->second.since > 0);
}

// A quorum of them, or fewer; `all`: also of peers that ever lost their memory.
HeldNewView LeaderCore::choose_view_changes(bool all, Actions& actions) {
  HeldNewView new_view{view_, options_.self, {}, {}, {}};
  const auto add = [&](const HeldViewChangePtr& held) {
    new_view.held[held->peer] = held;
    new_view.named[held->peer] = held->digest;
  };
  add(view_changes_.at(options_.self));
  for (const auto& [peer, held] : view_changes_) {
    if (new_view.held.size() == options_.quorums.quorum()) break;
    if (peer == options_.self || held->body.view() != view_) continue;
    if (refused_by_others(peer, held->body) || (!all && lost_memory_once(peer))) continue;
    if (has_bodies(*held, actions)) add(held);
  }
  return new_view;
}

// In Paxos a peer's word about the others counts: a new leader need not have heard it from them.
// Under lies it is shown.
void LeaderCore::add_births(wire::ViewChange& out) const {
  out.set_since(since_);
  if (options_.quorums.byzantine) {
    for (const auto& [peer, born] : born_) {
      if (!born.said.empty()) out.add_births(born.said);
    }
    return;
  }
  if (born_.empty()) return;
  for (PeerId peer = 0; peer < options_.quorums.peers; ++peer) {
    const auto born = born_.find(peer);
    out.add_known(born == born_.end() ? 0 : born->second.since);
  }
}

}  // namespace steward::agreement
