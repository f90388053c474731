#include "hierarchy/global_view_change.h"

#include <algorithm>
#include <set>

#include "common/check.h"

namespace steward::hierarchy {
namespace {

// What a server reports: all evidence above its aru.
proto::ServerMessage global_state(const Context& context) {
  proto::ServerMessage message;
  proto::GlobalState* state = message.mutable_global_state();
  set_view(context.views.now, *state);
  state->set_aru(context.history.aru());
  for (const auto& [n, slot] : context.history.slots()) {
    if (n <= context.history.aru()) continue;
    if (const auto best = context.history.best(n)) encode(n, *best, true, *state->add_evidence());
  }
  return message;
}

}  // namespace

std::optional<Union> unite(const std::vector<ServerWord>& reports, std::uint32_t quorum) {
  std::set<ServerIndex> reporters;
  Union all;
  const auto add = [&](const auto& state) {
    all.aru = std::max(all.aru, state.aru());
    auto evidence = decode_all(state.evidence());
    if (!evidence) return false;
    for (auto& [n, one] : *evidence) take_maximum(all.evidence, n, std::move(one));
    return true;
  };
  for (const ServerWord& report : reports) {
    const bool added = report.body.has_local_state() ? add(report.body.local_state())
                                                     : add(report.body.global_state());
    if (!added || !reporters.insert(report.from).second) return std::nullopt;
  }
  if (reporters.size() != quorum) return std::nullopt;
  all.evidence.erase(all.evidence.begin(), all.evidence.upper_bound(all.aru));
  return all;
}

bool GlobalViewChange::load(const agreement::Record& record) {
  proto::SignedRecord stored;
  if (!stored.ParseFromString(record.data)) return false;
  Signed& last = record.kind == kAruSignedRecord ? signed_aru_ : signed_constraint_;
  last = {view_of(stored), stored.body()};
  return true;
}

void GlobalViewChange::follow_views() {
  const ViewPair now = context_.views.now;
  if (view_ == now) return;
  if (view_.global != now.global) {
    aru_message_.reset();
    constraints_.clear();
  }
  view_ = now;
  states_requested_ = state_due_ = false;
  aru_requested_.reset();
  bundled_.reset();
  aru_asked_.reset();
  states_.clear();
  bundle_.reset();
}

// One for each pair of views, whatever is asked later.
void GlobalViewChange::sign_once(std::uint8_t record, Signed& last, proto::SiteMessage body) {
  Bytes encoded = body.SerializeAsString();
  if (last.view == view_ && last.body != encoded) {
    body.ParseFromString(last.body);
  } else if (last.view != view_) {
    last = {view_, std::move(encoded)};
    proto::SignedRecord stored;
    set_view(view_, stored);
    stored.set_body(last.body);
    context_.persist(record, stored);
  }
  context_.sign(0, std::move(body), nullptr, true);
}

// --- CONSTRUCT-ARU

void GlobalViewChange::request_aru() {
  if (!aru_requested_) aru_requested_ = context_.history.aru();
  proto::ServerMessage message;
  set_view(view_, *message.mutable_aru_request());
  message.mutable_aru_request()->set_aru(*aru_requested_);
  context_.send_site(std::move(message));
}

void GlobalViewChange::on_aru_request(ServerIndex from, const proto::AruRequest& request) {
  follow_views();
  const bool due =
      context_.leads() && view_.global > 0 && context_.from_representative(from, view_of(request));
  if (!due) return context_.reject("aru request: not of these views");
  aru_asked_ = request.aru();
  sign_aru();
}

// Not of one far below what this server has: a useless one would make the reports long.
void GlobalViewChange::sign_aru() {
  const Sequence own = context_.history.aru();
  if (!aru_asked_ || own < *aru_asked_) return;
  const Sequence aru = *std::exchange(aru_asked_, std::nullopt);
  if (own > aru + context_.options.global_window) return context_.reject("aru request: too low");
  proto::SiteMessage body;
  set_view(view_, *body.mutable_aru_message());
  body.mutable_aru_message()->set_aru(aru);
  sign_once(kAruSignedRecord, signed_aru_, std::move(body));
}

void GlobalViewChange::on_aru_message(ServerId from, const SiteWordPtr& word) {
  const proto::AruMessage& said = word->body.aru_message();
  if (said.global_view() == 0 || word->site != context_.leader_of(said.global_view())) {
    return context_.reject("aru message: not of the leader site");
  }
  const View now = context_.views.now.global;
  if (said.global_view() < now) return context_.reject("aru message: old view");
  if (said.global_view() > now || !context_.views.global_installed) {
    context_.enter_global_view(said.global_view(), true);
    context_.global_proof = {word};
  }
  follow_views();
  const bool again = aru_message_ != nullptr;
  if (!again) aru_message_ = word;
  const SiteId self = context_.options.self.site;
  if (word->site == self) {
    if (!again && context_.is_representative()) context_.send_to_representatives(word);
    if (!again) context_.spread(word);
    return;
  }
  if (from.site == self) return;
  if (!again) context_.spread(word);
  // Asked once more, though this site has answered.
  const auto own = constraints_.find(self);
  if (again && own != constraints_.end()) context_.send_word({from}, own->second);
}

// --- CONSTRUCT-GLOBAL-CONSTRAINT

void GlobalViewChange::request_states() {
  states_requested_ = true;
  proto::ServerMessage message;
  set_view(view_, *message.mutable_request_global_state());
  message.mutable_request_global_state()->set_aru_message(aru_message_->certificate);
  context_.send_site(std::move(message));
}

void GlobalViewChange::on_request(ServerIndex from, const Message& message) {
  follow_views();
  const proto::RequestGlobalState& request = message.body.request_global_state();
  if (!context_.from_representative(from, view_of(request)) || message.sites.size() != 1) {
    return context_.reject("request of global state: not of these views");
  }
  const SiteWordPtr& aru = message.sites.front();
  const bool fits = aru->body.has_aru_message() && aru->site == context_.leader_site() &&
                    aru->body.aru_message().global_view() == view_.global;
  if (!fits) return context_.reject("request of global state: no such aru");
  if (!aru_message_) aru_message_ = aru;
  state_due_ = true;
  report();
}

void GlobalViewChange::report() {
  if (!state_due_ || !aru_message_) return;
  if (context_.history.aru() < aru_message_->body.aru_message().aru()) return;
  state_due_ = false;
  context_.send({{context_.options.self.site, context_.representative()}}, global_state(context_),
                nullptr, true);
}

void GlobalViewChange::on_state(ServerIndex from, const Message& message) {
  follow_views();
  const proto::GlobalState& said = message.body.global_state();
  if (!context_.is_representative() || view_of(said) != view_) {
    return context_.reject("global state: not asked for");
  }
  auto evidence = decode_all(said.evidence());
  if (!evidence) return context_.reject("global state: malformed");
  states_[from] = {said.aru(), std::move(*evidence), message.header};
  bundle();
}

// Reports that this server can follow: so can each correct one, with its help.
void GlobalViewChange::bundle() {
  if (bundled_ || !context_.is_representative()) return;
  proto::ServerMessage message;
  proto::GlobalStates* all = message.mutable_global_states();
  set_view(view_, *all);
  const std::uint32_t quorum = context_.site().quorum();
  for (const auto& [server, state] : states_) {
    if (static_cast<std::uint32_t>(all->states_size()) == quorum) break;
    const bool follows =
        state.aru <= context_.history.aru() && context_.has_payloads(state.evidence);
    if (follows) all->add_states(state.header);
  }
  if (static_cast<std::uint32_t>(all->states_size()) < quorum) return;
  bundled_ = message;
  context_.send_site(std::move(message));
}

void GlobalViewChange::on_states(ServerIndex from, const std::shared_ptr<const Message>& message) {
  follow_views();
  if (!context_.from_representative(from, view_of(message->body.global_states()))) {
    return context_.reject("global states: not of these views");
  }
  for (const ServerWord& report : message->servers) {
    if (!report.body.has_global_state() || view_of(report.body.global_state()) != view_) {
      return context_.reject("global states: of other views");
    }
  }
  if (!unite(message->servers, context_.site().quorum())) {
    return context_.reject("global states: no quorum");
  }
  bundle_ = message;
  sign_constraint();
}

void GlobalViewChange::sign_constraint() {
  if (!bundle_) return;
  const auto all = unite(bundle_->servers, context_.site().quorum());
  STEWARD_CHECK(all.has_value());
  if (context_.history.aru() < all->aru) return;
  if (!context_.has_payloads(all->evidence)) return;
  proto::SiteMessage body;
  proto::GlobalConstraint* constraint = body.mutable_global_constraint();
  set_view(view_, *constraint);
  constraint->set_aru(all->aru);
  for (const auto& [n, evidence] : all->evidence) {
    encode(n, evidence, false, *constraint->add_evidence());
  }
  bundle_.reset();
  sign_once(kConstraintSignedRecord, signed_constraint_, std::move(body));
}

void GlobalViewChange::on_constraint(ServerId from, const SiteWordPtr& word) {
  const proto::GlobalConstraint& said = word->body.global_constraint();
  const View now = context_.views.now.global;
  if (said.global_view() < now) return context_.reject("global constraint: old view");
  if (!decode_all(said.evidence())) return context_.reject("global constraint: malformed");
  if (said.global_view() > now || !context_.views.global_installed) {
    context_.enter_global_view(said.global_view(), true);
    context_.global_proof = {word};
  }
  follow_views();
  const SiteId self = context_.options.self.site;
  if (!constraints_.emplace(word->site, word).second) return;
  if (word->site == self) {
    if (!context_.is_representative()) return;
    context_.spread(word);
    const SiteId leader = context_.leader_site();
    if (leader != self) context_.send_word({context_.representative_of(leader)}, word);
  } else if (from.site != self) {
    context_.spread(word);
  }
}

std::vector<SiteWordPtr> GlobalViewChange::constraints() {
  std::vector<SiteWordPtr> usable;
  if (view_ != context_.views.now) return usable;
  for (const auto& [site, word] : constraints_) {
    const proto::GlobalConstraint& said = word->body.global_constraint();
    const auto evidence = decode_all(said.evidence());
    STEWARD_CHECK(evidence.has_value());
    const bool follows = said.aru() <= context_.history.aru() && context_.has_payloads(*evidence);
    if (follows) usable.push_back(word);
    if (usable.size() == context_.majority()) return usable;
  }
  return {};
}

bool GlobalViewChange::unfinished() const {
  const View now = context_.views.now.global;
  if (now == 0) return false;
  const bool of_now = view_.global == now;
  return !of_now || !constraints_.contains(context_.options.self.site);
}

void GlobalViewChange::advance() {
  follow_views();
  if (view_.global == 0 || !context_.installed()) return;
  const bool represents = context_.is_representative();
  if (represents && context_.leads() && !aru_message_ && !aru_requested_) request_aru();
  sign_aru();
  const bool answered = constraints_.contains(context_.options.self.site);
  if (represents && aru_message_ && !answered && !states_requested_) request_states();
  report();
  bundle();
  sign_constraint();
}

void GlobalViewChange::retransmit() {
  follow_views();
  if (view_.global == 0 || !context_.is_representative()) return;
  const bool answered = constraints_.contains(context_.options.self.site);
  if (!answered && bundled_) {
    context_.send_site(*bundled_);
  } else if (!answered && aru_message_) {
    request_states();
  }
  if (!context_.leads() || context_.constrained()) return;
  if (!aru_message_) request_aru();
  // Sites that have not answered may have another representative by now.
  std::vector<ServerId> to;
  for (SiteId site = 0; site < context_.site_count(); ++site) {
    if (site == context_.options.self.site || constraints_.contains(site)) continue;
    to.push_back(context_.representative_of(site));
  }
  if (aru_message_) context_.send_word(std::move(to), aru_message_);
}

}  // namespace steward::hierarchy
