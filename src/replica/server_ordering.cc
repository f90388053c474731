// How a server orders the events of its site, executes them and lets the site speak as one.

#include "common/check.h"
#include "replica/promises.h"
#include "replica/server_impl.h"

namespace steward::replica {
namespace {

// A timer proof is repeated until the time-out has been ordered.
constexpr Duration kRepeatExpiry = 500ms;
// While batches are in flight, the next one waits until it is this full: half a batch.
constexpr std::size_t kFullEnough = 2;

bool is_signed(const wire::AgreementMessage& body) {
  return body.has_pre_prepare() || body.has_prepare() || body.has_commit() ||
         body.has_checkpoint() || body.has_view_change() || body.has_new_view();
}

wire::Kind kind_of(const wire::AgreementMessage& body) {
  const bool views = body.has_view_change() || body.has_new_view() || body.has_evidence();
  return views ? wire::KIND_VIEW_CHANGE : wire::KIND_AGREEMENT;
}

}  // namespace

// --- the local protocol

void Server::Impl::on(ServerId from, const LocalAgreement& in) {
  if (!heard_in_time(from, in)) return;
  look_for_own_birth((*in.message)->births);
  step_core(agreement::Received{in.message});
}

void Server::Impl::step_core(agreement::Event event) {
  agreement::Actions actions;
  core_->step(std::move(event), actions);
  apply(std::move(actions));
}

void Server::Impl::apply(agreement::Actions actions) {
  for (const agreement::Append& append : actions.appends) {
    layout::put_record(append.record, out_.write);
    if (!append.lazy) out_.sync = true;
  }
  if (actions.truncate) layout::truncate_records(*actions.truncate, out_.write);
  for (agreement::Send& send : actions.sends) send_agreement(std::move(send));
  for (const agreement::TimerChange& change : actions.timers) {
    out_.timers.push_back({timer_id(TimerClass::kCore, change.timer), change.after});
  }
  for (const agreement::Commit& one : actions.commits) commit(one);
  if (actions.fetch && actions.fetch->certificate.sequence() > machine_.executed()) {
    fetch(actions.fetch->certificate, actions.fetch->from);
  }
}

void Server::Impl::send_agreement(agreement::Send send) {
  Outgoing outgoing;
  if (send.to) {
    outgoing.to_self = *send.to == self_.server;
    if (!outgoing.to_self) outgoing.to.push_back(in_site(*send.to));
  } else {
    outgoing.to_self = true;
    outgoing.to = others();
  }
  outgoing.promise = send.promise;
  STEWARD_CHECK(!binds(send.body) || send.promise);
  outgoing.sign = signs_ && is_signed(send.body);
  outgoing.kind = kind_of(send.body);
  outgoing.body = send.body.SerializeAsString();
  outgoing.attachment = std::move(send.batch);
  out_.sends.push_back(std::move(outgoing));
}

void Server::Impl::propose() {
  while (core_->can_propose() && !queue_.empty()) {
    const bool idle = proposed_ <= core_->progress().committed;
    if (!idle && queue_.bytes() < config_.ordering.max_batch_bytes / kFullEnough) return;
    std::vector<Bytes> items = queue_.take();
    if (items.empty()) break;
    proposed_ = std::max(proposed_, core_->progress().committed) + 1;
    out_.marks.push_back({Mark::Kind::kOrderingStarted, proposed_});
    step_core(agreement::Propose{wire::make_batch(std::move(items))});
  }
  // An empty batch does nothing at all but to bring the site on, and is no matter of latencies.
  if (!empty_due_ || !core_->can_propose() || proposed_ > core_->progress().committed) return;
  empty_due_ = false;
  proposed_ = core_->progress().committed + 1;
  step_core(agreement::Propose{wire::make_batch({})});
}

void Server::Impl::commit(const agreement::Commit& commit) {
  if (commit.sequence <= machine_.executed()) return;  // the snapshot already holds it
  if (!replaying_) out_.marks.push_back({Mark::Kind::kOrdered, commit.sequence});
  site::LmOutputs outputs;
  machine_.execute(commit.sequence, *commit.batch, outputs);
  apply(outputs);
  for (Execution::Done& done : execution_.take_executed()) {
    out_.executed.push_back({done.sequence, std::move(done.batch)});
  }
  if (commit.sequence % config_.ordering.checkpoint_interval == 0) {
    take_checkpoint(commit.sequence);
  }
}

// The pages go to the store in the same write as the marker; what the core then promises about
// this checkpoint leaves after that write.
void Server::Impl::take_checkpoint(Sequence local) {
  PageChanges changes;
  machine_.collect(changes);
  pages_.apply(changes, 0);
  execution_.flush();
  const crypto::Digest digest = pages_.root();
  keep_snapshot(local, digest);
  step_core(agreement::CheckpointTaken{local, digest});
}

// --- the logical machine

void Server::Impl::apply(const site::LmOutputs& outputs) {
  for (const site::UpdateKey& key : outputs.updates) queue_.forget_update(key);
  for (const auto& [timer, generation] : outputs.timeouts) {
    queue_.forget_timeout(timer, generation);
  }
  for (const SiteId site : outputs.heard_from) {
    const site::blink::Link& link = machine_.links().at(site);
    queue_.forget_site_data(site, link.next_in(), link.last_ack_number());
  }
  for (const Bytes& event : outputs.refreshes) queue_.forget_refresh(event);
  if (replaying_) return;
  if (!outputs.refreshes.empty() || !outputs.timeouts.empty()) follow_refresh();
  for (const site::LmTimerArm& arm : outputs.timers) arm_lm_timer(arm);
  if (outputs.signing) start_signing(*outputs.signing);
  for (const SiteId site : outputs.changed_links) pump(site);
  const auto& ack = machine_.latest_ack();
  signing_.release_below(machine_.first_needed_batch(), ack ? ack->batch : 0);
}

void Server::Impl::arm_lm_timer(const site::LmTimerArm& arm) {
  const TimerId timer = timer_id(TimerClass::kLogicalMachine, arm.timer);
  if (arm.after) {
    lm_timers_[arm.timer] = arm.generation;
    set_timer(timer, *arm.after);
    return;
  }
  const auto it = lm_timers_.find(arm.timer);
  if (it == lm_timers_.end() || it->second != arm.generation) return;
  lm_timers_.erase(it);
  expiries_.erase(arm.timer);
  out_.timers.push_back({timer, std::nullopt});
}

// Inside a logical machine time passes when enough servers say so (SPEC 2.2).
void Server::Impl::on_lm_timer(site::LmTimerId timer) {
  const auto it = lm_timers_.find(timer);
  if (it == lm_timers_.end()) return;
  if (!machine_.armed(timer, it->second)) {
    lm_timers_.erase(it);
    expiries_.erase(timer);
    return;
  }
  wire::TimerExpired expired;
  expired.set_timer(timer);
  expired.set_generation(it->second);
  Outgoing outgoing;
  outgoing.to = others();
  outgoing.to_self = true;
  outgoing.sign = true;
  outgoing.kind = wire::KIND_TIMER_EXPIRED;
  outgoing.body = expired.SerializeAsString();
  out_.sends.push_back(std::move(outgoing));
  set_timer(timer_id(TimerClass::kLogicalMachine, timer), kRepeatExpiry);
}

void Server::Impl::on(ServerId from, const ExpiredTimer& in) {
  // Only the newest word of each server on each timer counts, and only on timers that exist.
  if (!machine_.has_timer(in.timer)) return reject("timer proof: no such timer");
  auto& expiries = expiries_[in.timer];
  Expiry& expiry = expiries[from.server];
  if (in.generation > expiry.generation) expiry = {in.generation, 0, {}};
  if (in.generation == expiry.generation) {
    ++expiry.times;
    expiry.proof = in.proof;
  }
  if (!machine_.armed(in.timer, in.generation)) return;
  wire::LmTimeout timeout;
  timeout.set_timer(in.timer);
  timeout.set_generation(in.generation);
  for (const auto& [server, other] : expiries) {
    if (other.generation == in.generation) timeout.add_proofs(other.proof);
  }
  std::uint32_t needed = site_.quorums().one_correct();
  if (machine_.lacks_forwarder(timeout)) {
    // A forwarder that is up has said so when we say it for the second time.
    if (expiries[self_.server].times < 2) return;
    needed = site_.quorums().quorum();
  }
  if (static_cast<std::uint32_t>(timeout.proofs_size()) < needed) return;
  queue_.add_timeout(std::move(timeout));
}

// --- the site's signature and the links

void Server::Impl::start_signing(const site::LmOutputs::Signing& signing) {
  site::ThresholdSign::Statement statement;
  statement.bytes =
      wire::site_statement(domain_, self_.site, signing.batch, signing.leaf_count, signing.root);
  statement.root = signing.root;
  statement.leaf_count = signing.leaf_count;
  out_.marks.push_back({Mark::Kind::kSigningStarted, signing.batch});
  site::SigningActions actions;
  signing_.start(signing.batch, std::move(statement), actions);
  apply(std::move(actions));
}

void Server::Impl::apply(site::SigningActions actions) {
  for (site::SigningJob& job : actions.jobs) out_.jobs.push_back(std::move(job));
  // Signed, because a wrong share is evidence.
  for (const wire::Share& share : actions.broadcasts)
    send_signed(wire::KIND_SHARE, share, others());
  for (const auto& [to, share] : actions.answers) {
    send_signed(wire::KIND_SHARE, share, {in_site(to)});
  }
  for (const site::Blame& blame : actions.blames) {
    keep_evidence(blame.server, blame.offence, blame.header);
  }
  for (const wire::ShareRequest& request : actions.requests) {
    send(others(), wire::KIND_SHARE_REQUEST, request);
  }
  if (actions.signed_statements.empty()) return;
  for (const site::StatementId& id : actions.signed_statements) {
    out_.marks.push_back({Mark::Kind::kSigned, id.number});
  }
  for (const auto& [site, link] : machine_.links()) pump(site);
}

void Server::Impl::on(ServerId from, const ShareReceived& in) {
  site::SigningActions actions;
  signing_.on_share(from.server, in.share, in.header, actions);
  apply(std::move(actions));
}

void Server::Impl::on(ServerId from, const wire::ShareRequest& in) {
  site::SigningActions actions;
  signing_.on_request(from.server, in, actions);
  apply(std::move(actions));
}

void Server::Impl::pump(SiteId site) {
  site::blink::ForwarderActions actions;
  forwarder_.pump(site, machine_, signing_, actions);
  apply(std::move(actions));
}

void Server::Impl::apply(site::blink::ForwarderActions actions) {
  for (const auto& one : actions.sends) send({one.to}, wire::KIND_SITE_DATA, one.data);
  for (const auto& timer : actions.retransmit_timers) {
    out_.timers.push_back({timer_id(TimerClass::kRetransmit, timer.link), timer.after});
  }
  for (const auto& [to, after] : actions.ack_timers) {
    set_timer(timer_id(TimerClass::kAckRepeat, std::uint64_t{to.site} << 32 | to.server), after);
  }
  site::SigningActions signing;
  for (const site::BatchNumber batch : actions.wanted) signing_.want(batch, signing);
  apply(std::move(signing));
}

void Server::Impl::on(ServerId from, const SiteDataReceived& in) {
  // The peer of a virtual link spreads what it receives in its site.
  if (from.site != self_.site) send(others(), wire::KIND_SITE_DATA, *in.data);
  const SiteId site = in.data->site();
  const site::blink::Link& link = machine_.links().at(site);
  const auto [first, last] = site::link_range(*in.data);
  if (last != 0 && last < link.next_in()) {
    reject("site data: repeated");
    site::blink::ForwarderActions actions;
    if (from.site == site) forwarder_.repeat_ack(from, machine_, signing_, actions);
    return apply(std::move(actions));
  }
  queue_.add_site_data(in.data);
}

}  // namespace steward::replica
