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
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include "agreement/ordered_log.h"
#include "agreement/status_exchange.h"

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
  bool admit(const Ballot& ballot, PeerId from);
  bool admit_window(Sequence n, PeerId from);
  // One vote per peer; counts duplicates that contradict. True when the vote is new.
  bool add_vote(Votes& votes, const Ballot& ballot, const Message& message);

  void make_stable(const wire::StableCheckpoint& certificate, Actions& actions);
  void send_all(wire::AgreementMessage body, Actions& actions) const;
  void reject(const char* reason) { ++rejections_[reason]; }

  PeerId leader() const { return static_cast<PeerId>(view_ % options_.quorums.peers); }

  const Options options_;
  View view_ = 0;
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
  void fetch_ahead(Actions& actions);
  wire::AgreementMessage status_body() const;
  Sequence next_sequence() const;
  bool unfinished() const;

  StatusExchange exchange_;
  std::optional<Ahead> ahead_;
  std::set<PeerId> missed_;  // their messages beyond the window were dropped
  std::map<std::string, std::uint64_t> rejections_;
};

}  // namespace steward::agreement
