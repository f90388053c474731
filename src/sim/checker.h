// What must hold in every run, looked at from outside the servers while it happens:
//   agreement      the same batch at each global sequence at every server; equal state digests
//   order          a server executes sequence after sequence; only a restart goes back
//   validity       what is executed is, byte for byte, what a client of the cluster signed
//   exactly once   what clients are told equals what an own, naive execution of the agreed history
//                  gives, in which each session's timestamps count once and in order
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

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

  void server_started(ServerId server);
  void server_executed(ServerId server, const replica::Executed& executed);
  void server_at(ServerId server, Sequence sequence, const crypto::Digest& state);
  // Payloads of updates are all different.
  void update_completed(const Bytes& payload, const Bytes& result, Sequence sequence);

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

  void execute_reference(Sequence sequence, const wire::Batch& batch);
  void execute_update(Sequence sequence, const Bytes& signed_update);

  const std::shared_ptr<const crypto::KeyDirectory> keys_;
  const wire::Domain domain_;
  const std::unique_ptr<StateMachine> reference_;
  Sequence agreed_ = 0;
  std::map<Sequence, crypto::Digest> batches_;
  std::map<Sequence, crypto::Digest> states_;
  std::map<ServerId, Sequence> executed_;                              // since its last start
  std::map<std::pair<Bytes, std::uint64_t>, std::uint64_t> sessions_;  // last timestamp executed
  std::map<crypto::Digest, Outcome> outcomes_;  // by payload, until the client has the reply
  std::uint64_t updates_ = 0;
  std::uint64_t digests_compared_ = 0;
  std::vector<std::string> violations_;
  std::function<void(const std::string&)> hear_;
};

}  // namespace steward::sim
