// One server, whole and pure: the composition root of local protocol, logical machine, wide
// protocol, BLink, threshold signing, execution and recovery. Inputs in, one Output out; the world
// around it (runtime/ or sim/) does what the Output says, in this order:
//   0. replaces the file with the key share by `new_share`, durably, where there is one;
//   1. hands `write` to the disk (synced when `sync`);
//   2. sends what is in `sends` at once when it is not a promise; a promise leaves only when this
//      and every earlier write, up to the last with `sync`, are durable. `to_self` messages come
//      back through Verifier::from_self, under the same rule;
//   3. the rest in any order.
// Not thread-safe: the protocol thread owns it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <variant>
#include <vector>

#include "crypto/key_directory.h"
#include "replica/inbound.h"
#include "site/jobs.h"
#include "steward/cluster_config.h"
#include "steward/state_machine.h"
#include "storage/store.h"
#include "wire/envelope.pb.h"
#include "wire/signing.h"

namespace steward::replica {

// One open connection of a client, named by the world; never used twice.
using ConnectionId = std::uint64_t;
using TimerId = std::uint64_t;

struct FromServer {
  ServerId from;
  wire::Verified<Inbound> message;
};
struct FromClient {
  ConnectionId connection = 0;
  wire::Verified<ClientInbound> message;
};
struct TimerFired {
  TimerId timer = 0;
};
struct SigningDone {
  site::SigningResult result;
};
using Input = std::variant<FromServer, FromClient, TimerFired, SigningDone>;

// An envelope before it is signed and framed: see make_frame.
struct Outgoing {
  std::vector<ServerId> to;
  bool to_self = false;
  bool promise = false;
  bool sign = false;
  wire::Kind kind = wire::KIND_UNKNOWN;
  Bytes body;
  std::shared_ptr<const wire::Batch> attachment;
  std::optional<wire::Life> life;  // with what is promised in the local protocol
};

// To one connection, or (connection 0) to every open connection of the client with this key.
struct ToClient {
  ConnectionId connection = 0;
  Bytes client;
  wire::ClientMessage message;
};

struct TimerChange {
  TimerId timer = 0;
  std::optional<Duration> after;  // nullopt: cancel. Setting an armed timer moves it.
};

// Moments that the world may time, for latency figures: from …Started to the same number's end.
struct Mark {
  enum class Kind { kOrderingStarted, kOrdered, kSigningStarted, kSigned };
  Kind kind;
  std::uint64_t number;
};

// A batch was executed at its global sequence; for the simulator's checker.
struct Executed {
  Sequence sequence = 0;
  wire::BatchPtr batch;
};

struct Output {
  std::optional<crypto::SecretBytes> new_share;
  storage::WriteBatch write;
  bool sync = false;
  std::vector<Outgoing> sends;
  std::vector<ToClient> to_clients;
  std::vector<TimerChange> timers;
  std::vector<site::SigningJob> jobs;
  std::vector<Mark> marks;
  std::vector<Executed> executed;
};

class Server {
 public:
  struct Options {
    ClusterConfig config;
    ServerId self;
    std::shared_ptr<const crypto::KeyDirectory> keys;
    crypto::SiteKeySharePtr share;                // of the site's key, from this server's file
    std::unique_ptr<StateMachine> state_machine;  // fresh
    // Drawn anew for each run, so that two runs on copies of one disk differ.
    std::uint64_t nonce = 0;
  };

  // Rebuilds the server from what its store holds (empty for a new one).
  static Result<std::unique_ptr<Server>> open(Options options, const storage::Store& store);
  ~Server();

  // First call, once.
  Output start();
  Output step(Input input);

  // Digest of the replicated state (client table and service) after the last executed sequence:
  // equal at equal sequence on every correct server of every site.
  crypto::Digest state_digest();
  Sequence executed() const;

  // Fills in what the server knows; the world adds connections and memory.
  wire::StatusReply status();

  // May it vote, or has it yet to hear from its site, or to learn what it forgot?
  bool voting() const;

  // Aborts when an invariant of this server or a core in it does not hold.
  void check_invariants() const;

 private:
  class Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// The bytes of one frame: the envelope, signed by `signer` where `outgoing.sign`. Thread-safe.
Bytes make_frame(const Outgoing& outgoing, const wire::Domain& domain, ServerId self,
                 const crypto::Signer& signer);

}  // namespace steward::replica
