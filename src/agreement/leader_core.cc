#include "agreement/leader_core.h"

#include <type_traits>

#include "wire/limits.h"

namespace steward::agreement {
namespace {

// What one status is answered with at most.
constexpr std::size_t kBatchesPerAnswer = 8;
// Far away an answer takes long, and a peer that the leader does not speak to lives on them alone.
constexpr std::size_t kBatchesFarAway = 32;
constexpr std::size_t kBytesPerAnswer = 1 << 20;

wire::AgreementMessage committed_body(Sequence n, const Chosen& chosen) {
  wire::AgreementMessage body;
  wire::Committed& committed = *body.mutable_committed();
  committed.set_view(chosen.view);
  committed.set_sequence(n);
  committed.set_digest(chosen.batch->digest.str());
  for (const Bytes& proof : chosen.proofs) committed.add_proofs(proof);
  return body;
}

}  // namespace

LeaderCore::LeaderCore(const Options& options)
    : options_(options),
      voting_(options.voting),
      log_(options),
      exchange_(options),
      watch_(options),
      since_(options.since),
      born_(options.born) {}

Status LeaderCore::load(std::span<const Record> records) {
  if (Status status = log_.load(records); !status) return status;
  return load_view();
}

void LeaderCore::start(Actions& actions) {
  if (!log_.view_record()) log_.record_view(to_record(new_view_), actions);
  log_.resume(actions);
  // Others may have gone on meanwhile.
  if (changes_views()) actions.sends.push_back({std::nullopt, status_body(), nullptr, false});
  if (voting_) repeat_votes(actions);
  settle_views(actions);
  exchange_.rearm(ticks(), actions);
}

void LeaderCore::step(Event event, Actions& actions) {
  std::visit(
      [&](auto& input) {
        using Input = std::decay_t<decltype(input)>;
        if constexpr (std::is_same_v<Input, Received>) {
          receive(**input.message, actions);
        } else if constexpr (std::is_same_v<Input, Propose>) {
          propose(std::move(input.batch), actions);
        } else if constexpr (std::is_same_v<Input, TimerFired>) {
          on_timer(input.timer, actions);
        } else if constexpr (std::is_same_v<Input, CheckpointTaken>) {
          on_checkpoint_taken(input, actions);
        } else if constexpr (std::is_same_v<Input, SnapshotInstalled>) {
          on_snapshot(input, actions);
        } else if constexpr (std::is_same_v<Input, SnapshotGone>) {
          if (ahead_ && ahead_->certificate.sequence() <= input.sequence) ahead_.reset();
        } else if constexpr (std::is_same_v<Input, WorkExpected>) {
          work_expected_ = input.expected;
        } else if constexpr (std::is_same_v<Input, LinkSkipped>) {
          link_skipped(input.peer, actions);
        } else if constexpr (std::is_same_v<Input, StartVoting>) {
          start_voting(actions);
        } else if constexpr (std::is_same_v<Input, MemoryLost>) {
          lose_memory(input.since);
        } else if constexpr (std::is_same_v<Input, PeerReborn>) {
          bear(input.peer, input.birth);
        } else if (changes_views() && voting_ && installed_ && input.view == view_) {
          give_up(log_.committed() + kSuspicionLasts, actions);
        }
      },
      event);
  settle_views(actions);
  exchange_.rearm(ticks(), actions);
}

void LeaderCore::receive(const Message& message, Actions& actions) {
  if (message.from >= options_.quorums.peers) return reject("not a peer");
  if (message.body.has_status()) return on_status(message, actions);
  if (message.body.has_committed()) return on_committed(message, actions);
  if (message.body.has_stable_checkpoint()) return on_stable_checkpoint(message, actions);
  if (!receive_vote(message, actions)) receive_about_views(message, actions);
}

// --- common case

// Proposed in this view, or beyond proposing.
bool LeaderCore::in_hand(const Slot& slot) const {
  return slot.chosen || (slot.proposal && slot.proposal->view == view_);
}

Sequence LeaderCore::next_sequence() const {
  Sequence next = log_.committed() + 1;
  for (auto slot = log_.slots().find(next);
       slot != log_.slots().end() && slot->first == next && in_hand(slot->second); ++slot) {
    ++next;
  }
  return next;
}

bool LeaderCore::can_propose() const {
  if (leader() != options_.self || !installed_ || !voting_) return false;
  const Sequence next = next_sequence();
  return next > plan_.last && next <= log_.committed() + options_.window && next <= log_.high();
}

void LeaderCore::propose(wire::BatchPtr batch, Actions& actions) {
  STEWARD_CHECK(can_propose());
  const Sequence n = next_sequence();
  const Ballot ballot{view_, n, batch->digest};
  log_.propose(n, Proposal{view_, batch, {}, false}, actions);
  actions.sends.push_back({std::nullopt, proposal_body(ballot), std::move(batch), true});
}

bool LeaderCore::admit_window(Sequence n, PeerId from) {
  if (log_.in_window(n)) return true;
  if (n > log_.high()) missed_.insert(from);
  reject(n > log_.high() ? "beyond the window" : "stale");
  return false;
}

bool LeaderCore::admit(const Ballot& ballot, PeerId from, Actions& actions) {
  if (ballot.view != view_ || !installed_) {
    ask_view(from, ballot.view, actions);
    return reject("other view"), false;
  }
  if (!admit_window(ballot.sequence, from)) return false;
  const Slot* slot = log_.find(ballot.sequence);
  if (ballot.sequence <= log_.committed() || (slot && slot->chosen)) return reject("stale"), false;
  return true;
}

bool LeaderCore::add_vote(Votes& votes, const Ballot& ballot, const Message& message) {
  const auto [known, added] =
      votes.emplace(message.from, Vote{ballot.view, ballot.digest, message.header});
  if (!added && known->second.digest != ballot.digest) reject("contradicts itself");
  return added;
}

void LeaderCore::on_proposal(const Ballot& ballot, const Message& message, Actions& actions) {
  if (message.from != leader()) return reject("not the leader");
  if (!message.batch || message.batch->digest != ballot.digest) return reject("malformed");
  if (!admit(ballot, message.from, actions)) return;
  const Sequence n = ballot.sequence;
  if (!voting_) return reject("no vote: not readmitted");
  if (!plan_.allows(n, ballot.digest)) return reject("not what the new view binds");
  Slot* slot = log_.find(n);
  if (slot && slot->proposal && slot->proposal->view == view_) {
    Proposal& held = *slot->proposal;
    if (held.batch->digest != ballot.digest) return reject("contradicts itself");
    if (held.delivered) return;
    held.header = message.header;
    held.delivered = true;
  } else {
    // Under this core's name, but not from its records: it speaks for no such batch.
    if (message.from == options_.self) return reject("not proposed here");
    log_.propose(n, Proposal{view_, message.batch, message.header, true}, actions);
    send_all(echo_body(ballot), actions);
    slot = log_.find(n);
    leader_is_slow_ = watch_.proposal_came();
  }
  if (is_backed(*slot, view_, leader(), options_.quorums.quorum())) on_backed(n, *slot, actions);
}

void LeaderCore::on_echo(const Ballot& ballot, const Message& message, Actions& actions) {
  if (message.from == leader()) return reject("the leader's vote is its proposal");
  if (!admit(ballot, message.from, actions)) return;
  Slot& slot = log_.at(ballot.sequence);
  if (!add_vote(slot.echoes, ballot, message) || !voting_) return;
  if (is_backed(slot, view_, leader(), options_.quorums.quorum())) {
    return on_backed(ballot.sequence, slot, actions);
  }
  if (slot.echoes.size() >= options_.quorums.one_correct()) {
    ask_if_passed_by(ballot.sequence, message.from, actions);
  }
}

void LeaderCore::send_all(wire::AgreementMessage body, Actions& actions) const {
  actions.sends.push_back({std::nullopt, std::move(body), nullptr, true});
}

// --- checkpoints

void LeaderCore::on_checkpoint_taken(const CheckpointTaken& taken, Actions& actions) {
  const Sequence n = taken.sequence;
  if (n <= log_.stable()) return;
  if (n > log_.high()) return reject("own checkpoint beyond the window");
  log_.take_checkpoint(n, taken.digest, actions);
  on_checkpoint(n, actions);
  if (ahead_ && ahead_->certificate.sequence() == n && log_.stable() < n) {
    if (ahead_->certificate.digest() != taken.digest.view()) return reject("own state differs");
    make_stable(wire::StableCheckpoint(ahead_->certificate), actions);
  }
}

void LeaderCore::make_stable(const wire::StableCheckpoint& certificate, Actions& actions) {
  log_.make_stable(certificate, actions);
  forget_below_stable();
  if (ahead_ && ahead_->certificate.sequence() <= log_.stable()) ahead_.reset();
  ask_missed(actions);
}

void LeaderCore::on_snapshot(const SnapshotInstalled& snapshot, Actions& actions) {
  if (snapshot.certificate.sequence() <= log_.stable()) return;
  make_stable(snapshot.certificate, actions);
}

// --- retransmission and catching up

bool LeaderCore::unfinished() const {
  if (!log_.taken().empty() || exchange_.peers_ahead(log_.committed())) return true;
  // Who changes its view alone has to wait for others, and need not hurry them. Where nobody speaks
  // unasked, it has to ask how far they are.
  if (!installed_ && (view_changes_.size() > 1 || options_.reliable)) return true;
  if (installed_ && plan_.last > log_.committed()) return true;
  const auto& slots = log_.slots();
  for (auto slot = slots.upper_bound(log_.committed()); slot != slots.end(); ++slot) {
    if (in_hand(slot->second)) return true;
    if (slot->second.echoes.size() >= options_.quorums.one_correct()) return true;
    if (slot->second.commits.size() >= options_.quorums.one_correct()) return true;
  }
  return false;
}

// Is there something to do at the next tick of the status exchange?
bool LeaderCore::ticks() const {
  const bool limits = !asked_.empty() || !shown_.empty() || !given_.empty() || !wanted_.empty();
  return unfinished() || (options_.reliable && limits);
}

void LeaderCore::on_timer(TimerId timer, Actions& actions) {
  if (timer == ProgressWatch::kLateTimer) return watch_.late_timer_fired();
  if (timer == ProgressWatch::kTimer) return on_progress_timer(actions);
  if (timer != StatusExchange::kTimer || !exchange_.has_timer()) return;
  const StatusExchange::Tick tick = exchange_.tick(unfinished(), log_.committed());
  const bool learns = !voting_ && unfinished();  // all that is committed has to be shown to it
  if (tick.speak || learns) {
    actions.sends.push_back({std::nullopt, status_body(), nullptr, false});
  }
  if (tick.stuck) fetch_ahead(actions);
  tick_views(actions);
}

wire::AgreementMessage LeaderCore::status_body() const {
  wire::AgreementMessage body;
  wire::Status& status = *body.mutable_status();
  status.set_view(view_);
  status.set_stable(log_.stable());
  status.set_committed(log_.committed());
  std::uint64_t proposed = 0;
  std::uint64_t prepared = 0;
  const auto& slots = log_.slots();
  for (auto slot = slots.upper_bound(log_.committed()); slot != slots.end(); ++slot) {
    const Sequence bit = slot->first - log_.committed() - 1;
    if (bit >= limits::kStatusWindow) break;
    if (in_hand(slot->second)) proposed |= std::uint64_t{1} << bit;
    if (is_prepared(slot->second) || slot->second.chosen) prepared |= std::uint64_t{1} << bit;
  }
  status.set_proposed(proposed);
  status.set_prepared(prepared);
  add_view_status(status);
  return body;
}

void LeaderCore::on_status(const Message& message, Actions& actions) {
  if (message.from == options_.self) return;
  const wire::Status& status = message.body.status();
  exchange_.heard(message.from, status.committed());
  hear_patience(message.from, status);
  if (!exchange_.may_answer(message.from)) return reject("too many statuses");
  const bool more = answer(message.from, status, actions);
  show_view(message.from, status, actions);
  // More to give, or to get: says so, which brings the peer's next status at once.
  if (more || status.committed() > log_.committed() || behind_in_view(message.from, status)) {
    actions.sends.push_back({message.from, status_body(), nullptr, false});
  }
}

bool LeaderCore::answer(PeerId peer, const wire::Status& status, Actions& actions) const {
  const std::size_t most = options_.reliable ? kBatchesFarAway : kBatchesPerAnswer;
  std::size_t batches = 0;
  std::size_t bytes = 0;
  bool more = false;
  const auto& slots = log_.slots();
  for (auto entry = slots.upper_bound(status.committed()); entry != slots.end(); ++entry) {
    const auto& [n, slot] = *entry;
    const Sequence bit = n - status.committed() - 1;
    if (bit >= limits::kStatusWindow) break;
    if (!slot.chosen) {
      const bool with_proposal = (status.proposed() >> bit & 1) == 0;
      if (n > log_.committed() && voting_) resend_votes(n, slot, with_proposal, peer, actions);
      continue;
    }
    bytes += slot.chosen->batch->encoded.size();
    if (batches == most || (batches > 0 && bytes > kBytesPerAnswer)) {
      more = true;
      break;
    }
    ++batches;
    actions.sends.push_back({peer, committed_body(n, *slot.chosen), slot.chosen->batch, false});
  }
  if (status.stable() < log_.stable()) {
    wire::AgreementMessage body;
    *body.mutable_stable_checkpoint() = log_.stable_certificate();
    actions.sends.push_back({peer, std::move(body), nullptr, false});
  }
  if (voting_) resend_checkpoints(status.stable(), peer, actions);
  return more;
}

void LeaderCore::resend_votes(Sequence n, const Slot& slot, bool with_proposal,
                              std::optional<PeerId> to, Actions& actions) const {
  if (!slot.proposal || slot.proposal->view != view_) return;
  const Ballot ballot{view_, n, slot.proposal->batch->digest};
  if (leader() != options_.self) {
    actions.sends.push_back({to, echo_body(ballot), nullptr, true});
  } else if (with_proposal) {
    actions.sends.push_back({to, proposal_body(ballot), slot.proposal->batch, true});
  }
  resend_later_votes(n, slot, to, actions);
}

void LeaderCore::on_committed(const Message& message, Actions& actions) {
  const wire::Committed& committed = message.body.committed();
  const auto ballot = ballot_of(committed);
  if (!ballot) return;
  if (!message.batch || message.batch->digest != ballot->digest) return reject("malformed");
  if (!admit_window(ballot->sequence, message.from)) return;
  const Slot* slot = log_.find(ballot->sequence);
  if (ballot->sequence <= log_.committed() || (slot && slot->chosen)) return reject("stale");
  const bool passed_over =
      slot != nullptr && slot->proposal && slot->proposal->batch->digest != ballot->digest;
  if (passed_over) actions.released.push_back(slot->proposal->batch);
  log_.choose(
      ballot->sequence,
      Chosen{ballot->view, message.batch, {committed.proofs().begin(), committed.proofs().end()}},
      actions);
}

void LeaderCore::on_stable_checkpoint(const Message& message, Actions& actions) {
  const wire::StableCheckpoint& certificate = message.body.stable_checkpoint();
  const Sequence n = certificate.sequence();
  if (!crypto::Digest::from(certificate.digest()) || !log_.is_checkpoint(n)) {
    return reject("malformed");
  }
  if (n <= log_.stable()) return reject("stale");
  learn_checkpoint(certificate, message.from, actions);
}

void LeaderCore::learn_checkpoint(const wire::StableCheckpoint& certificate, PeerId from,
                                  Actions& actions) {
  const Sequence n = certificate.sequence();
  const auto own = log_.taken().find(n);
  if (own != log_.taken().end()) {
    if (own->second.view() != certificate.digest()) return reject("own state differs");
    return make_stable(certificate, actions);
  }
  if (ahead_ && ahead_->certificate.sequence() > n) return;
  ahead_ = Ahead{certificate, from, false};
  if (!exchange_.has_timer()) fetch_ahead(actions);
}

void LeaderCore::fetch_ahead(Actions& actions) {
  if (!ahead_ || ahead_->asked || ahead_->certificate.sequence() <= log_.committed()) return;
  ahead_->asked = true;
  actions.fetch = FetchSnapshot{ahead_->from, ahead_->certificate};
}

// Others go on without this core, which does not hear the leader: a voter knows what they commit.
void LeaderCore::ask_if_passed_by(Sequence n, PeerId voter, Actions& actions) {
  const Slot* next = log_.find(log_.committed() + 1);
  if (voter == options_.self || (next != nullptr && in_hand(*next))) return;
  if (!exchange_.passed_by(n, log_.committed())) return;
  actions.sends.push_back({voter, status_body(), nullptr, false});
}

void LeaderCore::ask_missed(Actions& actions) {
  for (const PeerId peer : missed_) {
    if (peer != options_.self) actions.sends.push_back({peer, status_body(), nullptr, false});
  }
  missed_.clear();
}

// --- looking in from outside

Progress LeaderCore::progress() const {
  return {view_,         !installed_,        new_view_.view, leader(), log_.committed(),
          log_.stable(), log_.slots().size()};
}

void LeaderCore::check_invariants() const {
  log_.check_invariants();
  STEWARD_CHECK(options_.quorums.sound());
  STEWARD_CHECK(!ahead_ || ahead_->certificate.sequence() > log_.stable());
  STEWARD_CHECK(missed_.size() <= options_.quorums.peers);
  for (const auto& [n, slot] : log_.slots()) {
    STEWARD_CHECK(!slot.proposal || slot.proposal->view <= view_);
    STEWARD_CHECK(!slot.echoes.contains(leader()));
  }
  check_views();
}

Bytes LeaderCore::save() const {
  Bytes out;
  append_u64(out, view_);
  log_.encode(out);
  encode_views(out);
  encode_patience(out);
  exchange_.encode(out);
  append_u8(out, ahead_ ? 1 : 0);
  if (ahead_) {
    append_framed(out, ahead_->certificate.SerializeAsString());
    append_u32(out, ahead_->from);
    append_u8(out, ahead_->asked ? 1 : 0);
  }
  append_u32(out, static_cast<std::uint32_t>(missed_.size()));
  for (const PeerId peer : missed_) append_u32(out, peer);
  encode_more(out);
  return out;
}

bool LeaderCore::restore(BytesView saved) {
  Reader in(saved);
  view_ = in.u64();
  log_ = OrderedLog(options_);
  if (!log_.decode(in) || !decode_views(in)) return false;
  decode_patience(in);
  exchange_.decode(in);
  ahead_.reset();
  if (in.u8() == 1) {
    ahead_.emplace(Ahead{});
    if (!ahead_->certificate.ParseFromString(in.framed())) return false;
    ahead_->from = in.u32();
    ahead_->asked = in.u8() == 1;
  }
  missed_.clear();
  for (std::uint32_t left = in.u32(); left > 0 && in.ok(); --left) missed_.insert(in.u32());
  return decode_more(in) && in.at_end();
}

}  // namespace steward::agreement
