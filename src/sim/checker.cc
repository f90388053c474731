#include "sim/checker.h"

#include "wire/client.pb.h"

namespace steward::sim {
namespace {

constexpr std::size_t kMaxViolations = 20;  // the first ones tell

}  // namespace

Checker::Checker(std::shared_ptr<const crypto::KeyDirectory> keys, wire::Domain domain,
                 std::unique_ptr<StateMachine> reference)
    : keys_(std::move(keys)), domain_(std::move(domain)), reference_(std::move(reference)) {}

void Checker::violation(std::string what) {
  if (hear_) hear_(what);
  if (violations_.size() < kMaxViolations) violations_.push_back(std::move(what));
}

void Checker::server_started(ServerId server) { executed_.erase(server); }

void Checker::server_executed(ServerId server, const replica::Executed& executed) {
  const Sequence sequence = executed.sequence;
  const std::string where =
      "server " + to_string(server) + ", sequence " + std::to_string(sequence);
  // A snapshot may jump forward.
  const auto last = executed_.find(server);
  if (last != executed_.end() && sequence <= last->second) {
    violation("order: " + where + " executed after " + std::to_string(last->second));
  }
  executed_[server] = sequence;
  const auto [batch, first] = batches_.emplace(sequence, executed.batch->digest);
  if (!first) {
    if (batch->second != executed.batch->digest) {
      violation("agreement: " + where + " executed another batch than an earlier server");
    }
    return;
  }
  if (sequence != agreed_ + 1) violation("order: " + where + " came before its predecessor");
  agreed_ = sequence;
  execute_reference(sequence, *executed.batch);
}

void Checker::execute_reference(Sequence sequence, const wire::Batch& batch) {
  for (const Bytes& item : batch.items) execute_update(sequence, item);
  (void)reference_->collect();  // keeps the list of changed pages short
}

void Checker::execute_update(Sequence sequence, const Bytes& signed_update) {
  wire::SignedUpdate outer;
  wire::Update update;
  const bool valid =
      outer.ParseFromString(signed_update) && update.ParseFromString(outer.update()) &&
      keys_->is_client(update.client()) &&
      keys_->signatures->verify(update.client(), wire::client_statement(domain_, outer.update()),
                                outer.signature());
  if (!valid) {
    violation("validity: sequence " + std::to_string(sequence) + " holds what no client signed");
    return;
  }
  std::uint64_t& timestamp = sessions_[{update.client(), update.session()}];
  if (update.timestamp() != timestamp + 1) return;  // a duplicate, or out of order
  timestamp = update.timestamp();
  ++updates_;
  outcomes_[crypto::sha256(update.payload())] = {sequence, reference_->apply(update.payload())};
}

void Checker::server_at(ServerId server, Sequence sequence, const crypto::Digest& state) {
  const auto [known, first] = states_.emplace(sequence, state);
  if (first) return;
  ++digests_compared_;
  if (known->second != state) {
    violation("agreement: server " + to_string(server) + " has another state after sequence " +
              std::to_string(sequence));
  }
}

void Checker::update_completed(const Bytes& payload, const Bytes& result, Sequence sequence) {
  const auto outcome = outcomes_.find(crypto::sha256(payload));
  if (outcome == outcomes_.end()) {
    return violation(
        "exactly once: a client was told of an update that was not executed, or twice");
  }
  if (outcome->second.sequence != sequence || outcome->second.result != result) {
    violation("exactly once: the reply from sequence " + std::to_string(sequence) +
              " is not what the history gives at " + std::to_string(outcome->second.sequence));
  }
  outcomes_.erase(outcome);
}

}  // namespace steward::sim
