// For tests: the servers of one site, whole, each on a store in memory. Messages arrive at once and
// in order, jobs are done at once, time passes when the test says so. Deterministic.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "replica/server.h"
#include "replica/testing/memory_store.h"
#include "replica/verifier.h"
#include "site/testing/sites.h"

namespace steward::replica::testing {

class RunningSite {
 public:
  explicit RunningSite(ClusterConfig config)
      : config_(std::move(config)), keys_(site::testing::make_keys(config_)) {
    for (ServerIndex server = 0; server < servers(); ++server) {
      nodes_.push_back(std::make_unique<Node>(config_, keys_.directory, ServerId{0, server}));
    }
  }

  std::uint32_t servers() const {
    return static_cast<std::uint32_t>(config_.sites[0].servers.size());
  }
  Server& at(ServerIndex server) { return *nodes_[server]->server; }
  const std::map<Bytes, Bytes>& disk(ServerIndex server) const {
    return nodes_[server]->store.pairs;
  }
  const site::testing::Keys& keys() const { return keys_; }

  void start(ServerIndex server) {
    Server::Options options;
    options.config = config_;
    options.self = {0, server};
    options.keys = keys_.directory;
    options.share = keys_.shares[0][server];
    options.state_machine = std::make_unique<Notebook>();
    options.nonce = ++runs_;
    auto opened = Server::open(std::move(options), nodes_[server]->store);
    ASSERT_TRUE(opened.ok());
    nodes_[server]->server = std::move(*opened);
    perform(server, nodes_[server]->server->start());
  }
  void start_all() {
    for (ServerIndex server = 0; server < servers(); ++server) start(server);
    run();
  }
  void stop(ServerIndex server) {
    nodes_[server]->server = nullptr;
    nodes_[server]->timers.clear();
  }

  // A message in the name of `from`, to one server.
  void say(ServerIndex from, ServerIndex to, Outgoing message) {
    under_way_.push_back({{0, from}, to, frame(from, message)});
  }
  void ask(ServerIndex server, std::uint64_t timestamp) {
    wire::ClientMessage message;
    ASSERT_TRUE(message.mutable_update()->ParseFromString(
        site::testing::signed_update(keys_, *keys_.client, 1, timestamp, "x")));
    Work work;
    auto checked = nodes_[server]->verifier.from_client(keys_.client->public_key(),
                                                        message.SerializeAsString(), work);
    ASSERT_TRUE(checked.ok()) << checked.error().message;
    step(server, FromClient{1, std::move(*checked)});
  }

  // Until nothing is under way.
  void run() {
    while (!under_way_.empty()) {
      const auto [from, to, bytes] = std::move(under_way_.front());
      under_way_.pop_front();
      Node& node = *nodes_[to];
      if (!node.server) continue;
      Work work;
      auto message = from.server == to ? node.verifier.from_self(bytes)
                                       : node.verifier.from_server(from, bytes, work);
      ASSERT_TRUE(message.ok()) << message.error().message;
      step(to, FromServer{from, std::move(*message)});
    }
  }
  void pass(Duration duration) {
    const Duration end = now_ + duration;
    while (true) {
      std::pair<Duration, std::pair<ServerIndex, TimerId>> next{end, {servers(), 0}};
      for (ServerIndex server = 0; server < servers(); ++server) {
        for (const auto& [timer, at] : nodes_[server]->timers) {
          next = std::min(next, {at, {server, timer}});
        }
      }
      const auto& [server, timer] = next.second;
      now_ = next.first;
      if (server == servers()) return;
      nodes_[server]->timers.erase(timer);
      step(server, TimerFired{timer});
      run();
    }
  }

  // Sees each output before it is carried out.
  std::function<void(ServerIndex, const Output&)> watch;

 private:
  struct Node {
    Node(const ClusterConfig& config, std::shared_ptr<const crypto::KeyDirectory> keys,
         ServerId self)
        : verifier(config, std::move(keys), self) {}
    MemoryStore store;
    Verifier verifier;
    std::unique_ptr<Server> server;
    std::map<TimerId, Duration> timers;
  };
  struct UnderWay {
    ServerId from;
    ServerIndex to = 0;
    Bytes frame;
  };

  Bytes frame(ServerIndex from, const Outgoing& message) const {
    return make_frame(message, keys_.domain, {0, from}, *keys_.servers.at({0, from}));
  }
  void step(ServerIndex server, Input input) {
    perform(server, nodes_[server]->server->step(std::move(input)));
  }
  void perform(ServerIndex server, Output output) {
    if (watch) watch(server, output);
    Node& node = *nodes_[server];
    EXPECT_TRUE(node.store.write(output.write, output.sync).ok());
    for (const Outgoing& outgoing : output.sends) {
      const Bytes bytes = frame(server, outgoing);
      for (const ServerId to : outgoing.to) {
        under_way_.push_back({{0, server}, to.server, bytes});
      }
      if (outgoing.to_self) under_way_.push_back({{0, server}, server, bytes});
    }
    for (const TimerChange& change : output.timers) {
      node.timers.erase(change.timer);
      if (change.after) node.timers[change.timer] = now_ + *change.after;
    }
    for (const site::SigningJob& job : output.jobs) {
      step(server, SigningDone{site::run_signing_job(job, Bytes(32, 'e'))});
    }
  }

  const ClusterConfig config_;
  const site::testing::Keys keys_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::deque<UnderWay> under_way_;
  std::uint64_t runs_ = 0;
  Duration now_{0};
};

}  // namespace steward::replica::testing
