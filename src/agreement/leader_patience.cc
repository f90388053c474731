// Peers that are far from each other: who has no patience with its leader says so before it leaves,
// and what happens where a link has lost something (docs/protocols.md, section 12).

#include "agreement/leader_core.h"

namespace steward::agreement {

// Own patience is at an end, until more than `until` is committed. Where one leaves alone, that is
// all; else it is said, and less often each time it is in vain.
void LeaderCore::give_up(Sequence until, Actions& actions) {
  if (!options_.asks_first) return change_view(view_ + 1, actions);
  if (impatient_until_) {
    watch_.changing();
    until = std::max(until, *impatient_until_);
  }
  impatient_until_ = until;
  actions.sends.push_back({std::nullopt, status_body(), nullptr, false});
}

void LeaderCore::hear_patience(PeerId peer, const wire::Status& status) {
  if (status.impatient()) {
    impatient_[peer] = status.view();
  } else {
    impatient_.erase(peer);
  }
}

// Leaves the view once enough others would, or have left it.
void LeaderCore::follow_patience(Actions& actions) {
  if (!impatient_until_ || !installed_) return;
  if (log_.committed() > *impatient_until_) {
    impatient_until_.reset();
    return actions.sends.push_back({std::nullopt, status_body(), nullptr, false});
  }
  std::set<PeerId> left{options_.self};
  for (const auto& [peer, view] : impatient_) {
    if (view >= view_) left.insert(peer);
  }
  for (const auto& [peer, held] : view_changes_) {
    if (held->body.view() > view_) left.insert(peer);
  }
  const Quorums& quorums = options_.quorums;
  const std::uint32_t enough = quorums.byzantine ? quorums.one_correct() : quorums.quorum();
  if (left.size() >= enough) change_view(view_ + 1, actions);
}

// What the peer said may not have come, nor what was said to it: both say where they stand.
void LeaderCore::link_skipped(PeerId peer, Actions& actions) {
  if (peer >= options_.quorums.peers || peer == options_.self) return;
  shown_.erase(peer);
  given_.erase(peer);
  actions.sends.push_back({peer, status_body(), nullptr, false});
}

// Whoever proposed it last: another leader may have proposed again what this host gave first.
void LeaderCore::release_unbound(Actions& actions) const {
  const auto& slots = log_.slots();
  for (auto entry = slots.upper_bound(log_.committed()); entry != slots.end(); ++entry) {
    const auto& [n, slot] = *entry;
    if (!slot.proposal || slot.proposal->view >= view_ || slot.chosen) continue;
    const auto bound = plan_.bound.find(n);
    if (bound != plan_.bound.end() && bound->second == slot.proposal->batch->digest) continue;
    actions.released.push_back(slot.proposal->batch);
  }
}

void LeaderCore::encode_patience(Bytes& out) const {
  append_u8(out, impatient_until_ ? 1 : 0);
  append_u64(out, impatient_until_.value_or(0));
  append_u32(out, static_cast<std::uint32_t>(impatient_.size()));
  for (const auto& [peer, view] : impatient_) {
    append_u32(out, peer);
    append_u64(out, view);
  }
}

void LeaderCore::decode_patience(Reader& in) {
  const bool impatient = in.u8() == 1;
  const Sequence until = in.u64();
  impatient_until_ = impatient ? std::optional(until) : std::nullopt;
  impatient_.clear();
  for (std::uint32_t left = in.u32(); left > 0 && in.ok(); --left) {
    const PeerId peer = in.u32();
    impatient_[peer] = in.u64();
  }
}

}  // namespace steward::agreement
