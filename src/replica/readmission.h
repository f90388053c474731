// Amnesia: may this server vote? A server that lost its disk, or runs on an old copy of it, has
// forgotten what it promised. It finds out before it votes, learns without voting, and votes again
// once no vote of its can contradict a forgotten one. docs/protocols.md, section 11, has the whole
// argument; in short:
//
// Lives. Each run of a server on its disk is a *life*: an incarnation number that grows with each
// start, a nonce that its world draws, and a count of its durable steps. A life is durable here
// before the server says anything, and durable at a quorum (itself included) before its first
// vote. With each vote travel life and count, and whoever hears them keeps the highest.
//
// Asking. A server that starts asks all others. Each has the asker's life put on record, durably,
// and says so, or refuses it: an incarnation not above the recorded one, or a count below it, is
// that of a server that forgot. With `confirmations()` of them it votes; after as many refusals
// that one is by a correct peer it is *amnesiac*.
//
// Learning. An amnesiac server takes a new life whose memory begins now (`since`). Every peer that
// answers it has this on record durably, counts no older view change of it any more, and says which
// view it has installed and which checkpoint is stable there. An answer is *complete* once the
// server itself has got that far, so that liars cannot make it wait. With `witnesses()` complete
// answers the bounds are: views from the highest, sequences above the highest checkpoint + 4
// intervals. It votes when its own stable checkpoint and installed view have reached them; until
// then it tells the others what it waits for, and they bring the site there (awaited.h).
//
// Pure; not thread-safe. Peer messages are bounded by their types and may all be lies.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "agreement/core.h"
#include "common/ids.h"
#include "common/quorum.h"
#include "common/time.h"
#include "replica/inbound.h"
#include "wire/envelope.pb.h"

namespace steward::replica {

class Readmission {
 public:
  enum class State { kAsking, kVoting, kLearning };

  // Checkpoint intervals from the stable checkpoint of one that shared a quorum with the forgotten
  // life to the last sequence that this can have voted for: two windows of two.
  static constexpr Sequence kIntervals = 4;

  struct Options {
    ServerIndex self = 0;
    Quorums quorums;
    std::uint64_t nonce = 0;  // drawn for this run
    Sequence checkpoint_interval = 1;
  };

  // From the store. `blank`: it holds nothing at all, as that of a new server.
  struct Stored {
    std::optional<wire::OwnLife> own;
    std::map<ServerIndex, wire::Life> peers;
    std::map<ServerIndex, Bytes> said;
    bool blank = true;
  };

  // Where this server's local protocol stands.
  struct Standing {
    View view = 0;
    View installed = 0;
    bool changing = false;
    Sequence stable = 0;
  };

  struct Actions {
    bool durable = false;  // own_record() and dirty records come before the sends, on disk
    std::vector<std::pair<ServerIndex, wire::Introduction>> sends;
    std::optional<Duration> timer;
    bool memory_lost = false;                        // promise nothing until `admitted`
    bool admitted = false;                           // vote from now on
    std::map<ServerIndex, agreement::Birth> reborn;  // whose memory begins anew; maybe this one's
  };

  Readmission(const Options& options, Stored stored);

  State state() const { return state_; }
  bool voting() const { return state_ == State::kVoting; }
  const wire::Life& life() const { return own_.life(); }
  // When the memory of each began, where not at first. Without the own one while it learns.
  std::map<ServerIndex, agreement::Birth> births() const;

  void start(Actions& actions);
  void on_timer(Actions& actions);
  void receive(ServerIndex from, const Introduced& in, const Standing& standing, Actions& actions);
  // The life with which a vote came. False: of an earlier one, or of a copy.
  bool heard(ServerIndex from, const wire::Life& life, Actions& actions);
  // What this server signed when its memory began, as a peer shows it.
  void shown(const agreement::Birth& birth, const Standing& standing, Actions& actions);
  // The local protocol may have moved on.
  void observe(const Standing& standing, Actions& actions);

  // One more durable step of this server, which the record goes with.
  void count_step() { own_.mutable_life()->set_count(own_.life().count() + 1); }
  const wire::OwnLife& own_record() const { return own_; }
  // Records that changed since the last call.
  std::map<ServerIndex, wire::Life> take_dirty();
  // With what others said when their memory began; goes with their records.
  const std::map<ServerIndex, Bytes>& said() const { return said_; }

  // Others that have to confirm this life before it votes, where its memory is whole, and so many
  // others that one of them is correct and shared any quorum with a server that is now faulty.
  std::uint32_t confirmations() const;
  std::uint32_t witnesses() const;

 private:
  struct Answer {
    View view = 0;
    Sequence stable = 0;
  };

  void on_hello(ServerIndex from, const Introduced& in, const Standing& standing, Actions& actions);
  void on_answer(ServerIndex from, const wire::HelloAnswer& answer, const Standing& standing,
                 Actions& actions);
  void on_refusal(ServerIndex from, const wire::HelloAnswer& answer, const Standing& standing,
                  Actions& actions);
  bool outgrow(std::uint64_t known, const Standing& standing, Actions& actions);
  bool fits(const wire::Life& now, const wire::Life& known) const;
  agreement::Birth birth_of(ServerIndex peer, const wire::Life& life) const;
  void put_on_record(ServerIndex from, const wire::Life& life, Actions& actions);
  void lose_memory(Actions& actions);
  void set_bounds(const Standing& standing, Actions& actions);
  void ask(ServerIndex peer, Actions& actions) const;
  void ask_all(Actions& actions) const;
  void tell_bounds(Actions& actions) const;
  bool answered(ServerIndex peer) const;

  const Options options_;
  State state_ = State::kAsking;
  wire::OwnLife own_;
  std::uint64_t asked_since_ = 0;  // answers about an earlier memory do not count
  std::map<ServerIndex, wire::Life> peers_;
  std::map<ServerIndex, Bytes> said_;
  std::set<ServerIndex> dirty_;
  std::set<ServerIndex> confirmed_;
  std::map<ServerIndex, std::uint64_t> refused_;  // the incarnation that they hold against us
  std::set<ServerIndex> heeded_;                  // whose refusal cost a number since we asked
  std::map<ServerIndex, Answer> answers_;         // while it learns
};

const char* to_string(Readmission::State state);

}  // namespace steward::replica
