#include "hierarchy/context.h"

#include <algorithm>

#include "common/check.h"

namespace steward::hierarchy {

ServerIndex Context::representative() const {
  return static_cast<ServerIndex>(views.now.local % site().peers);
}

bool Context::is_representative() const {
  return installed() && representative() == options.self.server;
}

ServerId Context::representative_of(SiteId site) const {
  const auto at = local_views.find(site);
  const View view = at == local_views.end() ? 0 : at->second->body.local_view_proof().local_view();
  return {site, static_cast<ServerIndex>(view % options.sites[site].peers)};
}

bool Context::from_representative(ServerIndex from, const ViewPair& view) const {
  return installed() && view == views.now && from == representative();
}

std::optional<crypto::Digest> Context::bound(Sequence n) const {
  if (const auto evidence = history.local(n, views.now.global)) return evidence->digest;
  const auto at = constraint.find(n);
  if (at == constraint.end()) return std::nullopt;
  return at->second.digest;
}

Sequence Context::highest_bound() const {
  Sequence highest = history.aru();
  if (!constraint.empty()) highest = std::max(highest, constraint.rbegin()->first);
  const auto& slots = history.slots();
  for (auto at = slots.rbegin(); at != slots.rend() && at->first > highest; ++at) {
    if (at->second.ordered || history.local(at->first, views.now.global)) return at->first;
  }
  return highest;
}

Sequence Context::window_end() const {
  return history.aru() + options.global_window + kWindowSlack;
}

bool Context::has_payloads(const EvidenceBySequence& evidence) {
  bool all = true;
  for (auto at = evidence.upper_bound(history.aru()); at != evidence.end(); ++at) {
    if (history.batch(at->first, at->second.digest)) continue;
    wanted.emplace(at->first, at->second.digest);
    all = false;
  }
  return all;
}

void Context::send(std::vector<ServerId> to, proto::ServerMessage body, wire::BatchPtr batch,
                   bool promise) {
  if (to.empty()) return;
  out->sends.push_back({std::move(to), std::move(body), std::move(batch), promise});
}

void Context::send_site(proto::ServerMessage body, wire::BatchPtr batch, bool promise) {
  send(servers(), std::move(body), std::move(batch), promise);
}

void Context::promise_site(proto::ServerMessage body, wire::BatchPtr batch) {
  send_site(std::move(body), std::move(batch), true);
}

void Context::give(ServerId to, proto::ServerMessage body, const wire::BatchPtr& batch) {
  std::size_t& bytes = given[to];
  if (bytes >= kGivenBytes) return reject("given much already");
  bytes += batch->encoded.size();
  send({to}, std::move(body), batch);
}

void Context::send_word(std::vector<ServerId> to, const SiteWordPtr& word) {
  if (!to.empty()) out->words.push_back({std::move(to), word});
}

void Context::spread(const SiteWordPtr& word) { send_word(others(), word); }

void Context::send_to_representatives(const SiteWordPtr& word) {
  std::vector<ServerId> to;
  for (SiteId site = 0; site < site_count(); ++site) {
    if (site != options.self.site) to.push_back(representative_of(site));
  }
  send_word(std::move(to), word);
}

void Context::send_to_counterparts(const SiteWordPtr& word) {
  std::vector<ServerId> to;
  for (SiteId site = 0; site < site_count(); ++site) {
    if (site == options.self.site) continue;
    to.push_back({site, options.self.server % options.sites[site].peers});
  }
  send_word(std::move(to), word);
}

void Context::sign(Sequence sequence, proto::SiteMessage body, wire::BatchPtr batch, bool at_once) {
  out->signs.push_back({sequence, std::move(body), std::move(batch), at_once});
}

void Context::persist(std::uint8_t kind, const google::protobuf::MessageLite& record) {
  out->appends.push_back({{0, kind, record.SerializeAsString()}, false});
}

void Context::persist_views() {
  proto::ViewsRecord record;
  set_view(views.now, record);
  record.set_global_installed(views.global_installed);
  record.set_local_installed(views.local_installed);
  record.set_constrained_global(views.constrained.global);
  record.set_constrained_local(views.constrained.local);
  persist(kViewsRecord, record);
}

std::vector<ServerId> Context::servers() const {
  std::vector<ServerId> all;
  for (ServerIndex server = 0; server < site().peers; ++server) {
    all.push_back({options.self.site, server});
  }
  return all;
}

std::vector<ServerId> Context::others() const {
  std::vector<ServerId> all = servers();
  std::erase(all, options.self);
  return all;
}

void Context::enter_global_view(View view, bool installed) {
  STEWARD_CHECK(view > views.now.global ||
                (view == views.now.global && installed && !views.global_installed));
  if (view > views.now.global) {
    history.leave_global_view(out->appends);
    constraint.clear();
    global_proof.clear();
  }
  views.now.global = view;
  views.global_installed = installed;
  persist_views();
}

}  // namespace steward::hierarchy
