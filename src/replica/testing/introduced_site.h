// For tests: servers of a site as far as readmission goes, that hear one another and restart.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "replica/readmission.h"

namespace steward::replica {

inline constexpr Sequence kInterval = 8;  // between its checkpoints

// What each has on disk, and who hears whom.
class Site {
 public:
  Site(std::uint32_t peers, std::uint32_t faults, bool byzantine)
      : quorums_{peers, faults, byzantine}, servers_(peers) {}

  void start(ServerIndex server) {
    Server& one = servers_[server];
    one.run = std::make_unique<Readmission>(
        Readmission::Options{server, quorums_, ++nonce_, kInterval}, one.disk);
    Readmission::Actions actions;
    one.run->start(actions);
    perform(server, actions);
  }
  void start_all() {
    for (ServerIndex server = 0; server < quorums_.peers; ++server) start(server);
    run();
  }
  void stop(ServerIndex server) { servers_[server].run = nullptr; }
  void wipe(ServerIndex server) {
    stop(server);
    servers_[server].disk = {};
  }
  Readmission::Stored disk(ServerIndex server) const { return servers_[server].disk; }
  void put_disk(ServerIndex server, Readmission::Stored disk) {
    stop(server);
    servers_[server].disk = std::move(disk);
  }

  // Delivers until nothing is under way.
  void run() {
    while (step()) {
    }
  }
  // Delivers one message; false when there is none.
  bool step() {
    if (under_way_.empty()) return false;
    auto [from, to, message] = std::move(under_way_.front());
    under_way_.pop_front();
    Server& one = servers_[to];
    if (lie && message.has_hello() && liars.contains(to)) {
      wire::Introduction out;
      *out.mutable_answer() = lie(message.hello());
      under_way_.push_back({to, from, std::move(out)});
      return true;
    }
    if (!one.run || cut.contains({from, to}) || cut.contains({to, from})) return true;
    Readmission::Actions actions;
    const Bytes header = message.has_hello() && quorums_.byzantine ? "signed" : "";
    one.run->receive(from, {message, header}, one.standing, actions);
    perform(to, actions);
    return true;
  }
  void tick(ServerIndex server) {
    Readmission::Actions actions;
    servers_[server].run->on_timer(actions);
    perform(server, actions);
    run();
  }
  // `server` votes, and those that hear it take notice; some of it reaches their disks.
  void vote(ServerIndex server, const std::set<ServerIndex>& to) {
    EXPECT_TRUE(servers_[server].run->voting());
    save(server);
    for (const ServerIndex peer : to) {
      Readmission::Actions actions;
      EXPECT_TRUE(servers_[peer].run->heard(server, servers_[server].run->life(), actions));
      perform(peer, actions);
      save(peer);
    }
  }
  void stand(ServerIndex server, View view, Sequence stable) {
    servers_[server].standing = {view, view, false, stable};
    if (!servers_[server].run) return;
    Readmission::Actions actions;
    servers_[server].run->observe(servers_[server].standing, actions);
    perform(server, actions);
    run();
  }

  Readmission::State state(ServerIndex server) const { return servers_[server].run->state(); }
  const wire::OwnLife& own(ServerIndex server) const { return servers_[server].run->own_record(); }
  Readmission& at(ServerIndex server) { return *servers_[server].run; }
  std::uint64_t lost(ServerIndex server) const { return servers_[server].lost; }
  const std::map<ServerIndex, std::uint64_t>& reborn(ServerIndex server) const {
    return servers_[server].reborn;
  }
  std::uint32_t peers() const { return quorums_.peers; }
  std::uint32_t faults() const { return quorums_.faults; }

  std::set<std::pair<ServerIndex, ServerIndex>> cut;
  std::set<ServerIndex> liars;
  std::function<wire::HelloAnswer(const wire::Hello&)> lie;

 private:
  struct Server {
    Readmission::Stored disk;
    std::unique_ptr<Readmission> run;
    Readmission::Standing standing;
    std::uint64_t lost = 0;
    std::map<ServerIndex, std::uint64_t> reborn;
  };
  struct Message {
    ServerIndex from = 0;
    ServerIndex to = 0;
    wire::Introduction message;
  };

  void save(ServerIndex server) {
    Server& one = servers_[server];
    one.run->count_step();
    one.disk.own = one.run->own_record();
    one.disk.blank = false;
    for (const auto& [peer, life] : one.run->take_dirty()) one.disk.peers[peer] = life;
    one.disk.said = one.run->said();
  }
  void perform(ServerIndex server, const Readmission::Actions& actions) {
    if (actions.durable) save(server);
    servers_[server].lost += actions.memory_lost ? 1 : 0;
    for (const auto& [peer, birth] : actions.reborn) servers_[server].reborn[peer] = birth.since;
    for (const auto& [to, message] : actions.sends) under_way_.push_back({server, to, message});
  }

  const Quorums quorums_;
  std::vector<Server> servers_;
  std::deque<Message> under_way_;
  std::uint64_t nonce_ = 0;
};

}  // namespace steward::replica
