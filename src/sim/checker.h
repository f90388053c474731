// What must hold in every run for correct servers, looked at from outside while it happens; what
// Byzantine servers say of themselves is not listened to:
//   agreement      the same batch at each global sequence at every server; equal state digests
//   order          a server executes sequence after sequence; only a restart goes back
//   validity       what is executed is, byte for byte, what a client of the cluster signed
//   one word       one vote of a server for each slot in its whole life, and none below its promise
//   persist        what a vote promises is durable when it leaves (durability.h)
//   no going back  views, stable checkpoints and executed sequences only grow between restarts
//   no slander     no server holds a correct one to be faulty
//   fairness       no client waits much longer than most of them, where all are to be served
//   exactly once   what clients are told equals what an own, naive execution of the agreed history
//                  gives, in which each session's timestamps count once and in order
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "common/time.h"
#include "crypto/key_directory.h"
#include "replica/server.h"
#include "steward/state_machine.h"
#include "wire/signing.h"

namespace steward::sim {

class Checker {
 public:
  // `reference` is a fresh state machine of the kind that the servers run.
  Checker(std::shared_ptr<const crypto::KeyDirectory> keys, wire::Domain domain,
          std::unique_ptr<StateMachine> reference);

  // From now on a Byzantine server.
  void distrust(ServerId server) { distrusted_.insert(server); }
  bool distrusts(ServerId server) const { return distrusted_.contains(server); }

  void server_started(ServerId server);
  void server_sent(ServerId server, const replica::Outgoing& outgoing);
  // Something that it sent has reached another server.
  void server_heard(ServerId server) { spoken_[server].heard = true; }
  // Its disk was copied; holds that copy again; lost what it held. What nobody has heard since the
  // copy was not said, and who forgot a promise may have to vote below it (docs/protocols.md,
  // section 11).
  void server_backed_up(ServerId server);
  void server_rolled_back(ServerId server);
  void server_lost_memory(ServerId server) { spoken_[server].promised = 0; }
  void server_status(ServerId server, const wire::StatusReply& status);
  void server_executed(ServerId server, const replica::Executed& executed);
  void server_at(ServerId server, Sequence sequence, const crypto::Digest& state);
  // Payloads of updates are all different.
  void update_completed(const Bytes& payload, const Bytes& result, Sequence sequence);

  // The longest waits of all clients that are to be served, so far. Each may be as long as
  // `allowed`, and as kUnfair times the median of them. False: a violation.
  static constexpr std::int64_t kUnfair = 8;
  bool clients_waited(std::vector<Duration> longest, Duration allowed);

  void violation(std::string what);
  // Who hears of each at once; nobody unless asked for.
  void on_violation(std::function<void(const std::string&)> hear) { hear_ = std::move(hear); }

  const std::vector<std::string>& violations() const { return violations_; }
  Sequence agreed() const { return agreed_; }  // highest sequence that any server has executed
  std::uint64_t updates_executed() const { return updates_; }
  std::uint64_t digests_compared() const { return digests_compared_; }

 private:
  struct Outcome {
    Sequence sequence = 0;
    Bytes result;
  };

  // What a server has voted for, by slot: those of the last sequences.
  struct Slot {
    Sequence sequence = 0;
    int type = 0;
    View view = 0;
    auto operator<=>(const Slot&) const = default;
  };
  struct Spoken {
    std::map<Slot, Bytes> votes;
    View promised = 0;
    bool heard = false;  // since the last backup
  };
  struct Reached {
    View view = 0;
    Sequence stable = 0;
    Sequence executed = 0;
  };

  void server_voted(ServerId server, const Slot& slot, const Bytes& digest);
  void execute_reference(Sequence sequence, const wire::Batch& batch);
  void execute_update(Sequence sequence, const Bytes& signed_update);

  const std::shared_ptr<const crypto::KeyDirectory> keys_;
  const wire::Domain domain_;
  const std::unique_ptr<StateMachine> reference_;
  Sequence agreed_ = 0;
  std::map<Sequence, crypto::Digest> batches_;
  std::map<Sequence, crypto::Digest> states_;
  std::map<ServerId, Sequence> executed_;  // since its last start
  std::map<ServerId, Reached> reached_;    // the same
  std::map<ServerId, Spoken> spoken_;      // since it was made
  std::map<ServerId, Spoken> backed_up_;   // as it was then
  std::set<ServerId> distrusted_;
  std::map<std::pair<Bytes, std::uint64_t>, std::uint64_t> sessions_;  // last timestamp executed
  std::map<crypto::Digest, Outcome> outcomes_;  // by payload, until the client has the reply
  std::uint64_t updates_ = 0;
  std::uint64_t digests_compared_ = 0;
  std::vector<std::string> violations_;
  std::function<void(const std::string&)> hear_;
};

}  // namespace steward::sim
