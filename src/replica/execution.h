// Executes ordered batches on the replicated service, each update exactly once, and answers its
// client. The application of the site's logical machine; its pages are the state that is equal at
// every correct server of every site. Not thread-safe.
#pragma once

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "replica/client_table.h"
#include "replica/page_set.h"
#include "site/application.h"
#include "steward/state_machine.h"
#include "wire/client.pb.h"

namespace steward::replica {

class Execution : public site::Application {
 public:
  // `pages` receives the state's pages, under kTablePages and kServicePages; it outlives this.
  Execution(std::unique_ptr<StateMachine> service, PageSet& pages);

  void execute(Sequence sequence, const wire::BatchPtr& batch) override;
  crypto::Digest checkpoint() override;
  bool settled(const site::UpdateKey& key) const override;

  Sequence executed() const { return executed_; }
  std::uint64_t updates() const { return updates_; }
  const ClientTable& table() const { return table_; }
  std::uint64_t records() const { return service_->size(); }

  Bytes query(BytesView payload) const { return service_->query(payload); }

  // The answer to an update that was executed or whose session is gone; nullopt while it is
  // neither.
  std::optional<wire::Reply> reply(const site::UpdateKey& key) const;

  // Moves what changed into the page set.
  void flush();
  // Takes the whole state from the page set. `before`: what that held at the last flush, since
  // which nothing was executed; where it can, the service takes only what differs.
  bool load(const Pages* before = nullptr);

  // What was executed and answered since the last call.
  struct Done {
    Sequence sequence;
    wire::BatchPtr batch;
  };
  std::vector<Done> take_executed() { return std::exchange(done_, {}); }
  std::vector<wire::Reply> take_replies() { return std::exchange(replies_, {}); }

 private:
  void execute_update(Sequence sequence, BytesView signed_update);

  std::unique_ptr<StateMachine> service_;
  PageSet& pages_;
  ClientTable table_;
  Sequence executed_ = 0;
  std::uint64_t updates_ = 0;
  std::optional<std::pair<Sequence, crypto::Digest>> digest_;  // the last that was computed
  std::vector<Done> done_;
  std::vector<wire::Reply> replies_;
};

// Page keys of a server's whole state. Below kExecutionPage: the logical machine's own.
inline constexpr PageKey kExecutionPage = 0x3fffffff;
inline constexpr PageKey kTablePages = 0x40000000;
inline constexpr PageKey kServicePages = 0x80000000;

}  // namespace steward::replica
