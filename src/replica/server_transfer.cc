// How a server gives snapshots to servers of its site that lag, and takes one when it lags itself.

#include "common/check.h"
#include "replica/server_impl.h"

namespace steward::replica {
namespace {

constexpr Duration kMoveInterval = 100ms;

}  // namespace

// What the store holds: a snapshot, if any, and pages of a fetch that a restart cut short.
bool Server::Impl::load_snapshot(layout::Stored& stored) {
  fetch_.resume(staging_.open(stored));
  if (stored.snapshot == 0) return true;
  pages_.load(std::move(stored.pages));
  if (pages_.root() != stored.snapshot_digest) return false;
  if (!machine_.load(pages_.range(0, kExecutionPage)) || !execution_.load()) return false;
  if (machine_.executed() != stored.snapshot) return false;
  donor_.keep(stored.snapshot, pages_.pages());
  return true;
}

// --- given

void Server::Impl::on(ServerId from, const wire::StateRequest& in) {
  StateDonor::Answers answers;
  donor_.on_request(from.server, in, answers);
  apply(std::move(answers));
}

void Server::Impl::on_donor_timer() {
  donor_timer_ = false;
  StateDonor::Answers answers;
  donor_.on_tick(answers);
  apply(std::move(answers));
}

void Server::Impl::apply(StateDonor::Answers answers) {
  for (const auto& [to, answer] : answers) {
    if (answer.lacking()) reject("transfer: no such snapshot");
    send({in_site(to)}, wire::KIND_STATE, answer);
  }
  if (donor_timer_ || !donor_.ticking()) return;
  donor_timer_ = true;
  set_timer(timer_id(TimerClass::kDonor), StateDonor::kTick);
}

// --- kept

// The pages go to the store in the same write as the marker.
void Server::Impl::keep_snapshot(Sequence local, const crypto::Digest& digest) {
  staging_.save_changes(pages_, out_.write);
  layout::put_marker(local, digest, staging_.overlay(), out_.write);
  out_.sync = true;
  donor_.keep(local, pages_.pages());
  // It has come so far by itself: nothing is to be fetched, now or after the restart before.
  if (!replaying_ && local >= fetch_.newest()) forget_fetched();
}

void Server::Impl::forget_fetched() {
  fetch_.abandon();
  staging_.discard(out_.write);
}

void Server::Impl::set_move_timer() {
  if (move_timer_ || staging_.overlay() == 0) return;
  move_timer_ = true;
  set_timer(timer_id(TimerClass::kMovePages), kMoveInterval);
}

void Server::Impl::on_move_timer() {
  move_timer_ = false;
  if (staging_.move_some(pages_, out_.write)) set_move_timer();
}

// --- taken

void Server::Impl::fetch(const wire::StableCheckpoint& certificate, ServerIndex from) {
  StateFetch::Actions actions;
  fetch_.begin(certificate, from, actions);
  apply(std::move(actions));
}

void Server::Impl::on(ServerId from, const wire::StateAnswer& in) {
  StateFetch::Actions actions;
  fetch_.on_answer(from.server, in, pages_.pages(), actions);
  apply(std::move(actions));
}

void Server::Impl::on_fetch_timer() {
  fetch_timer_ = false;
  StateFetch::Actions actions;
  fetch_.on_tick(actions);
  apply(std::move(actions));
}

void Server::Impl::apply(StateFetch::Actions actions) {
  for (const std::string& reason : actions.rejections) reject(reason);
  for (const auto& [to, request] : actions.requests) {
    send({in_site(to)}, wire::KIND_STATE_REQUEST, request);
  }
  staging_.stage(actions.fetched, out_.write);
  if (auto snapshot = fetch_.take_complete()) {
    const auto next = std::move(snapshot->next);
    install(std::move(*snapshot));
    // What came meanwhile is newer than anything that the others still show as batches.
    if (next && next->sequence() > machine_.executed()) fetch(*next, self_.server);
  }
  if (fetch_timer_ || !fetch_.active()) return;
  fetch_timer_ = true;
  set_timer(timer_id(TimerClass::kFetch), StateFetch::kTick);
}

void Server::Impl::install(StateFetch::Snapshot snapshot) {
  const Sequence sequence = snapshot.certificate.sequence();
  if (sequence <= machine_.executed()) return forget_fetched();
  PageChanges own;  // executed since the last checkpoint
  machine_.collect(own);
  pages_.apply(own, 0);
  execution_.flush();
  const Pages before = pages_.pages();
  pages_.replace(std::move(snapshot.pages));
  // Certified by a quorum of the site: that it does not load is our own mistake.
  STEWARD_CHECK(machine_.load(pages_.range(0, kExecutionPage)));
  STEWARD_CHECK(execution_.load(&before));
  STEWARD_CHECK(machine_.executed() == sequence);
  const auto digest = crypto::Digest::from(snapshot.certificate.digest());
  STEWARD_CHECK(digest.has_value());
  staging_.install(pages_, out_.write);
  layout::put_marker(sequence, *digest, staging_.overlay(), out_.write);
  out_.sync = true;
  set_move_timer();
  donor_.forget_all();
  donor_.keep(sequence, pages_.pages());
  for (const auto& [timer, generation] : lm_timers_) {
    out_.timers.push_back({timer_id(TimerClass::kLogicalMachine, timer), std::nullopt});
  }
  lm_timers_.clear();
  expiries_.clear();
  queue_.forget_drawn();
  step_core(agreement::SnapshotInstalled{snapshot.certificate});
  resume_from_state();
}

// What follows from the logical machine's state as a whole, rebuilt or fetched, and not from the
// events that led to it.
void Server::Impl::resume_from_state() {
  follow_refresh();
  for (const site::LmTimerArm& arm : machine_.armed_timers()) arm_lm_timer(arm);
  for (const auto& [batch, signing] : machine_.unacknowledged_batches()) start_signing(signing);
  for (const auto& [site, link] : machine_.links()) {
    queue_.forget_site_data(site, link.next_in(), link.last_ack_number());
    pump(site);
  }
}

// --- shown

void Server::Impl::add_transfer_status(wire::StatusReply& reply) const {
  const StateFetch::Progress progress = fetch_.progress();
  wire::TransferStatus& out = *reply.mutable_transfer();
  out.set_sequence(progress.sequence);
  out.set_pages(progress.pages);
  out.set_missing(progress.missing);
  out.set_all_known(progress.all_known);
  out.set_fetched_bytes(progress.bytes);
  out.set_given_bytes(donor_.given_bytes());
}

}  // namespace steward::replica
