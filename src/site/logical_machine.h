// A site as one machine (SPEC 2, SRDS'07 section 4): it executes the events its servers have
// ordered among themselves, and so goes through the same states on every correct one of them. The
// wide-area protocol runs inside, unaware that it is replicated; its messages leave as outputs
// that the site signs as one.
//
// State (all of it replicated, all of it in snapshots): the wide core, the links to the other
// sites, armed timers, updates that are not executed yet (pending_updates.h), the acknowledgement
// vector, the renewal of the site's key shares.
// Events: ClientUpdate, SiteData (messages and acknowledgements of another site), LmTimeout,
// messages and orders of a renewal (key_refresh.h).
// Events that do not fit the state (an old link sequence, a timer not armed any more) are
// no-ops, the same ones everywhere. Event certificates were checked before the event was ordered.
// Durable: nothing of its own; the local protocol's log is its log. An output is a function of
// committed events, so it leaves only after a quorum of the site holds them durably.
// Outputs of one executed local batch form one signing batch: a Merkle tree whose root is signed
// once (SPEC 2.3), always ending with the acknowledgement vector when that has changed.
//
// Not thread-safe.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agreement/core.h"
#include "site/application.h"
#include "site/blink/link.h"
#include "site/jobs.h"
#include "site/key_refresh.h"
#include "site/pending_updates.h"
#include "steward/cluster_config.h"
#include "steward/state_machine.h"
#include "wire/signing.h"
#include "wire/site.pb.h"

namespace steward::site {

using LmTimerId = std::uint64_t;

struct LmTimerArm {
  LmTimerId timer = 0;
  std::uint64_t generation = 0;
  std::optional<Duration> after;  // nullopt: disarmed
};

// What executing one local batch asks of the server.
struct LmOutputs {
  struct Signing {
    BatchNumber batch = 0;
    std::uint32_t leaf_count = 0;
    crypto::Digest root;
  };
  std::optional<Signing> signing;
  std::vector<LmTimerArm> timers;
  std::set<SiteId> changed_links;  // something new to send, acknowledged or re-routed
  std::vector<UpdateKey> updates;  // client updates among the events
  std::vector<std::pair<LmTimerId, std::uint64_t>> timeouts;  // timeouts among the events
  std::set<SiteId> heard_from;   // sites whose data was among the events
  std::vector<Bytes> refreshes;  // events of a renewal, as they were ordered
};

class LogicalMachine {
 public:
  // `application` outlives the machine. `key`: the site's own, as its servers were started with.
  LogicalMachine(const ClusterConfig& config, wire::Domain domain, SiteId self,
                 crypto::SitePublicKeyPtr key, Application& application);

  // Executes the next local batch.
  void execute(Sequence local, const wire::Batch& batch, LmOutputs& out);

  Sequence executed() const { return executed_; }
  const std::map<SiteId, blink::Link>& links() const { return links_; }
  const std::optional<blink::OutMessage>& latest_ack() const { return latest_ack_; }
  agreement::Progress wide() const { return wide_->progress(); }
  const agreement::Core& wide_core() const { return *wide_; }
  const KeyRefresh& key_refresh() const { return refresh_; }
  SiteId leader_site() const { return static_cast<SiteId>(wide().leader); }
  bool armed(LmTimerId timer, std::uint64_t generation) const;
  // Can there be such a timer, armed or not?
  bool has_timer(LmTimerId timer) const;
  // Is this time-out one of a link between sites whose servers only crash, without the forwarder's
  // own word that it saw it? It then takes a quorum of the site, and replaces the forwarder;
  // with that word the peer is replaced (blink/virtual_links.h).
  bool lacks_forwarder(const wire::LmTimeout& timeout) const;
  bool knows(const UpdateKey& key) const { return pending_.knows(key); }
  const PendingUpdates& pending_updates() const { return pending_; }
  const std::map<std::string, std::uint64_t>& rejections() const { return rejections_; }
  void check_invariants() const;

  // Can the wide core use all of this now? Not what is for a view that is not installed here yet,
  // or beyond the window: it would be lost.
  enum class Readiness { kReady, kOtherView, kBeyondWindow };
  Readiness readiness(const wire::SiteData& data) const;
  // Does it show what is to be committed next?
  bool shows_next(const wire::SiteData& data) const;

  // Timers as they are armed; for a server that starts or has restored a snapshot.
  std::vector<LmTimerArm> armed_timers() const;

  // Signing batches that unacknowledged outputs belong to (the latest acknowledgement included),
  // and the lowest that messages need.
  std::map<BatchNumber, LmOutputs::Signing> unacknowledged_batches() const;
  BatchNumber first_needed_batch() const;

  // Snapshot pages, keys below 2^25.
  void collect(PageChanges& changes);
  bool load(const std::map<PageKey, Bytes>& pages);

 private:
  struct Output {
    std::uint32_t destination = 0;
    wire::LeafType type = wire::LEAF_MESSAGE;
    std::uint64_t link_sequence = 0;
    Bytes body;
    wire::BatchPtr attachment;
  };
  struct ArmedTimer {
    std::uint64_t generation = 0;
    Duration after{0};
  };

  void on_client_update(const Bytes& signed_update, LmOutputs& out);
  void on_site_data(const wire::SiteData& data, LmOutputs& out);
  void on_message(SiteId from, const wire::SiteData& data, const wire::Leaf& leaf, LmOutputs& out);
  void on_acknowledgement(SiteId from, const wire::Leaf& leaf, LmOutputs& out);
  void on_timeout(const wire::LmTimeout& timeout, LmOutputs& out);
  void replace_virtual_link(SiteId site, bool forwarder, LmOutputs& out);
  void on_refresh(const Bytes& signed_header, LmOutputs& out);
  void on_refresh_order(const Bytes& encoded, LmOutputs& out);
  void follow_refresh(const char* rejected, LmOutputs& out);

  // --- the wide protocol (logical_machine_wide.cc)
  void add_pending(const UpdateKey& key, const Bytes& update, SiteId from, bool late);
  void propose_pending(LmOutputs& out);
  void settle_work(LmOutputs& out);
  void on_pending_timer(LmOutputs& out);
  static bool follow_evidence(agreement::Message& message);
  void keep_word(SiteId from, agreement::Message& message) const;
  void step_wide(agreement::Event event, LmOutputs& out);
  bool make_transferable(wire::AgreementMessage& body) const;
  void send_wide(agreement::Send send, std::deque<agreement::Event>& loopback);
  void take_back(const agreement::Released& released);
  void commit_wide(const agreement::Commit& commit, std::deque<agreement::Event>& loopback);

  void monitor_link(SiteId site, blink::Link& link, LmOutputs& out);
  void prune_link(SiteId site, blink::Link& link, LmOutputs& out);
  void finish_batch(Sequence local, LmOutputs& out);
  void add_acknowledgement();
  void sign_outputs(Sequence local, LmOutputs& out);

  void arm(LmTimerId timer, Duration after, LmOutputs& out);
  void disarm(LmTimerId timer, LmOutputs& out);
  void reject(const char* reason) { ++rejections_[reason]; }

  const ClusterConfig& config_;
  const wire::Domain domain_;
  const SiteId self_;
  Application& application_;

  std::unique_ptr<agreement::Core> wide_;
  KeyRefresh refresh_;
  std::map<SiteId, blink::Link> links_;
  std::map<LmTimerId, ArmedTimer> timers_;
  std::uint64_t next_generation_ = 1;
  PendingUpdates pending_;
  bool work_expected_ = false;                // as the wide core was told
  View followed_view_ = 0;                    // the last that was installed when a batch ended
  std::map<SiteId, View> view_changes_seen_;  // for readiness alone: not part of the state
  std::uint64_t ack_number_ = 0;
  bool ack_changed_ = false;
  std::optional<blink::OutMessage> latest_ack_;
  Sequence executed_ = 0;
  PageKey wide_pages_ = 0;  // end of the wide core's pages in the last snapshot

  std::vector<Output> outputs_;              // of the batch being executed
  std::map<SiteId, std::uint32_t> answers_;  // messages to one site alone, in that batch
  bool ack_due_ = false;                     // its timer ran out in the batch being executed
  std::map<std::string, std::uint64_t> rejections_;
};

}  // namespace steward::site
