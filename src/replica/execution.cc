#include "replica/execution.h"

#include "common/check.h"
#include "wire/limits.h"
#include "wire/state.pb.h"

namespace steward::replica {

Execution::Execution(std::unique_ptr<StateMachine> service, PageSet& pages)
    : service_(std::move(service)), pages_(pages) {}

void Execution::execute(Sequence sequence, const wire::BatchPtr& batch) {
  STEWARD_CHECK(sequence == executed_ + 1);
  executed_ = sequence;
  for (const Bytes& update : batch->items) execute_update(sequence, update);
  done_.push_back({sequence, batch});
}

bool Execution::settled(const site::UpdateKey& key) const {
  const ClientTable::Verdict verdict = table_.judge(key);
  return verdict == ClientTable::Verdict::kDuplicate || verdict == ClientTable::Verdict::kExpired;
}

void Execution::execute_update(Sequence sequence, BytesView signed_update) {
  wire::SignedUpdate outer;
  wire::Update update;
  const auto size = static_cast<int>(signed_update.size());
  if (!outer.ParseFromArray(signed_update.data(), size)) return;
  if (!update.ParseFromString(outer.update())) return;
  const site::UpdateKey key{update.client(), update.session(), update.timestamp()};
  if (table_.judge(key) == ClientTable::Verdict::kExecute) {
    Bytes result = service_->apply(update.payload());
    STEWARD_CHECK(result.size() <= limits::kMaxResultBytes);
    table_.record(key, sequence, std::move(result));
    ++updates_;
  }
  if (auto answer = reply(key)) replies_.push_back(std::move(*answer));
}

std::optional<wire::Reply> Execution::reply(const site::UpdateKey& key) const {
  wire::Reply reply;
  reply.set_client(key.client);
  reply.set_session(key.session);
  reply.set_timestamp(key.timestamp);
  const ClientTable::Verdict verdict = table_.judge(key);
  if (verdict == ClientTable::Verdict::kExpired) {
    reply.set_outcome(wire::OUTCOME_SESSION_EXPIRED);
    return reply;
  }
  const ClientTable::Session* session = table_.find(key.client, key.session);
  // Only the last answer of a session is kept; its client has seen the ones before.
  if (session == nullptr || session->timestamp != key.timestamp) return std::nullopt;
  reply.set_sequence(session->sequence);
  reply.set_result(session->result);
  return reply;
}

// Anyone may ask for the digest at any time, so it is computed once a sequence.
crypto::Digest Execution::checkpoint() {
  if (!digest_ || digest_->first != executed_) {
    flush();
    digest_.emplace(executed_, pages_.root(kExecutionPage));
  }
  return digest_->second;
}

void Execution::flush() {
  wire::ExecutionPage page;
  page.set_sequence(executed_);
  page.set_updates(updates_);
  pages_.apply({{kExecutionPage, page.SerializeAsString()}}, 0);
  pages_.apply(table_.collect(), kTablePages);
  pages_.apply(service_->collect(), kServicePages);
}

bool Execution::load(const Pages* before) {
  const auto own = pages_.range(kExecutionPage, kTablePages);
  wire::ExecutionPage page;
  if (own.size() != 1 || !page.ParseFromString(own.begin()->second)) return false;
  digest_.reset();
  executed_ = page.sequence();
  updates_ = page.updates();
  if (!table_.load(pages_.range(kTablePages, kServicePages))) return false;
  const auto take = [this](const PageChanges& changes) { return service_->load_changes(changes); };
  if (before != nullptr && visit_differences(*before, pages_.pages(), kServicePages, take)) {
    return true;
  }
  return service_->load(pages_.range(kServicePages, 0));
}

}  // namespace steward::replica
