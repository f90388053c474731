// A whole cluster in virtual time: machines, network, clients, checker. Deterministic in its
// options. One thread; does not move.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "sim/fault_plan.h"
#include "sim/site_clients.h"

namespace steward::sim {

struct WorldOptions {
  std::uint64_t seed = 1;
  Crypto crypto = Crypto::kIdeal;
  Workload workload;
  Costs costs;
  DiskModel disk;
};

class World {
 public:
  // Everything starts at virtual time 0; clients ask from start_clients on.
  static Result<std::unique_ptr<World>> make(const ClusterConfig& config,
                                             const WorldOptions& options);

  Duration now() const { return events_.now(); }
  void run_for(Duration duration) { events_.run_until(events_.now() + duration); }

  void start_clients();
  void stop_clients();  // what is under way goes on
  // Runs until no client waits and all servers that run have executed the same history, which is
  // compared; at most for `bound`. False, and a violation, when that was not enough.
  bool settle(Duration bound);

  void inject(const Fault& fault);
  void schedule(const std::vector<PlannedFault>& plan);
  void heal();  // restarts, reconnects and calms everything
  // From now on this server's answers to clients are wrong.
  void make_liar(ServerId server) { liars_.insert(server); }

  Machine& machine(ServerId server) { return *machines_.at(server); }
  SiteClients& clients(SiteId site) { return *clients_.at(site); }
  const std::map<ServerId, std::unique_ptr<Machine>>& machines() const { return machines_; }
  const std::vector<std::unique_ptr<SiteClients>>& all_clients() const { return clients_; }
  Network& network() { return network_; }
  const Network& network() const { return network_; }
  Checker& checker() { return checker_; }
  const Checker& checker() const { return checker_; }
  const EventQueue& events() const { return events_; }
  std::uint64_t trace_hash() const { return trace_.hash(); }
  std::size_t max_backlog() const { return max_backlog_; }  // of one machine, sampled
  std::uint64_t max_queued_events() const { return max_queued_events_; }

 private:
  World(const ClusterConfig& config, const WorldOptions& options, ClusterKeys keys);

  void deliver(ServerId from, ServerId to, const Frame& frame);
  void carry_to_server(SiteId site, ServerIndex to, const Frame& frame);
  void carry_to_client(ServerId from, const replica::ToClient& message);
  void start(ServerId server);
  void crash(ServerId server);
  void sample();
  bool settled();

  const ClusterConfig config_;
  const Costs costs_;
  const ClusterKeys keys_;
  const wire::Domain domain_;
  Random random_;
  EventQueue events_;
  Trace trace_;
  Checker checker_;
  Network network_;
  const Environment environment_;
  std::map<ServerId, std::unique_ptr<Machine>> machines_;
  std::vector<std::unique_ptr<SiteClients>> clients_;
  // The connection of its site's clients to each running server.
  std::map<ServerId, replica::ConnectionId> connections_;
  replica::ConnectionId next_connection_ = 1;
  std::set<ServerId> liars_;
  std::set<SiteId> cut_sites_;
  std::size_t max_backlog_ = 0;
  std::uint64_t max_queued_events_ = 0;
};

}  // namespace steward::sim
