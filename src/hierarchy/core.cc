#include "hierarchy/core.h"

#include <algorithm>
#include <deque>

#include "common/check.h"
#include "hierarchy/assign_global_order.h"
#include "hierarchy/assign_sequence.h"
#include "hierarchy/construct_local_constraint.h"
#include "hierarchy/context.h"
#include "hierarchy/global_leader_election.h"
#include "hierarchy/global_view_change.h"
#include "hierarchy/local_view_change.h"
#include "hierarchy/reconciliation.h"
#include "hierarchy/time_outs.h"

namespace steward::hierarchy {
namespace {

// Of one server, that came before the views that they are of.
constexpr std::size_t kEarlyMessages = 256;
constexpr std::size_t kEarlyBytes = 16 << 20;

class StewardCore : public Core {
 public:
  explicit StewardCore(const Options& options)
      : context_(options),
        assign_sequence_(context_),
        assign_global_order_(context_),
        local_view_change_(context_),
        global_leader_election_(context_),
        global_view_change_(context_),
        local_constraint_(context_, global_view_change_),
        reconciliation_(context_, local_constraint_),
        time_outs_(context_) {}

  Status load(std::span<const agreement::Record> records, Sequence executed);
  void start(Actions& actions) override;
  void step(Event event, Actions& actions) override;
  bool can_propose() const override { return assign_sequence_.can_propose(); }
  Progress progress() const override;
  const std::map<std::string, std::uint64_t>& rejections() const override {
    return context_.rejections;
  }
  void check_invariants() const override;

 private:
  void on(const Received& event);
  void on(const Heard& event) { hear(event.from, *event.word); }
  void on(const Propose& event) { assign_sequence_.propose(event.batch); }
  void on(const TimerFired& event);
  void on(const WorkExpected& event) { context_.work_expected = event.expected; }
  void on(const Progressed&) { time_outs_.on_progress(); }
  void on(const CheckpointTaken& event) {
    reconciliation_.on_checkpoint_taken(event.sequence, event.digest);
  }
  void on(const SnapshotInstalled& event) {
    reconciliation_.on_snapshot(event.checkpoint);
    assign_global_order_.deliver();
  }

  void receive(const std::shared_ptr<const Message>& message);
  void receive_from_site(const std::shared_ptr<const Message>& message);
  bool hold_early(const std::shared_ptr<const Message>& message);
  void take_early();
  void hear(ServerId from, const SiteWordPtr& word);
  void settle();
  void take_over();
  void tick();
  bool installing() const;
  bool unfinished() const;
  bool load_state(const agreement::Record& record);

  Context context_;
  AssignSequence assign_sequence_;
  AssignGlobalOrder assign_global_order_;
  LocalViewChange local_view_change_;
  GlobalLeaderElection global_leader_election_;
  GlobalViewChange global_view_change_;
  ConstructLocalConstraint local_constraint_;
  Reconciliation reconciliation_;
  TimeOuts time_outs_;

  struct Early {
    std::deque<std::shared_ptr<const Message>> messages;
    std::size_t bytes = 0;
  };
  std::map<ServerIndex, Early> early_;
  ViewPair early_taken_;                 // up to these views
  std::optional<ViewPair> represented_;  // the views in which this server took over last
  bool tick_armed_ = false;
  bool tick_fast_ = false;
  Duration since_retransmit_{0};
};

// --- start

bool StewardCore::load_state(const agreement::Record& record) {
  switch (record.kind) {
    case kViewsRecord: {
      proto::ViewsRecord stored;
      if (!stored.ParseFromString(record.data)) return false;
      context_.views = {view_of(stored),
                        stored.global_installed(),
                        stored.local_installed(),
                        {stored.constrained_global(), stored.constrained_local()}};
      return true;
    }
    case kGlobalProofRecord:
    case kLocalProofRecord: {
      proto::ProofRecord stored;
      if (!stored.ParseFromString(record.data)) return false;
      if (record.kind == kLocalProofRecord) {
        context_.local_proof = {stored.proofs().begin(), stored.proofs().end()};
        return true;
      }
      for (const Bytes& proof : stored.proofs()) {
        context_.global_proof.push_back(read_certificate(proof, nullptr));
        if (!context_.global_proof.back()) return false;
      }
      return true;
    }
    case kConstraintRecord: {
      proto::ConstraintRecord stored;
      if (!stored.ParseFromString(record.data)) return false;
      auto evidence = decode_all(stored.evidence());
      if (!evidence) return false;
      if (stored.global_view() == context_.views.now.global) {
        context_.constraint = std::move(*evidence);
      }
      return true;
    }
    case kAruSignedRecord:
    case kConstraintSignedRecord:
      return global_view_change_.load(record);
    case kStableRecord:
      return reconciliation_.load(record);
    default:
      return false;
  }
}

Status StewardCore::load(std::span<const agreement::Record> records, Sequence executed) {
  bool loaded = context_.history.load(records, executed);
  // In order of their kinds, so the views come first.
  for (const agreement::Record& record : records) {
    if (record.sequence == 0) loaded = loaded && load_state(record);
  }
  if (!loaded) return Error{ErrorCode::kCorrupt, "a record of the protocol among sites is damaged"};
  return {};
}

void StewardCore::start(Actions& actions) {
  context_.out = &actions;
  assign_global_order_.deliver();
  assign_sequence_.resume();
  assign_global_order_.resume();
  local_view_change_.resume();
  global_leader_election_.resume();
  early_taken_ = context_.views.constrained;
  settle();
  context_.out = nullptr;
}

// --- events

void StewardCore::step(Event event, Actions& actions) {
  context_.out = &actions;
  std::visit([this](const auto& one) { on(one); }, event);
  settle();
  context_.out = nullptr;
}

void StewardCore::on(const Received& event) { receive(*event.message); }

void StewardCore::receive(const std::shared_ptr<const Message>& message) {
  const proto::ServerMessage& body = message->body;
  if (body.has_standing()) return reconciliation_.on_standing(message->from, body.standing());
  if (body.has_ordered()) return reconciliation_.on_ordered(*message);
  if (body.has_fetch_payload())
    return reconciliation_.on_fetch(message->from, body.fetch_payload());
  if (body.has_payload()) return reconciliation_.on_payload(*message);
  if (message->from.site != context_.options.self.site) {
    return context_.reject("a site's inner message from outside");
  }
  receive_from_site(message);
}

void StewardCore::receive_from_site(const std::shared_ptr<const Message>& message) {
  const ServerIndex from = message->from.server;
  const proto::ServerMessage& body = message->body;
  if (body.has_pre_prepare() || body.has_prepare()) {
    if (hold_early(message)) return;
    return body.has_prepare() ? assign_sequence_.on_prepare(*message)
                              : assign_sequence_.on_pre_prepare(*message);
  }
  if (body.has_new_rep()) {
    return local_view_change_.on_new_rep(from, body.new_rep().local_view(), message->header);
  }
  if (body.has_request_local_state()) {
    return local_constraint_.on_request(from, body.request_local_state());
  }
  if (body.has_local_state()) return local_constraint_.on_state(from, *message);
  if (body.has_new_local_view()) return local_constraint_.on_new_local_view(message);
  if (body.has_aru_request()) return global_view_change_.on_aru_request(from, body.aru_request());
  if (body.has_request_global_state()) return global_view_change_.on_request(from, *message);
  if (body.has_global_state()) return global_view_change_.on_state(from, *message);
  if (body.has_global_states()) return global_view_change_.on_states(from, message);
  for (const ServerWord& word : message->servers) {  // passed on
    if (!word.body.has_new_rep()) continue;
    local_view_change_.on_new_rep(word.from, word.body.new_rep().local_view(), word.header);
  }
}

// What is for views in which this server may not act yet is kept.
bool StewardCore::hold_early(const std::shared_ptr<const Message>& message) {
  const proto::ServerMessage& body = message->body;
  const ViewPair view =
      body.has_pre_prepare() ? view_of(body.pre_prepare()) : view_of(body.prepare());
  const bool of_now = view == context_.views.now && context_.constrained();
  if (of_now || view < context_.views.now) return false;
  Early& early = early_[message->from.server];
  const std::size_t bytes = message->batch ? message->batch->encoded.size() : 0;
  if (early.messages.size() == kEarlyMessages || early.bytes + bytes > kEarlyBytes) {
    context_.reject("too many messages for views to come");
    return true;
  }
  early.messages.push_back(message);
  early.bytes += bytes;
  return true;
}

void StewardCore::take_early() {
  if (!context_.constrained() || early_taken_ == context_.views.now) return;
  early_taken_ = context_.views.now;
  for (auto& [server, early] : std::exchange(early_, {})) {
    for (const auto& message : early.messages) receive_from_site(message);
  }
}

void StewardCore::hear(ServerId from, const SiteWordPtr& word) {
  const proto::SiteMessage& body = word->body;
  if (body.has_proposal()) return assign_global_order_.on_proposal(from, word);
  if (body.has_accept()) return assign_global_order_.on_accept(from, word);
  if (body.has_global_view_change()) return global_leader_election_.on_view_change(from, word);
  if (body.has_aru_message()) return global_view_change_.on_aru_message(from, word);
  if (body.has_global_constraint()) return global_view_change_.on_constraint(from, word);
  if (body.has_site_checkpoint()) return reconciliation_.on_site_checkpoint(from, word);
  if (!body.has_local_view_proof()) return context_.reject("an unknown word");
  const ServerId before = context_.representative_of(word->site);
  local_view_change_.on_proof(from, word);
  const ServerId after = context_.representative_of(word->site);
  const bool theirs = word->site != context_.options.self.site && before != after;
  if (theirs && context_.is_representative()) assign_global_order_.resend({after});
}

void StewardCore::on(const TimerFired& event) {
  switch (event.timer) {
    case TimeOuts::kTick:
      tick_armed_ = false;
      return tick();
    case TimeOuts::kLocal:
      time_outs_.fired(TimeOuts::kLocal);
      return local_view_change_.on_time_out();
    case TimeOuts::kGlobal:
      time_outs_.fired(TimeOuts::kGlobal);
      return global_leader_election_.on_time_out();
    default:
      STEWARD_CHECK(false);  // a timer nobody set
  }
}

void StewardCore::tick() {
  reconciliation_.tick(unfinished());
  since_retransmit_ +=
      tick_fast_ ? context_.options.status_interval : context_.options.idle_status_interval;
  if (since_retransmit_ < context_.options.retransmit) return;
  since_retransmit_ = Duration(0);
  assign_sequence_.retransmit();
  assign_global_order_.retransmit();
  local_view_change_.retransmit();
  global_leader_election_.retransmit();
  global_view_change_.retransmit();
  local_constraint_.retransmit();
}

// --- after each step

void StewardCore::settle() {
  global_view_change_.advance();
  local_constraint_.advance();
  take_early();
  assign_sequence_.advance();
  take_over();
  reconciliation_.advance();
  time_outs_.follow(installing());
  const bool fast = unfinished();
  if (tick_armed_ && (tick_fast_ || !fast)) return;
  tick_armed_ = true;
  tick_fast_ = fast;
  context_.out->timers.push_back({TimeOuts::kTick, fast ? context_.options.status_interval
                                                        : context_.options.idle_status_interval});
}

// A new representative says to the other sites what its predecessor may not have.
void StewardCore::take_over() {
  const bool acts = context_.is_representative() && (!context_.leads() || context_.constrained());
  if (!acts || represented_ == context_.views.now) return;
  const bool first = context_.views.now == ViewPair{};
  represented_ = context_.views.now;
  if (first) return;
  std::vector<ServerId> to;
  for (SiteId site = 0; site < context_.site_count(); ++site) {
    if (site != context_.options.self.site) to.push_back(context_.representative_of(site));
  }
  assign_global_order_.resend(to);
}

bool StewardCore::installing() const {
  const bool binds = context_.leads() && !context_.constrained();
  return binds || global_view_change_.unfinished();
}

bool StewardCore::unfinished() const {
  return context_.work_expected || !context_.installed() || installing() ||
         reconciliation_.behind();
}

Progress StewardCore::progress() const {
  Progress progress;
  progress.view = context_.views.now;
  progress.global_installed = context_.views.global_installed;
  progress.local_installed = context_.views.local_installed;
  progress.constrained = context_.constrained();
  progress.leader_site = context_.leader_site();
  progress.representative = context_.representative();
  progress.aru = context_.history.aru();
  progress.stable = reconciliation_.stable();
  progress.slots = context_.history.slots().size();
  return progress;
}

void StewardCore::check_invariants() const {
  const Views& views = context_.views;
  STEWARD_CHECK(views.constrained <= views.now);
  STEWARD_CHECK(context_.history.horizon() <= context_.history.aru());
  STEWARD_CHECK(reconciliation_.stable() <= context_.history.aru());
  for (const auto& [n, slot] : context_.history.slots()) {
    STEWARD_CHECK(n <= context_.window_end());
    if (slot.vote) STEWARD_CHECK(slot.vote->view <= views.now);
    // Invariant 8.1: once there is a Proposal, what is prepared in its local view or later ones of
    // its global view is the same batch. A certificate of earlier ones may be left over.
    if (!slot.prepared || !slot.proposal || slot.ordered) continue;
    const ViewPair proposed = view_of(slot.proposal->body.proposal());
    const bool later = slot.prepared->view.global == proposed.global &&
                       slot.prepared->view.local >= proposed.local;
    if (later) STEWARD_CHECK(digest_of(*slot.proposal) == slot.prepared->digest);
  }
}

}  // namespace

Result<std::unique_ptr<Core>> open_core(const Options& options,
                                        std::span<const agreement::Record> records,
                                        Sequence executed) {
  auto core = std::make_unique<StewardCore>(options);
  const Status status = core->load(records, executed);
  if (!status) return status.error();
  return std::unique_ptr<Core>(std::move(core));
}

}  // namespace steward::hierarchy
