#include "hierarchy/construct_local_constraint.h"

#include <set>

#include "common/check.h"

namespace steward::hierarchy {
namespace {

// The Constraint_Set of a NEW_LOCAL_VIEW, as one; nullopt unless it is of a majority of sites.
std::optional<Union> unite_constraints(const Context& context,
                                       const std::vector<SiteWordPtr>& words) {
  std::set<SiteId> sites;
  Union all;
  for (const SiteWordPtr& word : words) {
    const proto::GlobalConstraint& said = word->body.global_constraint();
    const bool fits = word->body.has_global_constraint() &&
                      said.global_view() == context.views.now.global &&
                      sites.insert(word->site).second;
    auto evidence = fits ? decode_all(said.evidence()) : std::nullopt;
    if (!evidence) return std::nullopt;
    all.aru = std::max(all.aru, said.aru());
    for (auto& [n, one] : *evidence) take_maximum(all.evidence, n, std::move(one));
  }
  const std::size_t needed = context.views.now.global > 0 ? context.majority() : 0;
  if (sites.size() != needed) return std::nullopt;
  return all;
}

}  // namespace

void ConstructLocalConstraint::follow_views() {
  if (view_ == context_.views.now) return;
  view_ = context_.views.now;
  requested_ = constructed_ = false;
  asked_base_.reset();
  states_.clear();
  offered_.reset();
  new_local_view_.clear();
}

bool ConstructLocalConstraint::due() const {
  return context_.leads() && context_.installed() && !context_.constrained();
}

// --- the representative

void ConstructLocalConstraint::request() {
  requested_ = true;
  proto::ServerMessage message;
  set_view(view_, *message.mutable_request_local_state());
  message.mutable_request_local_state()->set_base(context_.history.aru());
  context_.send_site(std::move(message));
}

void ConstructLocalConstraint::on_state(ServerIndex from, const Message& message) {
  follow_views();
  const proto::LocalState& said = message.body.local_state();
  if (!due() || !context_.is_representative() || view_of(said) != view_) {
    return context_.reject("local state: not asked for");
  }
  auto evidence = decode_all(said.evidence());
  if (!evidence) return context_.reject("local state: malformed");
  states_[from] = {said.aru(), std::move(*evidence), message.header};
}

void ConstructLocalConstraint::construct() {
  if (constructed_) return;
  proto::ServerMessage message;
  proto::NewLocalView* view = message.mutable_new_local_view();
  set_view(view_, *view);
  view->set_base(context_.history.aru());
  const std::uint32_t quorum = context_.site().quorum();
  for (const auto& [server, state] : states_) {
    if (static_cast<std::uint32_t>(view->states_size()) == quorum) break;
    const bool follows =
        state.aru <= context_.history.aru() && context_.has_payloads(state.evidence);
    if (follows) view->add_states(state.header);
  }
  if (static_cast<std::uint32_t>(view->states_size()) < quorum) return;
  if (view_.global > 0) {
    const std::vector<SiteWordPtr> constraints = global_.constraints();
    if (constraints.empty()) return;
    for (const SiteWordPtr& word : constraints) view->add_constraints(word->certificate);
  }
  constructed_ = true;
  context_.promise_site(std::move(message));
}

// --- everybody

void ConstructLocalConstraint::on_request(ServerIndex from,
                                          const proto::RequestLocalState& request) {
  follow_views();
  if (!due() || !context_.from_representative(from, view_of(request))) {
    return context_.reject("request of local state: not of these views");
  }
  asked_base_ = request.base();
  report();
}

void ConstructLocalConstraint::report() {
  if (!due() || !asked_base_ || context_.history.aru() < *asked_base_) return;
  asked_base_.reset();
  proto::ServerMessage message;
  proto::LocalState* state = message.mutable_local_state();
  set_view(view_, *state);
  state->set_aru(context_.history.aru());
  for (const auto& [n, slot] : context_.history.slots()) {
    if (n <= context_.history.aru()) continue;
    const auto evidence = context_.history.local(n, view_.global);
    if (evidence) encode(n, *evidence, true, *state->add_evidence());
  }
  context_.send({{context_.options.self.site, context_.representative()}}, std::move(message),
                nullptr, true);
}

void ConstructLocalConstraint::on_new_local_view(const std::shared_ptr<const Message>& message) {
  follow_views();
  const proto::NewLocalView& view = message->body.new_local_view();
  if (!due() || !context_.from_representative(message->from.server, view_of(view))) {
    return context_.reject("new local view: not of these views");
  }
  for (const ServerWord& report : message->servers) {
    if (!report.body.has_local_state() || view_of(report.body.local_state()) != view_) {
      return context_.reject("new local view: states of other views");
    }
  }
  const auto states = unite(message->servers, context_.site().quorum());
  const auto constraints = unite_constraints(context_, message->sites);
  if (!states || !constraints) return context_.reject("new local view: no quorum");
  if (view.base() < states->aru || view.base() < constraints->aru) {
    return context_.reject("new local view: its base is too low");
  }
  offered_ = message;
  adopt();
}

void ConstructLocalConstraint::adopt() {
  if (!offered_ || !due()) return;
  const Sequence base = offered_->body.new_local_view().base();
  if (context_.history.aru() < base) return;
  auto states = unite(offered_->servers, context_.site().quorum());
  auto constraints = unite_constraints(context_, offered_->sites);
  STEWARD_CHECK(states && constraints);
  context_.history.replace_local(base, view_.global, states->evidence, context_.out->appends);
  constraints->evidence.erase(constraints->evidence.begin(),
                              constraints->evidence.upper_bound(base));
  context_.constraint = std::move(constraints->evidence);
  proto::ConstraintRecord record;
  record.set_global_view(view_.global);
  record.set_base(base);
  for (const auto& [n, one] : context_.constraint) encode(n, one, false, *record.add_evidence());
  context_.persist(kConstraintRecord, record);
  context_.views.constrained = view_;
  context_.persist_views();
  new_local_view_ = offered_->header;
  offered_.reset();
  states_.clear();
}

void ConstructLocalConstraint::advance() {
  follow_views();
  if (!due()) return;
  if (context_.is_representative()) {
    if (!requested_) request();
    construct();
  }
  report();
  adopt();
}

void ConstructLocalConstraint::retransmit() {
  follow_views();
  if (due() && context_.is_representative() && !constructed_) request();
}

}  // namespace steward::hierarchy
