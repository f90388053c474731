// One interface for the protocols that order batches among peers: PBFT (pbft.h) and Paxos
// (paxos.h). A core is a deterministic state machine: events in, actions out; it does no I/O and
// reads no clock. It does not know whether a peer is a server or a site: its host authenticates
// what comes in, signs and carries what goes out, and keeps what is to be durable.
//
// A core's own messages come back to it like any peer's (`Send` to all includes the sender), after
// the host has made durable what must be and has signed them. So an own vote counts only once it
// may be relied upon, and an own signed message is at hand for certificates.
//
// Not thread-safe; one thread drives a core.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "common/ids.h"
#include "common/quorum.h"
#include "common/time.h"
#include "crypto/sha256.h"
#include "wire/agreement.pb.h"
#include "wire/batch.h"
#include "wire/verified.h"

namespace steward::agreement {

using PeerId = std::uint32_t;  // 0 … n-1

// Where a peer's memory begins. What it promised before `since` it no longer knows, but never votes
// below `view`: so its older view changes for views up to that one still hold.
struct Birth {
  std::uint64_t since = 0;
  View view = 0;
  Bytes said = {};  // the signed bytes with which the peer said so, where peers sign
};

// A message as its verifier passes it on. `batch` is there for PrePrepare, Proposal and Committed,
// with its digest already compared to the one in `body`, and its items found acceptable
// (external validity), and for BatchShown, with its digest compared. `header` is the signed bytes
// (a wire::SignedHeader), kept for certificates; empty in protocols without signatures. The proofs
// inside Committed, StableCheckpoint and ViewChange are verified too: a quorum of distinct peers.
// Evidence has been unwrapped: it comes as what the signer of its header said.
struct Message {
  PeerId from = 0;
  wire::AgreementMessage body;
  wire::BatchPtr batch;
  Bytes header;
  std::map<PeerId, Birth> births = {};  // that a ViewChange shows, without the bytes that say so
};

struct Received {
  wire::Verified<std::shared_ptr<const Message>> message;
};

// The host offers a batch to order; only when can_propose().
struct Propose {
  wire::BatchPtr batch;
};

using TimerId = std::uint32_t;
struct TimerFired {
  TimerId timer = 0;
};

// The host has executed up to `sequence` (a multiple of the checkpoint interval); its state there
// has this digest and is durable. After start() a host that came back from its own checkpoint says
// so again: its state may be ahead of the commits that the records still show.
struct CheckpointTaken {
  Sequence sequence = 0;
  crypto::Digest digest;
};

// The host has replaced its state by a snapshot that it checked against `certificate`; everything
// up to its sequence counts as committed and executed.
struct SnapshotInstalled {
  wire::StableCheckpoint certificate;
};

// Nobody gives the host a snapshot that it was asked to fetch, up to this sequence: who held it may
// have lost it. One that others still have is as good as any.
struct SnapshotGone {
  Sequence sequence = 0;
};

// The host knows of requests that are not executed yet, or it does not any more. While it does, a
// leader that gets nothing done is replaced.
struct WorkExpected {
  bool expected = false;
};

// What this peer said on a reliable link may be missing: it was too much to keep.
struct LinkSkipped {
  PeerId peer = 0;
};

// The host holds that the leader of this view does not serve all alike.
struct SuspectLeader {
  View view = 0;
};

// A core opened with `voting` off may vote from now on; its records are all that it ever promised,
// or it has left behind what it has forgotten.
struct StartVoting {};

// The host has found that the records are not all that this core promised: no votes until
// StartVoting, and what was promised before `since` is no longer this core's.
struct MemoryLost {
  std::uint64_t since = 0;
};

// A peer, or this core itself, has lost its memory: its view changes of before count no more.
struct PeerReborn {
  PeerId peer = 0;
  Birth birth;
};

using Event =
    std::variant<Received, Propose, TimerFired, CheckpointTaken, SnapshotInstalled, SnapshotGone,
                 WorkExpected, LinkSkipped, SuspectLeader, StartVoting, MemoryLost, PeerReborn>;

// Durable state of a core: records under (sequence, kind), a later one replacing an earlier one.
struct Record {
  Sequence sequence = 0;  // 0: not bound to a sequence
  std::uint8_t kind = 0;
  Bytes data;
};

struct Append {
  Record record;
  bool lazy = false;  // may reach the disk later: losing it in a crash breaks no promise
};

struct Send {
  std::optional<PeerId> to;  // nullopt: all peers, and back to the core itself
  wire::AgreementMessage body;
  wire::BatchPtr batch;  // attached to PrePrepare, Proposal, Committed, BatchShown
  // A promise leaves only when every append of this and earlier steps is durable.
  bool promise = true;
};

struct TimerChange {
  TimerId timer = 0;
  std::optional<Duration> after;  // nullopt: cancel
};

// Final and in order: sequences never repeat, skip or change. Only start() repeats commits of an
// earlier run (the host passes over those its durable state covers), and only a checkpoint or
// snapshot of the host's own skips those up to it.
struct Commit {
  Sequence sequence = 0;
  wire::BatchPtr batch;
};

// Batches that were proposed, by the host or others, and in whose place another one is committed,
// or which the view now installed does not bind: as far as this core can tell, so that some may be
// committed all the same.
using Released = std::vector<wire::BatchPtr>;

// A peer shows a stable checkpoint beyond what this core can catch up with from batches: the host
// is to fetch the snapshot and answer with SnapshotInstalled or SnapshotGone. Asked again while
// nothing changes, perhaps of another peer; a host that is fetching already may pass over it.
struct FetchSnapshot {
  PeerId from = 0;
  wire::StableCheckpoint certificate;
};

// What a step asks for, each list in order. The host drains it and hands it in empty again.
struct Actions {
  std::vector<Append> appends;
  std::vector<Send> sends;
  std::vector<TimerChange> timers;
  std::vector<Commit> commits;
  Released released;
  std::optional<FetchSnapshot> fetch;
  // After the appends: forget the records of sequences 1 up to and including this one. Those of
  // sequence 0 stay.
  std::optional<Sequence> truncate;
};

struct Options {
  PeerId self = 0;
  Quorums quorums;           // sizes, faults
  std::uint32_t window = 4;  // batches in flight from the leader
  std::uint32_t checkpoint_interval = 128;
  // Retransmission by status exchange; zero: no such timer.
  Duration status_interval{100'000};
  Duration idle_status_interval{1'000'000};
  // Peers are far away, over links that lose nothing unless they say so (BLink). Statuses are then
  // for what else keeps a peer behind: only while work is unfinished, and less and less often.
  bool reliable = false;
  // Patience with a leader is given up together: a peer whose own is at an end says so and stays
  // in its view until so many others say the same that one of them is correct (Paxos: until they
  // are a quorum). A peer that is alone, cut off for a while, then never leaves the others' view.
  bool asks_first = false;
  // A leader that gets nothing done for so long is replaced; zero: never. Doubles with each change
  // of view without progress, up to the cap.
  Duration view_change_timeout{0};
  Duration view_change_cap{0};
  // Readmission (replica/readmission.h): may this core vote at once, when did its memory begin, and
  // that of the peers that ever lost theirs.
  bool voting = true;
  std::uint64_t since = 0;
  std::map<PeerId, Birth> born;
};

// For status displays and tests.
struct Progress {
  View view = 0;
  bool changing = false;  // to `view`, which is not installed yet
  View installed = 0;     // the last that was
  PeerId leader = 0;
  Sequence committed = 0;  // contiguous, all handed to the host
  Sequence stable = 0;     // last stable checkpoint
  std::size_t slots = 0;   // sequences held in memory
};

class Core {
 public:
  virtual ~Core() = default;

  // First call, once: arms timers; after a restart re-issues the commits above the last
  // checkpoint (`commits` start at stable + 1 of the records the core was opened with).
  virtual void start(Actions& actions) = 0;

  // Bad, stale or contradictory input from a peer is dropped and counted, never fatal.
  virtual void step(Event event, Actions& actions) = 0;

  // Is this peer the leader with room in its window?
  virtual bool can_propose() const = 0;

  virtual Progress progress() const = 0;

  // Why inputs were dropped, by reason code.
  virtual const std::map<std::string, std::uint64_t>& rejections() const = 0;

  // Aborts if an invariant of docs/protocols.md does not hold.
  virtual void check_invariants() const = 0;

  // Whole state in canonical bytes, and back: used where the core is itself replicated state (the
  // wide protocol inside a logical machine). Equal histories give equal bytes.
  virtual Bytes save() const = 0;
  virtual bool restore(BytesView saved) = 0;
};

enum class Protocol { kPaxos, kPbft };

// Rebuilds a core from its durable records (in order of sequence and kind; none for a fresh one).
Result<std::unique_ptr<Core>> open_core(Protocol protocol, const Options& options,
                                        std::span<const Record> records);

}  // namespace steward::agreement
