#include "hierarchy/global_leader_election.h"

#include <algorithm>

namespace steward::hierarchy {
namespace {

View view_in(const SiteWordPtr& word) {
  return word ? word->body.global_view_change().global_view() : 0;
}

}  // namespace

void GlobalLeaderElection::on_time_out() {
  if (!context_.views.global_installed) return;
  context_.enter_global_view(context_.views.now.global + 1, false);
  sign();
}

void GlobalLeaderElection::sign() {
  proto::SiteMessage message;
  message.mutable_global_view_change()->set_global_view(context_.views.now.global);
  context_.sign(0, std::move(message), nullptr, true);
}

void GlobalLeaderElection::on_view_change(ServerId from, const SiteWordPtr& word) {
  SiteWordPtr& newest = newest_[word->site];
  if (view_in(newest) >= view_in(word)) return;
  newest = word;
  if (word->site == context_.options.self.site) {
    context_.send_to_counterparts(word);
  } else if (from.site != context_.options.self.site) {
    context_.spread(word);
  }
  adopt_if_proven();
}

void GlobalLeaderElection::adopt_if_proven() {
  std::vector<View> views;
  for (const auto& [site, word] : newest_) views.push_back(view_in(word));
  if (views.size() < context_.majority()) return;
  std::sort(views.rbegin(), views.rend());
  const View proven = views[context_.majority() - 1];
  const View now = context_.views.now.global;
  if (proven < now || (proven == now && context_.views.global_installed)) return;
  context_.enter_global_view(proven, true);
  context_.global_proof.clear();
  proto::ProofRecord record;
  for (const auto& [site, word] : newest_) {
    if (view_in(word) < proven) continue;
    context_.global_proof.push_back(word);
    record.add_proofs(word->certificate);
  }
  context_.persist(kGlobalProofRecord, record);
}

void GlobalLeaderElection::resume() {
  if (!context_.views.global_installed) sign();
}

void GlobalLeaderElection::retransmit() {
  if (context_.views.global_installed) return;
  const auto own = newest_.find(context_.options.self.site);
  const bool said = own != newest_.end() && view_in(own->second) >= context_.views.now.global;
  if (!said) return sign();
  context_.send_to_counterparts(own->second);
}

}  // namespace steward::hierarchy
