#include "sim/ambush.h"

#include <fmt/format.h>

#include <algorithm>

#include "wire/agreement.pb.h"

namespace steward::sim {
namespace {

template <class Vote>
Moment of(Deed deed, const Vote& vote) {
  return {deed, vote.view(), vote.sequence()};
}

std::string told(ServerId server, const Moment& moment) {
  const std::string what = to_string(moment.deed);
  if (moment.sequence == 0) {
    return fmt::format("server {} is the first that {} {}", to_string(server), what, moment.view);
  }
  if (moment.deed == Deed::kExecutes) {
    return fmt::format("server {} is the first that {} sequence {}", to_string(server), what,
                       moment.sequence);
  }
  return fmt::format("server {} is the first that {} local sequence {} in view {}",
                     to_string(server), what, moment.sequence, moment.view);
}

// Does the deed follow from messages like this one?
bool leads_to(Deed deed, const SiteConfig& site, const Bytes& frame) {
  wire::Envelope envelope;
  wire::AgreementMessage body;
  const bool ordering = envelope.ParseFromString(frame) &&
                        envelope.kind() == wire::KIND_AGREEMENT &&
                        body.ParseFromString(envelope.body());
  if (!ordering) return false;
  const bool proposes = body.has_pre_prepare() || body.has_proposal();
  if (deed == Deed::kVotes) return proposes;
  if (deed == Deed::kPrepares) return body.has_prepare();
  if (deed != Deed::kExecutes) return false;
  // With a majority of two the proposal is all that another acceptor needs.
  const bool two = site.protocol == LocalProtocol::kPaxos && site.quorums().quorum() == 2;
  return body.has_commit() || body.has_committed() || body.has_accept() || (two && proposes);
}

std::vector<ServerId> servers_of(const ClusterConfig& config, std::optional<SiteId> only) {
  std::vector<ServerId> out;
  for (SiteId site = 0; site < config.sites.size(); ++site) {
    if (only && site != *only) continue;
    for (ServerIndex i = 0; i < config.sites[site].servers.size(); ++i) out.push_back({site, i});
  }
  return out;
}

}  // namespace

std::optional<Moment> moment_of(const replica::Outgoing& outgoing) {
  const bool ordering =
      outgoing.kind == wire::KIND_AGREEMENT || outgoing.kind == wire::KIND_VIEW_CHANGE;
  wire::AgreementMessage body;
  if (!ordering || !body.ParseFromString(outgoing.body)) return std::nullopt;
  if (body.has_pre_prepare()) return of(Deed::kProposes, body.pre_prepare());
  if (body.has_proposal()) return of(Deed::kProposes, body.proposal());
  if (body.has_prepare()) return of(Deed::kVotes, body.prepare());
  if (body.has_accept()) return of(Deed::kVotes, body.accept());
  if (body.has_commit()) return of(Deed::kPrepares, body.commit());
  if (body.has_view_change()) return Moment{Deed::kLeaves, body.view_change().view(), 0};
  if (body.has_new_view()) return Moment{Deed::kOpens, body.new_view().view(), 0};
  return std::nullopt;
}

Ambushes::Ambushes(const ClusterConfig& config, EventQueue& events, Inject inject, Tell tell)
    : config_(config), events_(events), inject_(std::move(inject)), tell_(std::move(tell)) {}

void Ambushes::lay(const Ambush& ambush) {
  if (ambush.on) {
    laid_.push_back({ambush, 0, ambush.times, events_.now()});
    return;
  }
  Ambush meant = ambush;
  meant.on = true;
  const auto found = std::find_if(laid_.begin(), laid_.end(),
                                  [&](const Laid& each) { return each.ambush == meant; });
  if (found != laid_.end()) laid_.erase(found);
}

void Ambushes::lift_all() {
  laid_.clear();
  ++lifted_;
}

const Trap* Ambushes::Laid::trap(SiteId site, Duration now) const {
  const bool laid = ambush.site == site && next < ambush.traps.size() && now >= awake;
  return laid ? &ambush.traps[next] : nullptr;
}

bool Ambushes::withholds(ServerId from, ServerId to, const Bytes& frame) const {
  if (from.site != to.site) return false;
  return std::any_of(laid_.begin(), laid_.end(), [&](const Laid& each) {
    const Trap* trap = each.trap(from.site, events_.now());
    if (trap == nullptr || !trap->by || to.server == *trap->by || each.left > 1) return false;
    return leads_to(trap->deed, config_.sites[from.site], frame);
  });
}

void Ambushes::sent(ServerId server, const replica::Outgoing& outgoing) {
  if (laid_.empty()) return;
  if (const auto moment = moment_of(outgoing)) witness(server, *moment);
}

void Ambushes::executed(ServerId server, Sequence sequence) {
  if (!laid_.empty()) witness(server, {Deed::kExecutes, 0, sequence});
}

void Ambushes::witness(ServerId server, const Moment& moment) {
  const auto [latest, first] = latest_.emplace(std::pair(server.site, moment.deed), moment);
  if (!first && moment <= latest->second) return;
  latest->second = moment;
  std::vector<Ambush> struck;
  for (Laid& each : laid_) {
    const Trap* trap = each.trap(server.site, events_.now());
    if (trap == nullptr || trap->deed != moment.deed) continue;
    if (each.left > 1) {
      --each.left;
      continue;
    }
    if (trap->by && server.server != *trap->by) continue;
    ++each.next;
    each.awake = events_.now() + each.ambush.late + each.ambush.dark;
    struck.push_back(each.ambush);
  }
  for (const Ambush& ambush : struck) {
    if (tell_) tell_("AMBUSH " + told(server, moment));
    // Not within the step that it is about.
    events_.after(ambush.late, [this, ambush, server, lifted = lifted_] {
      if (lifted == lifted_) strike(ambush, server);
    });
  }
}

void Ambushes::strike(const Ambush& ambush, ServerId server) {
  let_go(server.site);
  const std::vector<ServerId> site = servers_of(config_, server.site);
  if (ambush.how == Ambush::How::kRestartOthers) {
    for (const ServerId& other : site) {
      if (other != server) inject_for(Crash{other}, ambush.dark);
    }
  } else if (ambush.dark > Duration(0)) {
    inject_for(Block{site, site}, ambush.dark);
  }
  catch_alone(ambush, server);
}

void Ambushes::catch_alone(const Ambush& ambush, ServerId server) {
  std::vector<Fault> faults;
  if (ambush.how == Ambush::How::kCrash) {
    faults.emplace_back(Crash{server});
  } else {
    const std::vector<ServerId> all = servers_of(config_, std::nullopt);
    faults.emplace_back(Block{{server}, all});
    faults.emplace_back(Block{all, {server}});
  }
  Caught& caught = caught_[server.site];
  for (const Fault& fault : faults) {
    inject_(fault);
    caught.ends.push_back(*ended(fault));
  }
  caught.free = events_.after(ambush.alone, [this, site = server.site] { let_go(site); });
}

void Ambushes::let_go(SiteId site) {
  const auto found = caught_.find(site);
  if (found == caught_.end()) return;
  const Caught caught = std::move(found->second);
  caught_.erase(found);
  events_.cancel(caught.free);
  for (const Fault& end : caught.ends) inject_(end);
}

void Ambushes::inject_for(const Fault& fault, Duration length) {
  inject_(fault);
  events_.after(length, [this, end = *ended(fault)] { inject_(end); });
}

}  // namespace steward::sim
