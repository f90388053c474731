// How a server is kept from voting while it may have forgotten what it voted for: readmission.h.

#include "common/check.h"
#include "replica/promises.h"
#include "replica/server_impl.h"

namespace steward::replica {
namespace {

// Held back while the server asks, which is one round trip in the site unless too few answer.
constexpr std::size_t kMaxHeldBack = 1024;
// Others are told of an awaited sequence after this part of a leader's time-out, and again.
constexpr int kTellAwaitedPart = 16;

bool speaks_for_server(wire::Kind kind) {
  return kind == wire::KIND_TIMER_EXPIRED || kind == wire::KIND_SHARE ||
         kind == wire::KIND_REFRESH || kind == wire::KIND_ACCUSATION;
}

bool is_local_protocol(wire::Kind kind) {
  return kind == wire::KIND_AGREEMENT || kind == wire::KIND_VIEW_CHANGE;
}

}  // namespace

Readmission::Standing Server::Impl::standing() const {
  const agreement::Progress now = core_->progress();
  return {now.view, now.installed, now.changing, now.stable};
}

void Server::Impl::on(ServerId from, const Introduced& in) {
  if (in.body.has_awaited()) {
    const agreement::Progress now = core_->progress();
    return awaited_.ask(from.server, in.body.awaited().sequence(), now.stable, now.committed);
  }
  Readmission::Actions actions;
  readmission_->receive(from.server, in, standing(), actions);
  apply(std::move(actions));
}

bool Server::Impl::heard_in_time(ServerId from, const LocalAgreement& in) {
  if (!in.life || from == self_) return true;
  Readmission::Actions actions;
  const bool current = readmission_->heard(from.server, *in.life, actions);
  apply(std::move(actions));
  if (!current) reject("local protocol: of an earlier life");
  return current;
}

void Server::Impl::apply(Readmission::Actions actions) {
  for (const auto& [peer, birth] : actions.reborn) step_core(agreement::PeerReborn{peer, birth});
  if (actions.memory_lost) {
    reject("readmission: this server has forgotten what it promised");
    held_back_.clear();
    step_core(agreement::MemoryLost{readmission_->life().since()});
  }
  if (actions.admitted) {
    step_core(agreement::StartVoting{});
    for (Outgoing& outgoing : std::exchange(held_back_, {})) {
      out_.sends.push_back(std::move(outgoing));
    }
  }
  if (actions.durable) out_.sync = true;
  for (auto& [to, message] : actions.sends) {
    send({in_site(to)}, wire::KIND_INTRODUCTION, message);
    out_.sends.back().promise = binds(message);
    out_.sends.back().sign = signs_ && message.has_hello();
  }
  if (actions.timer) set_timer(timer_id(TimerClass::kIntroduce), *actions.timer);
}

Output Server::Impl::take_output() {
  hold_back();
  stamp();
  return std::exchange(out_, {});
}

// What the server says for itself waits until it may vote; if it forgot, it says nothing.
void Server::Impl::hold_back() {
  if (voting()) return;
  std::vector<Outgoing> sends;
  for (Outgoing& outgoing : std::exchange(out_.sends, {})) {
    STEWARD_CHECK(!is_local_protocol(outgoing.kind) || !outgoing.promise);
    if (!speaks_for_server(outgoing.kind)) {
      sends.push_back(std::move(outgoing));
    } else if (readmission_->state() == Readmission::State::kAsking &&
               held_back_.size() < kMaxHeldBack) {
      held_back_.push_back(std::move(outgoing));
    }
  }
  out_.sends = std::move(sends);
}

// --- sequences that others wait for (awaited.h)

// The time without a batch. A follower gives the leader longer.
void Server::Impl::follow_awaited() {
  const agreement::Progress now = core_->progress();
  if (!voting() || !awaited_.highest(now.committed)) {
    empty_due_ = false;
    return;
  }
  if (idle_timer_ && idle_at_ == now.committed) return;
  empty_due_ = false;
  idle_timer_ = true;
  idle_at_ = now.committed;
  Duration after = awaited_.pace(now.committed);
  if (now.leader != self_.server) after += config_.timeouts.view_change / kTellAwaitedPart;
  set_timer(timer_id(TimerClass::kIdle), after);
}

// Whoever was asked tells the others: the leader may not have been, nor those who would replace it.
void Server::Impl::on_idle_timer() {
  idle_timer_ = false;
  const agreement::Progress now = core_->progress();
  const auto highest = awaited_.highest(now.committed);
  if (!voting() || !highest || now.committed != idle_at_) return;
  empty_due_ = true;
  idle_timer_ = true;
  set_timer(timer_id(TimerClass::kIdle), config_.timeouts.view_change / kTellAwaitedPart);
  if (now.leader == self_.server) return;
  wire::Introduction out;
  out.mutable_awaited()->set_sequence(*highest);
  send(others(), wire::KIND_INTRODUCTION, out);
}

// --- what leaves

// Each durable step is counted, and what is promised says which one it rests on.
void Server::Impl::stamp() {
  if (out_.sync) {
    readmission_->count_step();
    layout::put_own_life(readmission_->own_record(), out_.write);
    for (const auto& [peer, life] : readmission_->take_dirty()) {
      layout::put_life(peer, life, out_.write);
      const auto said = readmission_->said().find(peer);
      if (said != readmission_->said().end()) layout::put_said(peer, said->second, out_.write);
    }
  }
  for (Outgoing& outgoing : out_.sends) {
    STEWARD_CHECK(binding(outgoing.kind) != Binding::kAlways || outgoing.promise);
    if (outgoing.promise && is_local_protocol(outgoing.kind)) outgoing.life = readmission_->life();
  }
}

}  // namespace steward::replica
