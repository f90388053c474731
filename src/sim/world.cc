#include "sim/world.h"

#include <algorithm>

#include "common/check.h"
#include "service/kv/kv_store.h"

namespace steward::sim {
namespace {

constexpr Duration kSampleInterval{1'000'000};
constexpr Duration kSettleStep{50'000};

// Adversaries draw apart from the world, so that one without is the same world otherwise.
constexpr std::uint64_t kAdversarySeed = 0xadce54a21eULL;

// Of the service's hash table; the same in every run.
constexpr kv::HashKey kHashKey{};

std::unique_ptr<StateMachine> new_state_machine() {
  return std::make_unique<kv::KvStore>(kHashKey);
}

}  // namespace

Result<std::unique_ptr<World>> World::make(const ClusterConfig& config,
                                           const WorldOptions& options) {
  auto keys = make_keys(config, options.crypto, options.seed);
  if (!keys) return keys.error();
  return std::unique_ptr<World>(new World(config, options, std::move(*keys)));
}

World::World(const ClusterConfig& config, const WorldOptions& options, ClusterKeys keys)
    : config_(config),
      costs_(options.costs),
      tell_(options.tell),
      keys_(std::move(keys)),
      domain_{keys_.directory->cluster_id().str(), config_.epoch},
      random_(options.seed),
      checker_(keys_.directory, domain_, new_state_machine()),
      network_(
          config_, events_, random_.fork(),
          [this](ServerId from, ServerId to, const Frame& f) { deliver(from, to, f); },
          [this](ServerId from, ServerId to, const Frame& f) {
            machine(to).receive_damaged(from, f);
          }),
      ambushes_(
          config_, events_, [this](const Fault& fault) { inject(fault); },
          [this](const std::string& what) {
            if (tell_) tell_(events_.now(), what);
          }),
      environment_{config_,  keys_,     domain_,           costs_, events_, trace_,
                   checker_, ambushes_, new_state_machine, {}},
      disk_(options.disk),
      adversary_random_(options.seed ^ kAdversarySeed) {
  if (tell_) {
    environment_.tell = [this](const std::string& who, const std::string& what) {
      tell_(events_.now(), who + " " + what);
    };
    checker_.on_violation(
        [this](const std::string& what) { tell_(events_.now(), "VIOLATION " + what); });
  }
  network_.lose([this](ServerId from, ServerId to, const Bytes& frame) {
    return ambushes_.withholds(from, to, frame);
  });
  for (SiteId site = 0; site < config_.sites.size(); ++site) {
    clients_.push_back(std::make_unique<SiteClients>(
        site, environment_, options.workload,
        [this, site](ServerIndex to, const Frame& frame) { carry_to_server(site, to, frame); }));
    for (ServerIndex index = 0; index < config_.sites[site].servers.size(); ++index) {
      const ServerId id{site, index};
      machines_[id] = std::make_unique<Machine>(
          id, environment_, options.disk, network_,
          [this](ServerId from, const replica::ToClient& m) { carry_to_client(from, m); });
    }
  }
  for (const auto& [id, machine] : machines_) start(id);
  events_.after(kSampleInterval, [this] { sample(); });
}

void World::start_clients() {
  for (const auto& clients : clients_) clients->start();
}

void World::stop_clients() {
  for (const auto& clients : clients_) clients->stop();
}

bool World::settle(Duration bound) {
  const Duration end = events_.now() + bound;
  while (!settled()) {
    if (events_.now() >= end) {
      checker_.violation("liveness: after " + std::to_string(bound.count() / 1'000'000) +
                         " s without faults clients still wait or servers still differ");
      return false;
    }
    run_for(kSettleStep);
  }
  for (const auto& [id, machine] : machines_) {
    if (!machine->running()) continue;
    replica::Server& server = machine->server();
    checker_.server_at(id, server.executed(), server.state_digest());
    checker_.server_status(id, server.status());
  }
  return true;
}

bool World::settled() {
  for (SiteId site = 0; site < clients_.size(); ++site) {
    if (!lying_sites_.contains(site) && !clients_[site]->idle()) return false;
  }
  return std::all_of(machines_.begin(), machines_.end(), [this](const auto& entry) {
    const auto& [id, machine] = entry;
    return !machine->running() || checker_.distrusts(id) ||
           machine->server().executed() == checker_.agreed();
  });
}

void World::start(ServerId server) {
  Machine& started = machine(server);
  if (started.running()) return;
  started.start();
  if (!started.running()) return;
  if (const auto twin = twins_.find(server); twin != twins_.end()) twin->second.machine->start();
  connections_[server] = next_connection_++;
  clients(server.site).connected(server.server);
}

void World::crash(ServerId server) {
  if (!machine(server).running()) return;
  machine(server).crash(random_);
  if (const auto twin = twins_.find(server); twin != twins_.end()) {
    twin->second.machine->crash(random_);
  }
  connections_.erase(server);
  clients(server.site).disconnected(server.server);
}

void World::distrust(ServerId server) {
  trace_.add(Trace::Event::kFault);
  checker_.distrust(server);
  std::uint32_t liars = 0;
  for (const auto& [id, machine] : machines_) {
    if (id.site == server.site && checker_.distrusts(id)) ++liars;
  }
  const SiteConfig& site = config_.sites[server.site];
  const bool bearable = site.protocol == LocalProtocol::kPbft && liars <= site.faults;
  STEWARD_CHECK(bearable || lying_sites_.contains(server.site));
}

void World::corrupt_site(SiteId site, StrategyPtr strategy) {
  lying_sites_.insert(site);
  STEWARD_CHECK(config_.wide == WideProtocol::kPbft && lying_sites_.size() <= config_.site_faults);
  std::vector<ServerId> servers;
  for (ServerIndex server = 0; server < config_.sites[site].servers.size(); ++server) {
    servers.push_back({site, server});
  }
  corrupt(servers, std::move(strategy));
  clients_[site]->are_deceived();
}

SiteSeal World::seal_of(SiteId site) const {
  SiteSeal seal{domain_, keys_.directory->sites[site].site, {}};
  for (const auto& [id, share] : keys_.shares) {
    if (id.site == site) seal.shares.push_back(share);
  }
  return seal;
}

void World::corrupt(const std::vector<ServerId>& servers, std::vector<StrategyPtr> strategies) {
  const auto adversary =
      std::make_shared<Adversary>(config_, adversary_random_.fork(), std::move(strategies));
  for (const ServerId server : servers) {
    distrust(server);
    machine(server).corrupt(adversary);
  }
}

void World::corrupt(const std::vector<ServerId>& servers, StrategyPtr strategy) {
  std::vector<StrategyPtr> strategies;
  strategies.push_back(std::move(strategy));
  corrupt(servers, std::move(strategies));
}

std::vector<std::string> World::corrupt_at_random() {
  std::vector<std::string> told;
  const auto corrupt_with = [&](const std::vector<ServerId>& servers) {
    auto strategies = draw_strategies(config_, *keys_.directory, adversary_random_);
    std::string line = "byzantine:";
    for (const ServerId server : servers) line += " " + to_string(server);
    for (const StrategyPtr& strategy : strategies) line += ", " + strategy->name();
    told.push_back(std::move(line));
    corrupt(servers, std::move(strategies));
  };
  const bool one_mind = adversary_random_.below(2) == 0;
  std::vector<ServerId> all;
  for (SiteId site = 0; site < config_.sites.size(); ++site) {
    const SiteConfig& each = config_.sites[site];
    if (each.protocol != LocalProtocol::kPbft || each.faults == 0) continue;
    const auto servers = static_cast<std::uint32_t>(each.servers.size());
    const auto first = static_cast<ServerIndex>(adversary_random_.below(servers));
    std::vector<ServerId> liars;
    const std::uint64_t some = 1 + adversary_random_.below(each.faults);
    for (std::uint64_t left = adversary_random_.below(4) == 0 ? 0 : some; left > 0; --left) {
      liars.push_back({site, static_cast<ServerIndex>((first + liars.size()) % servers)});
    }
    if (!liars.empty() && adversary_random_.below(6) == 0) {
      make_twins(liars.back(), adversary_random_.between(200ms, 5s));
      told.push_back("byzantine: twins of " + to_string(liars.back()));
      liars.pop_back();
    }
    if (liars.empty()) continue;
    if (one_mind) {
      all.insert(all.end(), liars.begin(), liars.end());
    } else {
      corrupt_with(liars);
    }
  }
  if (!all.empty()) corrupt_with(all);
  return told;
}

void World::make_twins(ServerId server, Duration interval) {
  distrust(server);
  Twin& twin = twins_[server];
  // Only the first is known to clients.
  twin.machine = std::make_unique<Machine>(server, environment_, disk_, network_,
                                           [](ServerId, const replica::ToClient&) {});
  const auto face = [&](bool second) {
    std::vector<StrategyPtr> strategies;
    strategies.push_back(make_face(twin.peers, second));
    return std::make_shared<Adversary>(config_, adversary_random_.fork(), std::move(strategies));
  };
  machine(server).corrupt(face(false));
  twin.machine->corrupt(face(true));
  draw_twin_sides(server, interval);
  if (machine(server).running()) twin.machine->start();
}

void World::draw_twin_sides(ServerId server, Duration interval) {
  std::set<ServerId>& second = *twins_.at(server).peers;
  second.clear();
  for (const auto& [id, machine] : machines_) {
    if (id != server && adversary_random_.below(2) == 0) second.insert(id);
  }
  events_.after(interval, [this, server, interval] { draw_twin_sides(server, interval); });
}

void World::deliver(ServerId from, ServerId to, const Frame& frame) {
  trace_.add(Trace::Event::kMessage);
  trace_.add(static_cast<std::uint64_t>(events_.now().count()));
  trace_.add((std::uint64_t{from.site} << 48) ^ (std::uint64_t{from.server} << 32) ^
             (std::uint64_t{to.site} << 16) ^ to.server);
  trace_.add(*frame);
  if (machine(to).running()) checker_.server_heard(from);
  const auto twin = twins_.find(to);
  const bool second = twin != twins_.end() && twin->second.peers->contains(from);
  (second ? *twin->second.machine : machine(to)).receive(from, frame);
}

void World::carry_to_server(SiteId site, ServerIndex to, const Frame& frame) {
  const ServerId server{site, to};
  const auto connection = connections_.find(server);
  if (connection == connections_.end()) return;
  events_.after(config_.topology.local.latency, [this, server, frame, id = connection->second] {
    const auto open = connections_.find(server);
    if (open == connections_.end() || open->second != id) return;
    trace_.add(Trace::Event::kClient);
    trace_.add(*frame);
    machine(server).receive_from_client(id, keys_.clients[server.site]->public_key(), frame);
  });
}

void World::carry_to_client(ServerId from, const replica::ToClient& message) {
  const auto connection = connections_.find(from);
  if (connection == connections_.end()) return;
  const bool meant = message.connection == 0
                         ? message.client == keys_.clients[from.site]->public_key()
                         : message.connection == connection->second;
  if (!meant) return;
  const auto carried = std::make_shared<const wire::ClientMessage>(message.message);
  events_.after(config_.topology.local.latency, [this, from, carried, id = connection->second] {
    const auto open = connections_.find(from);
    if (open == connections_.end() || open->second != id) return;
    clients(from.site).receive(from.server, *carried);
  });
}

void World::sample() {
  for (const auto& [id, machine] : machines_) {
    if (!machine->running()) continue;
    max_backlog_ = std::max(max_backlog_, machine->backlog());
    max_queued_events_ =
        std::max(max_queued_events_, std::uint64_t{machine->server().status().queued_events()});
    checker_.server_status(id, machine->server().status());
  }
  events_.after(kSampleInterval, [this] { sample(); });
}

}  // namespace steward::sim
