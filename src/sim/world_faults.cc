// How a world does to its machines and network what a fault plan says, and mends it.

#include <algorithm>

#include "sim/world.h"

namespace steward::sim {

void World::inject(const Fault& fault) {
  trace_.add(Trace::Event::kFault);
  if (tell_) tell_(events_.now(), "FAULT " + to_string(fault));
  std::visit([this](const auto& each) { apply(each); }, fault);
}

void World::schedule(const FaultPlan& plan) {
  for (const Episode& episode : plan.episodes) {
    events_.after(episode.from, [this, fault = episode.fault] { inject(fault); });
    const auto end = ended(episode.fault);
    if (!end || episode.kept) continue;
    events_.after(episode.until, [this, fault = *end] { inject(fault); });
  }
}

void World::apply(const CutSite& fault) {
  network_.cut_site(fault.site, fault.cut);
  if (fault.cut) {
    cut_sites_.insert(fault.site);
  } else {
    cut_sites_.erase(fault.site);
  }
}

void World::apply(const Backup& fault) {
  machine(fault.server).back_up();
  checker_.server_backed_up(fault.server);
}

void World::apply(const Wipe& fault) {
  hold(fault.server);
  machine(fault.server).wipe();
  checker_.server_lost_memory(fault.server);
  lost_.insert(fault.server);
}

void World::apply(const Rollback& fault) {
  hold(fault.server);
  machine(fault.server).restore();
  checker_.server_rolled_back(fault.server);
  lost_.insert(fault.server);
}

void World::apply(const FailDisk& fault) {
  const ServerId server = fault.server;
  if (fault.on) {
    machine(server).fail_disk([this, server] {
      if (tell_) tell_(events_.now(), "server " + to_string(server) + " stops: its disk failed");
      failed_.insert(server);
      hold(server);
    });
  } else {
    machine(server).mend_disk();
    if (failed_.erase(server) > 0) release(server);
  }
}

void World::apply(const LoseDisk& fault) {
  Machine& victim = machine(fault.server);
  hold(fault.server);
  std::set<ServerId> faulty = lost_of(fault.server.site);
  for (const auto& [id, machine] : machines_) {
    if (id.site == fault.server.site && checker_.distrusts(id)) faulty.insert(id);
  }
  faulty.insert(fault.server);
  if (faulty.size() > config_.sites[fault.server.site].faults) return;
  lost_.insert(fault.server);
  const Disk::Image before = victim.disk().image();
  const char* what = "";
  std::uint32_t* count = nullptr;
  switch (fault.how) {
    case LoseDisk::How::kWiped:
      victim.wipe();
      checker_.server_lost_memory(fault.server);
      what = "is empty";
      count = &lost_disks_.wiped;
      break;
    case LoseDisk::How::kDamaged:
      victim.damage(random_);
      checker_.server_lost_memory(fault.server);
      what = "is damaged";
      count = &lost_disks_.damaged;
      break;
    case LoseDisk::How::kRolledBack:
      victim.restore();
      checker_.server_rolled_back(fault.server);
      what = "holds what it held at the backup";
      count = &lost_disks_.rolled_back;
      break;
  }
  if (!victim.disk().damaged() && victim.disk().image() == before) return;
  ++*count;
  if (tell_) tell_(events_.now(), "the disk of server " + to_string(fault.server) + " " + what);
}

// Those who lost their memory and were not readmitted yet.
std::set<ServerId> World::lost_of(SiteId site) {
  std::erase_if(lost_, [this](ServerId id) {
    return machine(id).running() && machine(id).server().voting();
  });
  std::set<ServerId> lost;
  for (const ServerId& id : lost_) {
    if (id.site == site) lost.insert(id);
  }
  return lost;
}

std::set<ServerId> World::bearable(std::set<ServerId> outside) {
  for (SiteId site = 0; site < config_.sites.size(); ++site) {
    const SiteConfig& each = config_.sites[site];
    std::set<ServerId> ill = lost_of(site);
    std::size_t left_out = 0;
    std::vector<ServerId> spared;
    for (const ServerId& id : outside) {
      if (id.site != site) continue;
      ++left_out;
      if (ill.insert(id).second) spared.push_back(id);
    }
    if (left_out == each.servers.size()) continue;
    for (; ill.size() > each.faults && !spared.empty(); spared.pop_back()) {
      ill.erase(spared.back());
      outside.erase(spared.back());
    }
  }
  return outside;
}

void World::apply(const Block& fault) {
  for (const ServerId& from : fault.from) {
    for (const ServerId& to : fault.to) network_.block(from, to, fault.on);
  }
}

void World::pause(ServerId server, bool on) {
  std::uint32_t& times = paused_[server];
  if (!on && times == 0) return;
  times += on ? 1 : -1U;
  machine(server).pause(times > 0);
}

void World::hold(ServerId server) {
  ++down_[server];
  crash(server);
}

void World::release(ServerId server) {
  std::uint32_t& times = down_[server];
  if (times > 0) --times;
  if (times == 0) start(server);
}

void World::run_loop(const RestartLoop& how) {
  const auto running = loops_.find(how.server);
  if (running != loops_.end()) {
    events_.cancel(running->second.next);
    const bool down = running->second.down;
    loops_.erase(running);
    if (down) release(how.server);
  }
  if (!how.on) return;
  loops_[how.server].how = how;
  turn_loop(how.server);
}

void World::turn_loop(ServerId server) {
  Loop& loop = loops_.at(server);
  loop.down = !loop.down;
  // At least some time passes with each turn.
  const Duration next = std::max(loop.down ? loop.how.down : loop.how.up, Duration(1));
  loop.next = events_.after(next, [this, server] { turn_loop(server); });
  if (loop.down) {
    hold(server);
  } else {
    release(server);
  }
}

void World::heal_server(ServerId server) {
  run_loop({server, Duration(0), Duration(0), false});
  down_.erase(server);
  failed_.erase(server);
  paused_.erase(server);
  Machine& healed = machine(server);
  healed.pause(false);
  healed.slow_cpu(1);
  healed.slow_disk(1);
  healed.mend_disk();
  healed.set_clock(100);
  start(server);
}

void World::heal() {
  trace_.add(Trace::Event::kFault);
  if (tell_) tell_(events_.now(), "FAULT everything is healed");
  ambushes_.lift_all();
  network_.heal();
  cut_sites_.clear();
  for (const auto& [id, machine] : machines_) heal_server(id);
}

void World::heal_all_but(const std::set<ServerId>& outside) {
  trace_.add(Trace::Event::kFault);
  ambushes_.lift_all();
  std::set<ServerId> core;
  for (const auto& [id, machine] : machines_) {
    if (!outside.contains(id)) core.insert(id);
  }
  if (tell_) {
    std::string left;
    for (const ServerId& each : outside) left += " " + to_string(each);
    tell_(events_.now(), "FAULT healed are all" + (left.empty() ? left : " but" + left));
  }
  network_.spare(core);
  for (const ServerId& server : core) {
    if (cut_sites_.contains(server.site)) apply(CutSite{server.site, false});
    heal_server(server);
  }
}

}  // namespace steward::sim
