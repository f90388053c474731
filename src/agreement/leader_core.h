// What PBFT and Paxos share: a leader proposes a batch for each sequence, the others echo it, and
// the same window, checkpoints, restart and retransmission serve both. pbft.h and paxos.h add what
// a quorum of echoes means and which checkpoints are stable.
//
// Retransmission. A core that stands still sends Status to all (status_exchange.h); each peer
// answers one status with the committed batches that the sender lacks, with its own votes for what
// is in flight, the same to the byte as before, and with its stable checkpoint. A core whose window
// was passed by remembers whom it did not listen to, and asks them once its window has moved; this
// also works without timers.
//
// Catching up. Batches are tried first. A stable checkpoint beyond everything committed here makes
// the host fetch a snapshot only if a status interval brought no progress.
//
// Views. leader_views.cc changes them; this is the state it works on. A core votes only while its
// view is installed.
//
// A core that may not vote (voting_) learns: committed batches and checkpoints that are shown with
// their certificates, and views that are installed. It proposes, echoes, commits, certifies and
// suspects nothing, and says nothing again of what it said (leader_memory.cc).
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include "agreement/ordered_log.h"
#include "agreement/progress_watch.h"
#include "agreement/status_exchange.h"
#include "agreement/view_change.h"

namespace steward::agreement {

class LeaderCore : public Core {
 public:
  // Once, before start. Fails with kCorrupt.
  Status load(std::span<const Record> records);

  void start(Actions& actions) final;
  void step(Event event, Actions& actions) final;
  bool can_propose() const final;
  Progress progress() const final;
  const std::map<std::string, std::uint64_t>& rejections() const final { return rejections_; }
  void check_invariants() const override;
  Bytes save() const final;
  bool restore(BytesView saved) final;

 protected:
  // So many batches a suspicion stands that progress does not refute, before its reason must show
  // again.
  static constexpr Sequence kSuspicionLasts = 1024;

  // What every vote is about.
  struct Ballot {
    View view = 0;
    Sequence sequence = 0;
    crypto::Digest digest;
  };

  explicit LeaderCore(const Options& options);

  // Handles the messages that only one protocol has; false when it knows no such message.
  virtual bool receive_vote(const Message& message, Actions& actions) = 0;
  // A quorum stands behind the proposal in this slot (called again for each further echo).
  virtual void on_backed(Sequence n, Slot& slot, Actions& actions) = 0;
  // Own checkpoint n is durable.
  virtual void on_checkpoint(Sequence n, Actions& actions) = 0;
  virtual wire::AgreementMessage proposal_body(const Ballot& ballot) const = 0;
  virtual wire::AgreementMessage echo_body(const Ballot& ballot) const = 0;
  // Sends again what a slot's later phases have sent, and what own checkpoints above `n` have.
  virtual void resend_later_votes(Sequence n, const Slot& slot, std::optional<PeerId> to,
                                  Actions& actions) const = 0;
  virtual void resend_checkpoints(Sequence above, std::optional<PeerId> to,
                                  Actions& actions) const = 0;
  virtual bool is_prepared(const Slot& slot) const = 0;
  virtual void encode_more(Bytes& out) const = 0;
  virtual bool decode_more(Reader& in) = 0;
  // stable() has moved: what lies below it can be forgotten.
  virtual void forget_below_stable() = 0;

  void on_proposal(const Ballot& ballot, const Message& message, Actions& actions);
  void on_echo(const Ballot& ballot, const Message& message, Actions& actions);

  // The ballot of a message of ours with view, sequence and digest; nullopt (and counted) when
  // malformed.
  template <class Body>
  std::optional<Ballot> ballot_of(const Body& body) {
    const auto digest = crypto::Digest::from(body.digest());
    if (!digest) return reject("malformed"), std::nullopt;
    return Ballot{body.view(), body.sequence(), *digest};
  }
  // Is the ballot for this view, inside the window and still open? Counts why not.
  bool admit(const Ballot& ballot, PeerId from, Actions& actions);
  bool admit_window(Sequence n, PeerId from);
  // One vote per peer; counts duplicates that contradict. True when the vote is new.
  bool add_vote(Votes& votes, const Ballot& ballot, const Message& message);

  void make_stable(const wire::StableCheckpoint& certificate, Actions& actions);
  void send_all(wire::AgreementMessage body, Actions& actions) const;
  void reject(const char* reason) { ++rejections_[reason]; }

  PeerId leader_of(View view) const { return static_cast<PeerId>(view % options_.quorums.peers); }
  PeerId leader() const { return leader_of(view_); }

  const Options options_;
  View view_ = 0;
  bool installed_ = true;  // else this peer is changing to view_, and votes for nothing
  bool voting_;            // may this core promise anything? See replica/readmission.h
  OrderedLog log_;

 private:
  // A certified checkpoint that this core has not reached yet.
  struct Ahead {
    wire::StableCheckpoint certificate;
    PeerId from = 0;
    bool asked = false;  // the host was told
  };

  void receive(const Message& message, Actions& actions);
  void propose(wire::BatchPtr batch, Actions& actions);
  void on_timer(TimerId timer, Actions& actions);
  void on_checkpoint_taken(const CheckpointTaken& taken, Actions& actions);
  void on_snapshot(const SnapshotInstalled& snapshot, Actions& actions);
  void on_status(const Message& message, Actions& actions);
  void on_committed(const Message& message, Actions& actions);
  void on_stable_checkpoint(const Message& message, Actions& actions);
  // True when a limit left something unsaid.
  bool answer(PeerId peer, const wire::Status& status, Actions& actions) const;
  void resend_votes(Sequence n, const Slot& slot, bool with_proposal, std::optional<PeerId> to,
                    Actions& actions) const;
  void ask_missed(Actions& actions);
  void ask_if_passed_by(Sequence n, PeerId voter, Actions& actions);
  void fetch_ahead(Actions& actions);
  void learn_checkpoint(const wire::StableCheckpoint& certificate, PeerId from, Actions& actions);
  wire::AgreementMessage status_body() const;
  Sequence next_sequence() const;
  void start_voting(Actions& actions);
  void repeat_votes(Actions& actions);
  void lose_memory(std::uint64_t since);
  void bear(PeerId peer, const Birth& birth);
  bool forgotten(PeerId peer, const wire::ViewChange& body) const;
  void hear_births(const std::map<PeerId, Birth>& births);
  bool refused_by_others(PeerId peer, const wire::ViewChange& body) const;
  bool lost_memory_once(PeerId peer) const;
  bool in_hand(const Slot& slot) const;
  bool unfinished() const;
  bool ticks() const;

  // --- views (leader_views.cc)
  bool changes_views() const { return watch_.enabled(); }
  Status load_view();
  void repeat_view(Actions& actions);
  void add_births(wire::ViewChange& out) const;
  void receive_about_views(const Message& message, Actions& actions);
  void on_view_change(const Message& message, Actions& actions);
  void on_new_view(const Message& message, Actions& actions);
  void on_fetch_batch(const Message& message, Actions& actions);
  void on_batch_shown(const Message& message);
  void keep_view_change(const HeldViewChangePtr& held);
  void on_progress_timer(Actions& actions);
  void change_view(View view, Actions& actions);
  void follow_others(Actions& actions);
  void make_new_view(Actions& actions);
  HeldNewView choose_view_changes(bool all, Actions& actions);
  wire::AgreementMessage announcement() const;
  void install_complete(Actions& actions);
  void install(HeldNewView new_view, Actions& actions);
  void propose_bound(Actions& actions);
  bool has_bodies(const HeldViewChange& held, Actions& actions);
  wire::BatchPtr find_batch(Sequence n, const crypto::Digest& digest) const;
  void want_batch(Sequence n, const crypto::Digest& digest, std::optional<PeerId> from,
                  Actions& actions);
  void settle_views(Actions& actions);
  // --- patience that is given up together (leader_patience.cc)
  void give_up(Sequence until, Actions& actions);
  void hear_patience(PeerId peer, const wire::Status& status);
  void follow_patience(Actions& actions);
  void link_skipped(PeerId peer, Actions& actions);
  void release_unbound(Actions& actions) const;
  void encode_patience(Bytes& out) const;
  void decode_patience(Reader& in);
  ProgressWatch::Waiting waiting() const;
  std::uint32_t view_changes_held() const;  // for view_
  bool in_flight() const;
  void ask_view(PeerId peer, View seen, Actions& actions);
  bool behind_in_view(PeerId peer, const wire::Status& status) const;
  void show_view(PeerId peer, const wire::Status& status, Actions& actions);
  void show_installed(PeerId peer, Actions& actions) const;
  void add_view_status(wire::Status& status) const;
  void tick_views(Actions& actions);
  void check_views() const;
  void encode_views(Bytes& out) const;
  bool decode_views(Reader& in);

  StatusExchange exchange_;
  ProgressWatch watch_;
  std::uint64_t since_;                   // when this core's memory began
  std::map<PeerId, Birth> born_;          // when the peers' did, where not at first
  std::map<PeerId, Birth> heard_births_;  // that others hold against a peer
  bool work_expected_ = false;            // says the host
  bool leader_is_slow_ = false;           // seen in this step
  // The highest view change of each peer, of views that are not installed here.
  std::map<PeerId, HeldViewChangePtr> view_changes_;
  std::map<PeerId, HeldNewView> announced_;    // by the leaders of views, and not complete here
  HeldNewView new_view_;                       // of the installed view; 0 needs none
  Plan plan_;                                  // follows from new_view_
  std::uint32_t ticks_changing_ = 0;           // since it left the last view
  std::map<crypto::Digest, Sequence> wanted_;  // bodies that the new leader needs
  std::map<crypto::Digest, wire::BatchPtr> fetched_;  // those that came
  std::map<PeerId, View> claimed_;  // the view that a peer is changing to, as it last said
  // This peer has no patience with the leader of view_ any more, until more than so much is
  // committed; and the views of which others said the same.
  std::optional<Sequence> impatient_until_;
  std::map<PeerId, View> impatient_;
  // Limits on what is said unasked, or asked for too often.
  std::set<PeerId> asked_;                 // for their view, since the last tick
  std::map<PeerId, std::uint32_t> shown_;  // the installed view: ticks until it is again
  std::map<PeerId, std::uint64_t> given_;  // bytes of bodies, since the last tick
  std::optional<Ahead> ahead_;
  std::set<PeerId> missed_;  // their messages beyond the window were dropped
  std::map<std::string, std::uint64_t> rejections_;
};

}  // namespace steward::agreement
