// For tests: n cores in one thread under virtual time, with a network that delays, drops, repeats
// and reorders, disks that lose in a crash what was not synced, and hosts that execute, take
// checkpoints and fetch snapshots. One seed gives one run. It checks all the time that
//   - all correct hosts get the same batch at each sequence, in order and without a gap,
//   - all have the same state at each checkpoint,
//   - no correct peer ever sends two different votes for one slot, crashes included,
//   - every certificate that is shown consists of a quorum of things really signed,
//   - each core's own invariants hold after each step.
// A violation is a gtest failure.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <queue>
#include <random>
#include <set>
#include <vector>

#include "agreement/core.h"
#include "agreement/testing/verifier.h"

namespace steward::agreement {

struct ClusterOptions {
  Protocol protocol = Protocol::kPbft;
  std::uint32_t peers = 4;
  std::uint32_t faults = 1;
  std::uint64_t seed = 1;
  double loss = 0;
  double duplication = 0;
  Duration min_delay = 1ms;
  Duration max_delay = 1ms;  // beyond min_delay: messages overtake each other
  Duration max_sync = 2ms;   // of a disk
  std::uint32_t window = 4;
  std::uint32_t checkpoint_interval = 8;
  bool statuses = true;
  Duration view_change = 0ms;  // the time-out; zero: views do not change
  std::set<PeerId> liars;      // no core: the test speaks for them
};

class Cluster {
 public:
  explicit Cluster(const ClusterOptions& options);

  // Keeps the leader supplied until this many batches are committed somewhere.
  void set_target(Sequence target);

  // Runs until every correct peer that is up has committed the target; false when `limit` of
  // virtual time passes first.
  bool run_to_target(Duration limit);
  void run_for(Duration time);

  void crash(PeerId peer);
  void restart(PeerId peer);
  // Puts a new core in the place of this one, with nothing but what save() gave.
  void renew(PeerId peer);
  void cut(PeerId peer, bool cut) { nodes_[peer].cut = cut; }
  void set_loss(double loss) { options_.loss = loss; }
  // From now on this peer proposes nothing, though it leads.
  void make_idle(PeerId peer) { nodes_[peer].idle = true; }
  View view(PeerId peer) const { return nodes_[peer].core->progress().view; }
  View highest_view() const;

  // Sends under a liar's name; signed as its key would.
  void send_as(PeerId liar, PeerId to, wire::AgreementMessage body, wire::BatchPtr batch);

  bool up(PeerId peer) const { return nodes_[peer].core != nullptr; }
  Core& core(PeerId peer) { return *nodes_[peer].core; }
  Sequence executed(PeerId peer) const { return nodes_[peer].executed; }
  std::size_t records(PeerId peer) const { return durable_records(nodes_[peer]).size(); }
  std::uint64_t snapshots_installed() const { return snapshots_installed_; }
  std::uint64_t messages_sent() const { return messages_sent_; }
  const std::map<Sequence, crypto::Digest>& chosen() const { return chosen_; }
  const std::map<Sequence, Bytes>& certified() const { return certified_; }
  std::mt19937_64& random() { return random_; }
  Options core_options(PeerId self) const;

 private:
  struct Snapshot {
    Sequence sequence = 0;
    crypto::Digest state;
  };
  // What a host writes to its disk, in order. A crash leaves a prefix: all that was synced, and
  // perhaps more.
  struct Write {
    std::optional<Record> record;
    std::optional<Sequence> truncate;
    std::optional<Snapshot> snapshot;
  };
  struct HeldSend {
    std::size_t after = 0;  // writes that must be durable first
    Send send;
  };
  struct Node {
    std::unique_ptr<Core> core;
    std::vector<Write> disk;
    std::size_t synced = 0;
    std::size_t promised = 0;  // up to the last write that is not lazy
    std::vector<HeldSend> held;
    Sequence executed = 0;
    crypto::Digest state;
    std::map<TimerId, std::uint64_t> timers;  // generation of the armed one
    std::uint64_t life = 0;                   // of this incarnation; stale events are dropped
    bool fetching = false;
    bool cut = false;
    bool expects_work = false;  // as its core was told
    bool idle = false;          // a leader that proposes nothing
  };
  struct Happening {
    Duration at;
    std::uint64_t order;
    PeerId node;
    std::uint64_t life;
    std::function<void()> run;
    bool operator<(const Happening& other) const {  // the earliest on top of the queue
      return at != other.at ? at > other.at : order > other.order;
    }
  };

  static std::vector<Record> durable_records(const Node& node);
  static std::optional<Snapshot> last_snapshot(const Node& node);
  void schedule(PeerId node, Duration after, std::function<void()> run);
  bool run_one();
  bool reached_target() const;
  void offer(PeerId peer);
  void tell_work(PeerId peer);
  void step(PeerId peer, Event event);
  void drain(PeerId peer, Actions actions);
  void sync(PeerId peer);
  void release(PeerId peer);
  void execute(PeerId peer, const Commit& commit);
  void checkpoint(PeerId peer);
  void fetch(PeerId peer, const FetchSnapshot& fetch);
  void transmit(PeerId from, const Send& send);
  void deliver(PeerId to, const Message& message, bool lossy);
  Bytes sign(PeerId from, const wire::AgreementMessage& body);
  void check_send(PeerId from, const Send& send);
  void check_vote(PeerId from, const char* kind, View view, Sequence n, const Bytes& digest);
  bool check_proofs(const wire::AgreementMessage& body) const;
  bool check_view_change(const wire::ViewChange& body) const;
  bool check_certificate(const wire::AgreementMessage& vote,
                         const google::protobuf::RepeatedPtrField<Bytes>& proofs) const;
  bool unwrap(Message& message) const;
  Duration random_duration(Duration low, Duration high);
  bool chance(double probability);

  ClusterOptions options_;
  std::mt19937_64 random_;
  std::vector<Node> nodes_;
  std::priority_queue<Happening> queue_;
  Duration now_{0};
  std::uint64_t next_order_ = 0;
  Sequence target_ = 0;
  std::uint64_t next_batch_ = 0;
  std::uint64_t snapshots_installed_ = 0;
  std::uint64_t messages_sent_ = 0;

  // What the checker knows.
  std::map<Sequence, crypto::Digest> chosen_;
  std::map<Sequence, crypto::Digest> states_;  // state after each sequence
  std::map<std::tuple<PeerId, std::string, View, Sequence>, Bytes> votes_;
  std::map<Sequence, Bytes> certified_;  // by Committed messages
  std::set<Bytes> signed_;
};

}  // namespace steward::agreement
