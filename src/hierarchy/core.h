// Steward, the integrated hierarchical protocol (SPEC 1; journal paper): one server's part in it.
// Each site acts as one through threshold signatures; a Paxos-like protocol runs among the sites.
// The protocols by name, each in a file of its own:
//   assign_sequence.h           ASSIGN-SEQUENCE, in the leader site
//   assign_global_order.h       ASSIGN-GLOBAL-ORDER
//   local_view_change.h         LOCAL-VIEW-CHANGE
//   construct_local_constraint.h
//   global_leader_election.h    GLOBAL-LEADER-ELECTION
//   global_view_change.h        CONSTRUCT-ARU and CONSTRUCT-GLOBAL-CONSTRAINT
//   reconciliation.h            local and global
//   time_outs.h                 T1 to T3
// They share context.h, and look after each step at what is due: nothing hangs on one message
// having come at the right moment.
//
// A deterministic state machine: events in, actions out; no I/O, no clock. What a server sends to
// all of its site comes back to it once durable and signed, like any peer's. THRESHOLD-SIGN is the
// host's (site/threshold_sign.h): the core says what it signs, and gets the site's word when enough
// others did so too.
//
// Not thread-safe.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "agreement/core.h"
#include "hierarchy/messages.h"

namespace steward::hierarchy {

struct Options {
  ServerId self;
  std::vector<Quorums> sites;         // the servers of each
  std::uint32_t local_window = 16;    // W_l: sequences between pre-prepared and proposed
  std::uint32_t global_window = 128;  // W_g: beyond what is ordered
  std::uint32_t checkpoint_interval = 128;
  Duration t1{1'000'000};  // T1 in the first global views; doubles with each round of sites …
  Duration t1_cap{16'000'000};        // … up to this
  Duration status_interval{100'000};  // while something is unfinished
  Duration idle_status_interval{1'000'000};
  Duration retransmit{500'000};
};

struct Received {
  wire::Verified<std::shared_ptr<const Message>> message;
};
// A site's word, whoever brings it; or that of the own site, signed just now.
struct Heard {
  ServerId from;
  wire::Verified<SiteWordPtr> word;
};
// The host offers a batch to order; only when can_propose().
struct Propose {
  wire::BatchPtr batch;
};
using TimerId = agreement::TimerId;
struct TimerFired {
  TimerId timer = 0;
};
// The host knows of updates that are not executed yet, or it does not any more.
struct WorkExpected {
  bool expected = false;
};
// The host has executed something that a client waited for: no empty batch and no repetition.
struct Progressed {};
// The host's state at this sequence has this digest and is durable.
struct CheckpointTaken {
  Sequence sequence = 0;
  crypto::Digest digest;
};
// The host has replaced its state by a snapshot that a SiteCheckpoint certifies.
struct SnapshotInstalled {
  SiteWordPtr checkpoint;
};

using Event = std::variant<Received, Heard, Propose, TimerFired, WorkExpected, Progressed,
                           CheckpointTaken, SnapshotInstalled>;

// To servers of the own site or another one; `to` may hold the sender itself.
struct Send {
  std::vector<ServerId> to;
  proto::ServerMessage body;
  wire::BatchPtr batch;
  bool promise = false;  // leaves once every append of this and earlier steps is durable
};
// A site's word to servers of any site.
struct SendWord {
  std::vector<ServerId> to;
  SiteWordPtr word;
};
// THRESHOLD-SIGN this, a promise; the word comes back as Heard to whom it is signed at.
struct Sign {
  Sequence sequence = 0;  // that it is about; 0: views
  proto::SiteMessage body;
  wire::BatchPtr batch;
  bool wanted = false;  // this server is one that needs the word at once
};
// The host is to fetch the snapshot and answer with SnapshotInstalled; asked again while nothing
// changes.
struct FetchSnapshot {
  SiteWordPtr checkpoint;
};

struct Actions {
  std::vector<agreement::Append> appends;
  std::vector<Send> sends;
  std::vector<SendWord> words;
  std::vector<Sign> signs;
  std::vector<agreement::TimerChange> timers;
  std::vector<agreement::Commit> commits;
  std::optional<FetchSnapshot> fetch;
  std::optional<Sequence> truncate;  // after the appends
};

struct Progress {
  ViewPair view;
  bool global_installed = false;
  bool local_installed = false;
  bool constrained = false;  // in `view`; matters in the leader site
  SiteId leader_site = 0;
  ServerIndex representative = 0;
  Sequence aru = 0;
  Sequence stable = 0;
  std::size_t slots = 0;
};

class Core {
 public:
  virtual ~Core() = default;
  // First call, once; commits again what is ordered above what the host's state holds.
  virtual void start(Actions& actions) = 0;
  virtual void step(Event event, Actions& actions) = 0;
  // Is this server the representative of the leader site, with room in its windows?
  virtual bool can_propose() const = 0;
  virtual Progress progress() const = 0;
  virtual const std::map<std::string, std::uint64_t>& rejections() const = 0;
  virtual void check_invariants() const = 0;
};

// From its durable records, in order of sequence and kind (none for a new one); `executed`: what
// the host's own durable state holds.
Result<std::unique_ptr<Core>> open_core(const Options& options,
                                        std::span<const agreement::Record> records,
                                        Sequence executed);

}  // namespace steward::hierarchy
