#include "replica/server.h"

#include "common/check.h"
#include "replica/server_impl.h"
#include "wire/limits.h"
#include "wire/signing.h"

namespace steward::replica {
namespace {

// Empty batches come at least as often, in parts of the time-out after which a leader is replaced:
// well before one of them would be late.
constexpr int kSlowestEmptyPart = 16;

agreement::Options local_options(const ClusterConfig& config, ServerId self,
                                 const Readmission& readmission) {
  agreement::Options options;
  options.self = self.server;
  options.quorums = config.sites[self.site].quorums();
  options.window = config.ordering.local_window;
  options.checkpoint_interval = config.ordering.checkpoint_interval;
  options.status_interval = config.timeouts.status_interval;
  options.idle_status_interval = config.timeouts.idle_status_interval;
  options.view_change_timeout = config.timeouts.view_change;
  options.view_change_cap = config.timeouts.view_change_cap;
  options.voting = readmission.voting();
  options.since = readmission.life().since();
  options.born = readmission.births();
  return options;
}

site::EventQueue::Limits queue_limits(const ClusterConfig& config) {
  site::EventQueue::Limits limits;
  limits.batch_items = config.ordering.max_batch_items;
  limits.batch_bytes = config.ordering.max_batch_bytes;
  limits.link_entries = 2 * config.ordering.link_window;
  limits.link_bytes = 16 << 20;
  limits.total_bytes += (config.sites.size() - 1) * limits.link_bytes;
  return limits;
}

}  // namespace

Server::Impl::Impl(Options options)
    : config_(std::move(options.config)),
      self_(options.self),
      site_(config_.sites.at(self_.site)),
      keys_(std::move(options.keys)),
      domain_{keys_->cluster_id().str(), config_.epoch},
      signs_(site_.protocol == LocalProtocol::kPbft),
      nonce_(options.nonce),
      execution_(std::move(options.state_machine), pages_),
      machine_(config_, domain_, self_.site, keys_->sites[self_.site].site, execution_),
      queue_(queue_limits(config_)),
      signing_({self_.server, static_cast<std::uint32_t>(site_.servers.size()),
                keys_->sites[self_.site].site->threshold(),
                keys_->sites[self_.site].site->shares_prove_themselves()}),
      keeper_(self_.server, std::move(options.share)),
      forwarder_(config_, self_),
      fetch_(self_.server, static_cast<std::uint32_t>(site_.servers.size()), site_.faults,
             nonce_ << 32),
      donor_(site_.faults, config_.ordering.transfer_rate_bits_per_s / 8),
      awaited_({Readmission::kIntervals * config_.ordering.checkpoint_interval,
                config_.timeouts.view_change / kSlowestEmptyPart}) {
  queue_.hold_back_unless([this](const wire::SiteData& data) {
    return machine_.readiness(data) == site::LogicalMachine::Readiness::kReady;
  });
}

Status Server::Impl::open(const storage::Store& store) {
  auto stored = layout::load(store);
  if (!stored) return stored.error();
  evidence_ = std::move(stored->evidence);
  for (const auto& [server, evidence] : evidence_) signing_.distrust(server);
  if (!load_snapshot(*stored)) {
    return Error{ErrorCode::kCorrupt, "the stored snapshot does not match its digest"};
  }
  const auto protocol = site_.protocol == LocalProtocol::kPbft ? agreement::Protocol::kPbft
                                                               : agreement::Protocol::kPaxos;
  const bool blank = !stored->own_life && stored->records.empty() && stored->snapshot == 0;
  readmission_.emplace(Readmission::Options{self_.server, site_.quorums(), nonce_,
                                            config_.ordering.checkpoint_interval},
                       Readmission::Stored{stored->own_life, stored->lives, stored->said, blank});
  auto core =
      agreement::open_core(protocol, local_options(config_, self_, *readmission_), stored->records);
  if (!core) return core.error();
  core_ = std::move(*core);
  return {};
}

void Server::Impl::start() {
  replaying_ = true;
  agreement::Actions actions;
  core_->start(actions);
  apply(std::move(actions));
  replaying_ = false;
  const auto& snapshots = donor_.snapshots();
  if (!snapshots.empty() && snapshots.rbegin()->first > core_->progress().stable) {
    const auto& [sequence, pages] = *snapshots.rbegin();
    step_core(agreement::CheckpointTaken{sequence, pages_root(pages)});
  }
  set_move_timer();
  (void)execution_.take_replies();
  resume_from_state();
  Readmission::Actions asking;
  readmission_->start(asking);
  apply(std::move(asking));
  if (!evidence_.empty()) on_evidence_timer();
  settle();
}

void Server::Impl::step(Input input) {
  std::visit([this](auto&& one) { handle(std::forward<decltype(one)>(one)); }, std::move(input));
  settle();
}

void Server::Impl::handle(FromServer input) {
  std::visit([&](const auto& message) { on(input.from, message); }, *input.message);
}

void Server::Impl::handle(FromClient input) {
  std::visit([&](const auto& message) { on(input.connection, message); }, *input.message);
}

void Server::Impl::handle(SigningDone input) {
  site::SigningActions actions;
  signing_.on_result(input.result, actions);
  apply(std::move(actions));
  site::KeeperActions renewal;
  keeper_.on_result(machine_.key_refresh(), input.result, renewal);
  apply(std::move(renewal));
  if (const auto* judged = std::get_if<site::Judged>(&input.result)) on_judged(*judged);
}

void Server::Impl::handle(TimerFired input) {
  const auto timer_class = static_cast<TimerClass>(input.timer >> 56);
  const std::uint64_t number = input.timer & ((1ULL << 56) - 1);
  const auto site = static_cast<SiteId>(number);
  switch (timer_class) {
    case TimerClass::kCore:
      return step_core(agreement::TimerFired{static_cast<agreement::TimerId>(number)});
    case TimerClass::kLogicalMachine:
      return on_lm_timer(number);
    case TimerClass::kRetransmit: {
      site::blink::ForwarderActions actions;
      forwarder_.on_retransmit_timer(site, machine_, signing_, actions);
      return apply(std::move(actions));
    }
    case TimerClass::kAckRepeat:
      return forwarder_.on_ack_timer(
          {static_cast<SiteId>(number >> 32), static_cast<ServerIndex>(number)});
    case TimerClass::kSigning: {
      signing_timer_ = false;
      site::SigningActions actions;
      signing_.retry(actions);
      return apply(std::move(actions));
    }
    case TimerClass::kRefresh:
      return on_refresh_timer();
    case TimerClass::kForward:
      forward_timer_ = false;
      return flush_forward();
    case TimerClass::kFetch:
      return on_fetch_timer();
    case TimerClass::kDonor:
      return on_donor_timer();
    case TimerClass::kMovePages:
      return on_move_timer();
    case TimerClass::kIntroduce: {
      Readmission::Actions actions;
      readmission_->on_timer(actions);
      return apply(std::move(actions));
    }
    case TimerClass::kIdle:
      return on_idle_timer();
    case TimerClass::kEvidence:
      return on_evidence_timer();
    case TimerClass::kLate:
      late_timer_ = false;
      return watch_forwarded();
    case TimerClass::kWatch:
      watch_timer_ = false;
      return watch_queues();
  }
  STEWARD_CHECK(false);  // a timer nobody set
}

// What follows from whatever the step did.
void Server::Impl::settle() {
  Readmission::Actions readmission;
  readmission_->observe(standing(), readmission);
  apply(std::move(readmission));
  follow_view();
  follow_leader_site();
  follow_awaited();
  propose();
  expect_work();
  answer_clients();
  if (!signing_timer_ && signing_.needs_retry()) {
    signing_timer_ = true;
    set_timer(timer_id(TimerClass::kSigning), config_.timeouts.retransmit);
  }
}

std::vector<ServerId> Server::Impl::others() const {
  std::vector<ServerId> servers;
  for (ServerIndex server = 0; server < site_.servers.size(); ++server) {
    if (server != self_.server) servers.push_back(in_site(server));
  }
  return servers;
}

crypto::Digest Server::Impl::state_digest() { return execution_.checkpoint(); }

wire::StatusReply Server::Impl::status() {
  wire::StatusReply reply;
  reply.set_site(self_.site);
  reply.set_server(self_.server);
  const agreement::Progress local = core_->progress();
  reply.set_local_view(local.view);
  reply.set_local_leader(local.leader);
  reply.set_local_changing(local.changing);
  reply.set_local_committed(local.committed);
  reply.set_local_stable(local.stable);
  reply.set_wide_view(machine_.wide().view);
  reply.set_wide_changing(machine_.wide().changing);
  reply.set_leader_site(machine_.leader_site());
  reply.set_sequence(execution_.executed());
  reply.set_state_digest(state_digest().str());
  reply.set_updates_executed(execution_.updates());
  reply.set_sessions(execution_.table().sessions());
  reply.set_keys(execution_.records());
  reply.set_queued_events(queue_.size() + machine_.pending_updates().size());
  for (const auto& [site, link] : machine_.links()) {
    wire::LinkStatus* out = reply.add_links();
    const site::blink::VirtualLink current = forwarder_.current(site, link);
    out->set_site(site);
    out->set_forwarder(current.forwarder);
    out->set_peer(current.peer);
    out->set_next_out(link.next_out());
    out->set_acked(link.acknowledged());
    out->set_next_in(link.next_in());
    out->set_failures(link.failures());
  }
  const auto count = [&](const std::string& prefix, const auto& counters) {
    for (const auto& [name, value] : counters) {
      wire::Counter* counter = reply.add_counters();
      counter->set_name(prefix + name);
      counter->set_value(value);
    }
  };
  count("server.", rejections_);
  count("local.", core_->rejections());
  count("machine.", machine_.rejections());
  count("wide.", machine_.wide_core().rejections());
  add_key_status(reply);
  add_transfer_status(reply);
  reply.set_silent(to_string(readmission_->state()));
  return reply;
}

void Server::Impl::check_invariants() const {
  core_->check_invariants();
  machine_.check_invariants();
  STEWARD_CHECK(machine_.executed() >= core_->progress().stable);
  STEWARD_CHECK(machine_.executed() <= core_->progress().committed || fetch_.active());
}

// --- the public face

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() = default;

Result<std::unique_ptr<Server>> Server::open(Options options, const storage::Store& store) {
  auto impl = std::make_unique<Impl>(std::move(options));
  const Status status = impl->open(store);
  if (!status) return status.error();
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

Output Server::start() {
  impl_->start();
  return impl_->take_output();
}

Output Server::step(Input input) {
  impl_->step(std::move(input));
  return impl_->take_output();
}

crypto::Digest Server::state_digest() { return impl_->state_digest(); }
Sequence Server::executed() const { return impl_->executed(); }
wire::StatusReply Server::status() { return impl_->status(); }
bool Server::voting() const { return impl_->voting(); }
void Server::check_invariants() const { impl_->check_invariants(); }

Bytes make_frame(const Outgoing& outgoing, const wire::Domain& domain, ServerId self,
                 const crypto::Signer& signer) {
  wire::Envelope envelope;
  envelope.set_kind(outgoing.kind);
  envelope.set_site(self.site);
  envelope.set_server(self.server);
  envelope.set_body(outgoing.body);
  if (outgoing.sign) {
    envelope.set_signature(
        signer.sign(wire::server_statement(domain, outgoing.kind, self, outgoing.body)));
  }
  if (outgoing.life) *envelope.mutable_life() = *outgoing.life;
  if (outgoing.attachment) envelope.set_attachment(outgoing.attachment->encoded);
  return envelope.SerializeAsString();
}

}  // namespace steward::replica
