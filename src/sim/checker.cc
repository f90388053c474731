#include "sim/checker.h"

#include <algorithm>

#include "wire/client.pb.h"
#include "wire/offence.h"

namespace steward::sim {
namespace {

constexpr std::size_t kMaxViolations = 20;   // the first ones tell
constexpr std::size_t kMaxSlots = 16 << 10;  // votes of one server that are remembered

}  // namespace

Checker::Checker(std::shared_ptr<const crypto::KeyDirectory> keys, wire::Domain domain,
                 std::unique_ptr<StateMachine> reference)
    : keys_(std::move(keys)), domain_(std::move(domain)), reference_(std::move(reference)) {}

void Checker::violation(std::string what) {
  if (hear_) hear_(what);
  if (violations_.size() < kMaxViolations) violations_.push_back(std::move(what));
}

void Checker::server_started(ServerId server) {
  executed_.erase(server);
  reached_.erase(server);
}

void Checker::server_sent(ServerId server, const replica::Outgoing& outgoing) {
  const bool votes =
      outgoing.kind == wire::KIND_AGREEMENT || outgoing.kind == wire::KIND_VIEW_CHANGE;
  wire::AgreementMessage body;
  if (!votes || !body.ParseFromString(outgoing.body)) return;
  const auto voted = [&](const auto& vote) {
    server_voted(server, {vote.sequence(), body.message_case(), vote.view()}, vote.digest());
  };
  if (body.has_pre_prepare()) voted(body.pre_prepare());
  if (body.has_prepare()) voted(body.prepare());
  if (body.has_commit()) voted(body.commit());
  if (body.has_proposal()) voted(body.proposal());
  if (body.has_accept()) voted(body.accept());
  if (body.has_checkpoint()) {
    const wire::Checkpoint& checkpoint = body.checkpoint();
    server_voted(server, {checkpoint.sequence(), body.message_case(), 0}, checkpoint.digest());
  }
  if (body.has_view_change()) {
    View& promised = spoken_[server].promised;
    promised = std::max(promised, body.view_change().view());
  }
}

void Checker::server_backed_up(ServerId server) {
  Spoken& spoken = spoken_[server];
  spoken.heard = false;
  backed_up_[server] = spoken;
}

void Checker::server_rolled_back(ServerId server) {
  const auto before = backed_up_.find(server);
  if (before == backed_up_.end() || spoken_[server].heard) return server_lost_memory(server);
  spoken_[server] = before->second;
}

void Checker::server_voted(ServerId server, const Slot& slot, const Bytes& digest) {
  Spoken& spoken = spoken_[server];
  const std::string where = "server " + to_string(server) + ", sequence " +
                            std::to_string(slot.sequence) + ", view " + std::to_string(slot.view);
  const auto [vote, first] = spoken.votes.emplace(slot, digest);
  if (!first && vote->second != digest) violation("one word: " + where + " voted twice");
  const bool about_view = slot.type != wire::AgreementMessage::kCheckpoint;
  if (first && about_view && slot.view < spoken.promised) {
    violation("one word: " + where + " voted below its promise of " +
              std::to_string(spoken.promised));
  }
  if (spoken.votes.size() > kMaxSlots) spoken.votes.erase(spoken.votes.begin());
}

void Checker::server_status(ServerId server, const wire::StatusReply& status) {
  if (distrusts(server)) return;
  Reached& reached = reached_[server];
  const bool back = status.local_view() < reached.view || status.local_stable() < reached.stable ||
                    status.sequence() < reached.executed;
  if (back) violation("no going back: server " + to_string(server) + " did");
  reached = {status.local_view(), status.local_stable(), status.sequence()};
  for (const wire::Evidence& evidence : status.evidence()) {
    const ServerId accused{server.site, evidence.server()};
    if (distrusts(accused)) continue;
    violation("no slander: server " + to_string(server) + " says that " + to_string(accused) + " " +
              wire::to_string(evidence.offence()));
  }
}

void Checker::server_executed(ServerId server, const replica::Executed& executed) {
  if (distrusts(server)) return;
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
  if (distrusts(server)) return;
  const auto [known, first] = states_.emplace(sequence, state);
  if (first) return;
  ++digests_compared_;
  if (known->second != state) {
    violation("agreement: server " + to_string(server) + " has another state after sequence " +
              std::to_string(sequence));
  }
}

bool Checker::clients_waited(std::vector<Duration> longest, Duration allowed) {
  if (longest.empty()) return true;
  std::sort(longest.begin(), longest.end());
  const Duration median = longest[longest.size() / 2];
  if (longest.back() <= std::max(allowed, kUnfair * median)) return true;
  violation("fairness: a client has waited " + std::to_string(longest.back().count() / 1000) +
            " ms, more than " + std::to_string(allowed.count() / 1000) + " ms and than " +
            std::to_string(kUnfair) + " times the median of clients, which is " +
            std::to_string(median.count() / 1000) + " ms");
  return false;
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
