// A whole cluster in virtual time: machines, network, clients, checker. Deterministic in its
// options. One thread; does not move.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "sim/ambush.h"
#include "sim/attacks.h"
#include "sim/fault_plan.h"
#include "sim/site_clients.h"

namespace steward::sim {

struct WorldOptions {
  std::uint64_t seed = 1;
  Crypto crypto = Crypto::kIdeal;
  Workload workload;
  Costs costs;
  DiskModel disk;
  // What happens, for people to read, as it happens.
  std::function<void(Duration at, const std::string& what)> tell;
};

// Disks that held something, and hold nothing, something damaged or something older since.
struct LostDisks {
  std::uint32_t wiped = 0;
  std::uint32_t damaged = 0;
  std::uint32_t rolled_back = 0;
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

  // A server that crashed twice comes back with its second Restart.
  void inject(const Fault& fault);
  void schedule(const FaultPlan& plan);
  void heal();  // restarts, reconnects and calms everything
  // The same for all servers but these, among those healed. Whole sites outside stay cut.
  void heal_all_but(const std::set<ServerId>& outside);
  // Without those of them that have to be well while others of their site have lost their memory
  // and are not readmitted: not more than f of a site are left, but where it is all of it.
  std::set<ServerId> bearable(std::set<ServerId> outside);
  // From now on these servers are Byzantine and of one mind: at most f of a site in a run.
  void corrupt(const std::vector<ServerId>& servers, std::vector<StrategyPtr> strategies);
  void corrupt(const std::vector<ServerId>& servers, StrategyPtr strategy);
  // All servers of a site, of at most F in a run, under wide pbft. Its clients may be told
  // anything.
  void corrupt_site(SiteId site, StrategyPtr strategy);
  SiteSeal seal_of(SiteId site) const;
  // From now on there are two of this server, the second with an empty disk; each peer talks to
  // one of them, and whom to is drawn anew after each `interval`. The server counts as Byzantine.
  void make_twins(ServerId server, Duration interval);

  // Up to f servers of each site with pbft, with attacks drawn from the seed. Says which and how.
  std::vector<std::string> corrupt_at_random();

  Machine& machine(ServerId server) { return *machines_.at(server); }
  SiteClients& clients(SiteId site) { return *clients_.at(site); }
  const std::map<ServerId, std::unique_ptr<Machine>>& machines() const { return machines_; }
  const std::vector<std::unique_ptr<SiteClients>>& all_clients() const { return clients_; }
  Network& network() { return network_; }
  const Network& network() const { return network_; }
  Checker& checker() { return checker_; }
  const Checker& checker() const { return checker_; }
  const ClusterConfig& config() const { return config_; }
  const EventQueue& events() const { return events_; }
  std::uint64_t trace_hash() const { return trace_.hash(); }
  std::size_t max_backlog() const { return max_backlog_; }  // of one machine, sampled
  const LostDisks& lost_disks() const { return lost_disks_; }
  std::uint64_t max_queued_events() const { return max_queued_events_; }

 private:
  World(const ClusterConfig& config, const WorldOptions& options, ClusterKeys keys);

  void deliver(ServerId from, ServerId to, const Frame& frame);
  void carry_to_server(SiteId site, ServerIndex to, const Frame& frame);
  void carry_to_client(ServerId from, const replica::ToClient& message);
  void start(ServerId server);
  void crash(ServerId server);
  void distrust(ServerId server);
  void draw_twin_sides(ServerId server, Duration interval);
  void sample();
  bool settled();

  struct Loop {
    RestartLoop how;
    bool down = false;
    EventQueue::EventId next;
  };
  void run_loop(const RestartLoop& loop);
  void turn_loop(ServerId server);
  void hold(ServerId server);     // down …
  void release(ServerId server);  // … until released as often
  void heal_server(ServerId server);
  void pause(ServerId server, bool on);
  void apply(const SetNetwork& fault) { network_.set_faults(fault.faults); }
  void apply(const Crash& fault) { hold(fault.server); }
  void apply(const Restart& fault) { release(fault.server); }
  void apply(const RestartLoop& fault) { run_loop(fault); }
  void apply(const Pause& fault) { pause(fault.server, fault.on); }
  void apply(const SlowCpu& fault) { machine(fault.server).slow_cpu(fault.times); }
  void apply(const SlowDisk& fault) { machine(fault.server).slow_disk(fault.times); }
  void apply(const SlowLinks& fault) { network_.slow_links(fault.server, fault.times); }
  void apply(const SetClock& fault) { machine(fault.server).set_clock(fault.percent); }
  void apply(const JumpClock& fault) { machine(fault.server).jump_clock(fault.by); }
  void apply(const Backup& fault);
  void apply(const Wipe& fault);
  void apply(const Rollback& fault);
  void apply(const FailDisk& fault);
  void apply(const LoseDisk& fault);
  std::set<ServerId> lost_of(SiteId site);
  void apply(const Ambush& fault) { ambushes_.lay(fault); }
  void apply(const CutSite& fault);
  void apply(const Block& fault);

  const ClusterConfig config_;
  const Costs costs_;
  const std::function<void(Duration at, const std::string& what)> tell_;
  const ClusterKeys keys_;
  const wire::Domain domain_;
  Random random_;
  EventQueue events_;
  Trace trace_;
  Checker checker_;
  Network network_;
  Ambushes ambushes_;
  Environment environment_;
  std::map<ServerId, std::unique_ptr<Machine>> machines_;
  std::vector<std::unique_ptr<SiteClients>> clients_;
  // The connection of its site's clients to each running server.
  std::map<ServerId, replica::ConnectionId> connections_;
  replica::ConnectionId next_connection_ = 1;
  // The second of each pair of twins, and the peers that talk to it.
  struct Twin {
    std::unique_ptr<Machine> machine;
    std::shared_ptr<std::set<ServerId>> peers = std::make_shared<std::set<ServerId>>();
  };
  std::map<ServerId, Twin> twins_;
  DiskModel disk_;
  Random adversary_random_;
  std::set<SiteId> lying_sites_;
  std::set<SiteId> cut_sites_;
  std::map<ServerId, std::uint32_t> down_;    // crashed how often
  std::map<ServerId, std::uint32_t> paused_;  // how often
  std::set<ServerId> failed_;                 // stopped, since their disks failed
  std::set<ServerId> lost_;                   // lost their memory, and maybe readmitted since
  std::map<ServerId, Loop> loops_;
  LostDisks lost_disks_;
  std::size_t max_backlog_ = 0;
  std::uint64_t max_queued_events_ = 0;
};

}  // namespace steward::sim
