// The gateway in front of a single KvStore in the same process, for tests: once without sockets,
// once as a backend.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include "gateway/backend.h"
#include "gateway/connection.h"
#include "service/kv/kv_store.h"

namespace steward::test {

// A connection whose requests are answered at once.
class LocalConnection {
 public:
  explicit LocalConnection(kv::KvStore& store) : store_(store) {}

  // What comes back for `bytes`, and whether the connection is then to be closed.
  Bytes exchange(BytesView bytes) {
    Bytes replies;
    while (!bytes.empty() && connection_.wants_input()) {
      const std::size_t size = std::min<std::size_t>(bytes.size(), 64 << 10);
      connection_.receive(bytes.substr(0, size));
      bytes.remove_prefix(size);
      work(replies);
    }
    return replies;
  }
  bool closing() const { return connection_.closing(); }
  std::uint64_t updates() const { return updates_; }
  std::uint64_t queries() const { return queries_; }
  gateway::Shared& shared() { return shared_; }

 private:
  void work(Bytes& replies) {
    do {
      const auto request = connection_.advance();
      replies += std::exchange(connection_.output(), {});
      if (!request) continue;
      ++(request->update ? updates_ : queries_);
      connection_.complete(request->update ? store_.apply(request->payload)
                                           : store_.query(request->payload));
      answered_ = true;
    } while (std::exchange(answered_, false) || connection_.has_backlog());
  }

  kv::KvStore& store_;
  gateway::Shared shared_;
  gateway::Connection connection_{shared_, "test:1", "test:2"};
  std::uint64_t updates_ = 0;
  std::uint64_t queries_ = 0;
  bool answered_ = false;
};

class LocalBackend final : public gateway::Backend {
 public:
  explicit LocalBackend(boost::asio::io_context& context) : context_(context) {}

  void submit(Bytes payload, Callback done) override {
    answer({++sequence_, store_.apply(payload)}, std::move(done));
  }
  void query(Bytes payload, Sequence /*min_sequence*/, Callback done) override {
    answer({sequence_, store_.query(payload)}, std::move(done));
  }
  std::vector<std::pair<std::string, std::string>> facts() const override {
    return {{"sequence", std::to_string(sequence_)}};
  }

 private:
  void answer(gateway::Answer answer, Callback done) {
    boost::asio::post(context_, [answer = std::move(answer), done = std::move(done)]() mutable {
      done(std::move(answer));
    });
  }

  boost::asio::io_context& context_;
  kv::KvStore store_{kv::HashKey{}};
  Sequence sequence_ = 0;
};

}  // namespace steward::test
