#include "hierarchy/local_view_change.h"

#include <algorithm>

namespace steward::hierarchy {

void LocalViewChange::on_time_out() {
  if (!context_.views.local_installed) return;
  ++context_.views.now.local;
  context_.views.local_installed = false;
  context_.persist_views();
  say();
}

void LocalViewChange::say() {
  proto::ServerMessage message;
  message.mutable_new_rep()->set_local_view(context_.views.now.local);
  context_.promise_site(std::move(message));
}

void LocalViewChange::on_new_rep(ServerIndex from, View view, const Bytes& header) {
  Said& said = said_[from];
  if (view < said.view) return;
  said = {view, header};
  adopt_if_proven();
}

void LocalViewChange::adopt_if_proven() {
  std::vector<View> views;
  for (const auto& [server, said] : said_) views.push_back(said.view);
  const std::size_t quorum = context_.site().quorum();
  if (views.size() < quorum) return;
  std::sort(views.rbegin(), views.rend());
  const View proven = views[quorum - 1];
  const View now = context_.views.now.local;
  if (proven < now || (proven == now && context_.views.local_installed)) return;
  context_.local_proof.clear();
  proto::ProofRecord record;
  for (const auto& [server, said] : said_) {
    if (said.view < proven || context_.local_proof.size() == quorum) continue;
    context_.local_proof.push_back(said.header);
    record.add_proofs(said.header);
  }
  context_.persist(kLocalProofRecord, record);
  install(proven);
}

void LocalViewChange::install(View view) {
  context_.views.now.local = view;
  context_.views.local_installed = true;
  context_.persist_views();
  resume();
}

// The others learn from the site's word who represents it.
void LocalViewChange::resume() {
  if (!context_.views.local_installed || context_.views.now.local == 0) return;
  proto::SiteMessage message;
  message.mutable_local_view_proof()->set_local_view(context_.views.now.local);
  context_.sign(0, std::move(message), nullptr, true);
}

void LocalViewChange::on_proof(ServerId from, const SiteWordPtr& word) {
  SiteWordPtr& newest = context_.local_views[word->site];
  const View view = word->body.local_view_proof().local_view();
  if (newest && newest->body.local_view_proof().local_view() >= view) return;
  newest = word;
  if (word->site != context_.options.self.site) {
    if (from.site != context_.options.self.site) context_.spread(word);
    return;
  }
  context_.send_to_counterparts(word);
  const View now = context_.views.now.local;
  if (view > now || (view == now && !context_.views.local_installed)) install(view);
}

void LocalViewChange::retransmit() {
  if (!context_.views.local_installed) say();
}

}  // namespace steward::hierarchy
