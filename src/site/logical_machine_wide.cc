// The wide protocol inside a site: what it proposes, what it says and hears, and which work it
// knows of (docs/protocols.md, sections 3 and 12).

#include <algorithm>

#include "common/check.h"
#include "site/logical_machine.h"
#include "site/machine_timers.h"
#include "wire/limits.h"

namespace steward::site {
namespace {

// Whatever a wide batch becomes part of has to fit into one event of the sites that receive it.
static_assert(limits::kMaxUpdateBytes <= limits::kMaxWideBatchBytes);
constexpr std::size_t kMaxWideBodyBytes = limits::kMaxSiteDataBytes - (64 << 10);

// Answers to one other site in one batch of events: what a flood of its statuses can ask for.
constexpr std::uint32_t kMaxAnswers = 64;

constexpr int kPendingPart = 4;  // of the time-out of wide views

google::protobuf::RepeatedPtrField<Bytes>* proofs_in(wire::AgreementMessage& body) {
  if (body.has_committed()) return body.mutable_committed()->mutable_proofs();
  if (body.has_stable_checkpoint()) return body.mutable_stable_checkpoint()->mutable_proofs();
  return nullptr;
}

struct Ballot {
  View view = 0;
  Sequence sequence = 0;
};
template <class Vote>
Ballot ballot_of(const Vote& vote) {
  return {vote.view(), vote.sequence()};
}
// Of a vote; nullopt for other messages.
std::optional<Ballot> ballot_in(const wire::AgreementMessage& body) {
  if (body.has_pre_prepare()) return ballot_of(body.pre_prepare());
  if (body.has_prepare()) return ballot_of(body.prepare());
  if (body.has_commit()) return ballot_of(body.commit());
  if (body.has_proposal()) return ballot_of(body.proposal());
  if (body.has_accept()) return ballot_of(body.accept());
  if (body.has_checkpoint()) return Ballot{0, body.checkpoint().sequence()};
  return std::nullopt;
}

}  // namespace

LogicalMachine::Readiness LogicalMachine::readiness(const wire::SiteData& data) const {
  const agreement::Progress wide = wide_->progress();
  View view = wide.changing ? wide.view - 1 : wide.view;
  const Sequence high = wide.stable + 2 * Sequence{config_.ordering.wide_checkpoint_interval};
  for (const wire::Leaf& leaf : data.leaves()) {
    wire::AgreementMessage body;
    if (leaf.type() != wire::LEAF_MESSAGE || !body.ParseFromString(leaf.body())) continue;
    const auto ballot = ballot_in(body);
    if (ballot && ballot->view > view) return Readiness::kOtherView;
    // Who is between views counts no votes, and what it needs may be behind them.
    if (ballot && !wide.changing && ballot->sequence > high) return Readiness::kBeyondWindow;
    if (!body.has_new_view() || body.new_view().view() <= view) continue;
    // What is said behind it is for that view.
    view = body.new_view().view();
    for (const wire::ViewChangeRef& ref : body.new_view().view_changes()) {
      const auto seen = view_changes_seen_.find(ref.peer());
      const bool known = seen != view_changes_seen_.end() && seen->second >= view;
      if (ref.peer() != self_ && !known) return Readiness::kOtherView;
    }
  }
  return Readiness::kReady;
}

bool LogicalMachine::shows_next(const wire::SiteData& data) const {
  const Sequence next = wide_->progress().committed + 1;
  return std::any_of(data.leaves().begin(), data.leaves().end(), [&](const wire::Leaf& leaf) {
    wire::AgreementMessage body;
    return leaf.type() == wire::LEAF_MESSAGE && body.ParseFromString(leaf.body()) &&
           body.has_committed() && body.committed().sequence() == next;
  });
}

void LogicalMachine::propose_pending(LmOutputs& out) {
  const std::size_t max_bytes =
      std::min<std::size_t>(config_.ordering.max_batch_bytes, limits::kMaxWideBatchBytes);
  while (!pending_.empty() && wide_->can_propose()) {
    std::vector<Bytes> items = pending_.take(config_.ordering.max_batch_items, max_bytes);
    step_wide(agreement::Propose{wire::make_batch(std::move(items))}, out);
  }
}

// After each batch of events: what waits is work for which the leader site is responsible, and what
// waits while another site leads is late, so that all sites are to know of it.
void LogicalMachine::settle_work(LmOutputs& out) {
  if (work_expected_ == pending_.empty()) {
    work_expected_ = !work_expected_;
    step_wide(agreement::WorkExpected{work_expected_}, out);
  }
  const agreement::Progress wide = wide_->progress();
  if (!wide.changing && wide.view != followed_view_) {
    followed_view_ = wide.view;
    pending_.new_leader();
  }
  // Also where this site is to lead next: it may be alone in the view that it goes to.
  const bool late = !pending_.empty() && (wide.changing || wide.leader != self_);
  if (late) {
    for (const Bytes& update : pending_.to_tell()) {
      for (const auto& [site, link] : links_) {
        outputs_.push_back({site, wire::LEAF_UPDATE, 0, update, nullptr});
      }
    }
  }
  const bool armed = timers_.contains(kPendingTimer);
  if (late && !armed) arm(kPendingTimer, wide_view_change(config_) / kPendingPart, out);
  if (!late && armed) disarm(kPendingTimer, out);
}

void LogicalMachine::on_pending_timer(LmOutputs& out) {
  const agreement::Progress wide = wide_->progress();
  if (wide.changing || wide.leader == self_) return;
  const Duration tick = wide_view_change(config_) / kPendingPart;
  const auto patience = static_cast<std::uint32_t>(config_.timeouts.fair / tick) + 2;
  const PendingUpdates::Tick passed = pending_.tick(wide.committed, patience);
  for (const Bytes& update : passed.to_leader) {
    outputs_.push_back({wide.leader, wire::LEAF_UPDATE, 0, update, nullptr});
  }
  if (!passed.starved) return;
  reject("leader site: passes over an update");
  step_wide(agreement::SuspectLeader{wide.view}, out);
}

// Another site's word, passed on: from here on it is as if that one had sent it.
bool LogicalMachine::follow_evidence(agreement::Message& message) {
  if (!message.body.has_evidence()) return true;
  message.header = message.body.evidence().header();
  wire::SiteData shown;
  if (!shown.ParseFromString(message.header) || shown.leaves_size() != 1) return false;
  message.from = shown.site();
  return message.body.ParseFromString(Bytes(shown.leaves(0).body()));
}

// The sender of a certificate is one of those who stand behind it, and the message itself is the
// proof of that: kept where the proofs in it are fewer than a quorum, so that this site can show
// the certificate to others.
void LogicalMachine::keep_word(SiteId from, agreement::Message& message) const {
  google::protobuf::RepeatedPtrField<Bytes>* proofs = proofs_in(message.body);
  if (proofs == nullptr) return;
  std::set<SiteId> voters;
  for (const Bytes& proof : *proofs) {
    wire::SiteData vote;
    if (vote.ParseFromString(proof)) voters.insert(vote.site());
  }
  if (voters.size() < config_.quorums().quorum() && !voters.contains(from)) {
    *proofs->Add() = message.header;
  }
}

// Runs the wide core to rest: what it sends to itself comes back at once, because local commitment
// has already made every event that led here durable.
void LogicalMachine::step_wide(agreement::Event event, LmOutputs& out) {
  std::deque<agreement::Event> events;
  events.push_back(std::move(event));
  while (!events.empty()) {
    agreement::Actions actions;
    wide_->step(std::move(events.front()), actions);
    events.pop_front();
    for (agreement::Send& send : actions.sends) send_wide(std::move(send), events);
    for (const agreement::TimerChange& change : actions.timers) {
      STEWARD_CHECK(change.timer <= kMaxWideTimer);
      if (change.after) {
        arm(kWideTimer | change.timer, *change.after, out);
      } else {
        disarm(kWideTimer | change.timer, out);
      }
    }
    for (const agreement::Commit& commit : actions.commits) commit_wide(commit, events);
    take_back(actions.released);
    if (actions.fetch) reject("wide snapshot offered");
  }
}

// Leaves in a certificate what others can check: proofs of distinct other sites. The sender's own
// vote is proven by its sending. False when that is no quorum.
bool LogicalMachine::make_transferable(wire::AgreementMessage& body) const {
  if (config_.wide != WideProtocol::kPbft) return true;
  google::protobuf::RepeatedPtrField<Bytes>* proofs = proofs_in(body);
  if (proofs == nullptr) return true;
  std::set<SiteId> voters{self_};
  google::protobuf::RepeatedPtrField<Bytes> others;
  for (Bytes& proof : *proofs) {
    wire::SiteData vote;
    const bool known = !proof.empty() && vote.ParseFromString(proof);
    if (known && voters.insert(vote.site()).second) *others.Add() = std::move(proof);
  }
  proofs->Swap(&others);
  return voters.size() >= config_.quorums().quorum();
}

void LogicalMachine::send_wide(agreement::Send send, std::deque<agreement::Event>& loopback) {
  if (!make_transferable(send.body)) return reject("wide certificate: not provable to others");
  if (send.to && ++answers_[*send.to] > kMaxAnswers) return reject("wide answer: too many");
  const Bytes body = send.body.SerializeAsString();
  // It would stand in the way of everything behind it (config/rules.cc).
  if (body.size() > kMaxWideBodyBytes) return reject("wide message: too large");
  for (const auto& [site, link] : links_) {
    if (send.to && *send.to != site) continue;
    outputs_.push_back({site, wire::LEAF_MESSAGE, 0, body, send.batch});
  }
  if (!send.to || *send.to == self_) {
    auto message = std::make_shared<agreement::Message>();
    message->from = self_;
    message->body = std::move(send.body);
    message->batch = std::move(send.batch);
    loopback.emplace_back(agreement::Received{{std::move(message), wire::Voucher{}}});
  }
}

void LogicalMachine::commit_wide(const agreement::Commit& commit,
                                 std::deque<agreement::Event>& loopback) {
  application_.execute(commit.sequence, commit.batch);
  for (const Bytes& update : commit.batch->items) {
    if (const auto key = update_key(update)) pending_.forget(*key);
  }
  if (commit.sequence % config_.ordering.wide_checkpoint_interval == 0) {
    loopback.emplace_back(agreement::CheckpointTaken{commit.sequence, application_.checkpoint()});
  }
}

// Some of it may be bound by the new view, and come twice: it is executed once.
void LogicalMachine::take_back(const agreement::Released& released) {
  for (const wire::BatchPtr& batch : released) {
    for (const Bytes& update : batch->items) {
      const auto key = update_key(update);
      if (!key || application_.settled(*key)) continue;
      pending_.put_back(*key, update);
    }
  }
}

}  // namespace steward::site
