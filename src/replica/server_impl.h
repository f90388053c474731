// The inside of replica::Server, in eight files: server.cc composes and dispatches,
// server_ordering.cc orders and executes events of the site, server_views.cc watches who leads it,
// server_lives.cc keeps it from voting while it may have forgotten something, server_keys.cc renews
// the key share and keeps evidence, server_wide.cc sees to updates that are for another site,
// server_clients.cc deals with clients, server_transfer.cc gives and takes snapshots.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "agreement/core.h"
#include "replica/awaited.h"
#include "replica/execution.h"
#include "replica/page_set.h"
#include "replica/page_staging.h"
#include "replica/readmission.h"
#include "replica/server.h"
#include "replica/state_donor.h"
#include "replica/state_fetch.h"
#include "replica/store_layout.h"
#include "site/blink/forwarder.h"
#include "site/event_queue.h"
#include "site/logical_machine.h"
#include "site/share_keeper.h"
#include "site/threshold_sign.h"

namespace steward::replica {

class Server::Impl {
 public:
  explicit Impl(Options options);

  Status open(const storage::Store& store);
  void start();
  void step(Input input);
  Output take_output();
  bool voting() const { return readmission_->voting(); }

  crypto::Digest state_digest();
  Sequence executed() const { return execution_.executed(); }
  wire::StatusReply status();
  void check_invariants() const;

 private:
  // --- inputs
  void handle(FromServer input);
  void handle(FromClient input);
  void handle(TimerFired input);
  void handle(SigningDone input);

  void on(ServerId from, const LocalAgreement& in);
  void on(ServerId from, const ExpiredTimer& in);
  void on(ServerId from, const ShareReceived& in);
  void on(ServerId from, const wire::ShareRequest& in);
  void on(ServerId from, const SiteDataReceived& in);
  void on(ServerId from, const ForwardedUpdates& in);
  void on(ServerId from, const wire::StateRequest& in);
  void on(ServerId from, const wire::StateAnswer& in);
  void on(ServerId from, const RefreshReceived& in);
  void on(ServerId from, const Accusation& in);
  void on(ServerId from, const Introduced& in);

  void on(ConnectionId connection, const CheckedUpdate& in);
  void on(ConnectionId connection, const wire::Query& in);
  void on(ConnectionId connection, const wire::StatusRequest& in);
  void on(ConnectionId connection, const RefreshOrdered& in);

  // --- ordering (server_ordering.cc)
  void step_core(agreement::Event event);
  void apply(agreement::Actions actions);
  void send_agreement(agreement::Send send);
  void commit(const agreement::Commit& commit);
  void apply(const site::LmOutputs& outputs);
  void apply(site::SigningActions actions);
  void apply(site::blink::ForwarderActions actions);
  void start_signing(const site::LmOutputs::Signing& signing);
  void arm_lm_timer(const site::LmTimerArm& arm);
  void on_lm_timer(site::LmTimerId timer);
  void pump(SiteId site);
  void propose();
  void take_checkpoint(Sequence local);
  void settle();

  // --- may this server vote? (server_lives.cc)
  Readmission::Standing standing() const;
  void apply(Readmission::Actions actions);
  bool heard_in_time(ServerId from, const LocalAgreement& in);
  void look_for_own_birth(const std::map<agreement::PeerId, agreement::Birth>& births);
  void hold_back();
  void stamp();
  void follow_awaited();
  void on_idle_timer();

  // --- the key share, and evidence (server_keys.cc)
  void follow_refresh();
  void apply(site::KeeperActions actions);
  void on_refresh_timer();
  void on_judged(const site::Judged& judged);
  void keep_evidence(ServerIndex server, wire::Offence offence, const Bytes& header);
  // Is there evidence against it that others believe, too?
  bool convinces(ServerIndex server) const;
  bool is_signed_share(ServerIndex server, const Bytes& encoded) const;
  void show(const wire::Evidence& evidence);
  void on_evidence_timer();
  void add_key_status(wire::StatusReply& reply) const;

  // --- the site's leader (server_views.cc)
  void expect_work();
  void follow_view();
  void watch_queues();
  void watch_links(Duration tick);
  void forget_settled();
  void share_queues(const std::set<std::uint64_t>& stamps);
  void share(const site::EventQueue::Waiting& waiting, const std::vector<ServerId>& to);

  // --- snapshots (server_transfer.cc)
  bool load_snapshot(layout::Stored& stored);
  void fetch(const wire::StableCheckpoint& certificate, ServerIndex from);
  void apply(StateFetch::Actions actions);
  void apply(StateDonor::Answers answers);
  void on_fetch_timer();
  void on_donor_timer();
  void on_move_timer();
  void set_move_timer();
  void keep_snapshot(Sequence local, const crypto::Digest& digest);
  void install(StateFetch::Snapshot snapshot);
  void forget_fetched();
  void resume_from_state();
  void add_transfer_status(wire::StatusReply& reply) const;

  // --- updates for the leader site (server_wide.cc)
  void forward(const CheckedUpdate& update);
  void flush_forward();
  void remember_forwarded(const CheckedUpdate& update);
  void forget_forwarded(const site::UpdateKey& key);
  void watch_forwarded();
  void order_here(const CheckedUpdate& update);
  void follow_leader_site();
  void hand_over(bool to_send);

  // --- clients and recovery (server_clients.cc)
  void accept_update(const CheckedUpdate& update, bool pass_on);
  void answer_clients();
  void answer_query(ConnectionId connection, const wire::Query& query);

  // --- outputs
  template <class Message>
  void send(std::vector<ServerId> to, wire::Kind kind, const Message& message);
  template <class Message>
  void send_signed(wire::Kind kind, const Message& message, std::vector<ServerId> to);
  std::vector<ServerId> others() const;  // the other servers of the site
  ServerId in_site(ServerIndex server) const { return {self_.site, server}; }
  void set_timer(TimerId timer, Duration after) { out_.timers.push_back({timer, after}); }
  void reject(const std::string& reason) { ++rejections_[reason]; }

  const ClusterConfig config_;
  const ServerId self_;
  const SiteConfig& site_;
  const std::shared_ptr<const crypto::KeyDirectory> keys_;
  const wire::Domain domain_;
  const bool signs_;  // local agreement messages carry signatures
  const std::uint64_t nonce_;

  PageSet pages_;
  Execution execution_;
  site::LogicalMachine machine_;
  std::unique_ptr<agreement::Core> core_;
  site::EventQueue queue_;
  site::ThresholdSign signing_;
  site::ShareKeeper keeper_;
  site::blink::Forwarder forwarder_;
  StateFetch fetch_;
  StateDonor donor_;  // snapshots of the last checkpoints, for peers that lag
  PageStaging staging_;
  std::optional<Readmission> readmission_;  // from open on
  std::vector<Outgoing> held_back_;         // said once this server may vote
  Awaited awaited_;
  bool idle_timer_ = false;
  Sequence idle_at_ = 0;    // committed when the timer was set
  bool empty_due_ = false;  // somebody waits for a sequence, and nothing else is ordered

  bool replaying_ = false;
  Sequence proposed_ = 0;  // highest local sequence proposed by this server

  // What the core was told of work, and the last view it was seen in.
  bool work_expected_ = false;
  View followed_view_ = 0;
  bool watch_timer_ = false;
  std::pair<View, Sequence> links_seen_;  // how far the sites had come, and since when
  Duration links_wait_{0};
  struct Watched {
    Duration age{0};
    Sequence committed = 0;          // when it began
    std::optional<Duration> shared;  // at which age last
  };
  std::map<std::uint64_t, Watched> watched_;  // queues that wait, by their stamps

  // Armed timers of the logical machine, and the proofs that they ran out, by server.
  std::map<site::LmTimerId, std::uint64_t> lm_timers_;
  struct Expiry {
    std::uint64_t generation = 0;
    std::uint32_t times = 0;  // that it was said
    Bytes proof;
  };
  std::map<site::LmTimerId, std::map<ServerIndex, Expiry>> expiries_;
  bool signing_timer_ = false;
  bool fetch_timer_ = false;
  bool donor_timer_ = false;
  bool move_timer_ = false;
  bool refresh_timer_ = false;
  std::map<ServerIndex, wire::Evidence> evidence_;  // the first against each server of the site
  std::set<ServerIndex> judging_;                   // accusers whose accusation is being judged
  Duration show_after_{0};                          // evidence again

  std::vector<CheckedUpdate> to_forward_;
  bool forward_timer_ = false;
  // To the leader site, and not executed yet.
  struct Forwarded {
    CheckedUpdate update;
    Duration age{0};    // since then
    bool late = false;  // so that it is ordered here
  };
  std::map<site::UpdateKey, Forwarded> forwarded_;
  std::size_t forwarded_bytes_ = 0;
  std::uint32_t forward_shift_ = 0;  // from our index to that of the server they go to
  bool shifted_ = false;             // since the last look at them
  bool late_timer_ = false;
  View followed_wide_view_ = 0;
  SiteId followed_leader_ = 0;

  struct ParkedQuery {
    ConnectionId connection;
    wire::Query query;
  };
  std::deque<ParkedQuery> parked_;
  std::size_t parked_bytes_ = 0;

  std::map<std::string, std::uint64_t> rejections_;
  Output out_;
};

// Timers of a server: class in the top byte.
enum class TimerClass : std::uint64_t {
  kCore = 1,
  kLogicalMachine,
  kRetransmit,
  kAckRepeat,
  kSigning,
  kForward,
  kFetch,
  kRefresh,
  kWatch,
  kIntroduce,
  kIdle,
  kEvidence,
  kDonor,
  kMovePages,
  kLate,
};
constexpr TimerId timer_id(TimerClass timer_class, std::uint64_t number = 0) {
  return static_cast<std::uint64_t>(timer_class) << 56 | number;
}

template <class Message>
void Server::Impl::send(std::vector<ServerId> to, wire::Kind kind, const Message& message) {
  if (to.empty()) return;
  Outgoing outgoing;
  outgoing.to = std::move(to);
  outgoing.kind = kind;
  outgoing.body = message.SerializeAsString();
  out_.sends.push_back(std::move(outgoing));
}

template <class Message>
void Server::Impl::send_signed(wire::Kind kind, const Message& message, std::vector<ServerId> to) {
  const std::size_t before = out_.sends.size();
  send(std::move(to), kind, message);
  if (out_.sends.size() > before) out_.sends.back().sign = true;
}

}  // namespace steward::replica
