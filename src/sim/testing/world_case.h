// For scenarios: a simulated cluster under load, and whether work goes on in it.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "sim/testing/clusters.h"
#include "sim/world.h"

namespace steward::sim {

class WorldCase : public testing::Test {
 protected:
  void make(ClusterConfig config, std::uint32_t users = 8, Duration think = 20ms) {
    config_ = std::move(config);
    WorldOptions options;
    options.workload.users = users;
    options.workload.think = think;
    world_ = *World::make(config_, options);
    world_->start_clients();
  }

  std::uint64_t updates() const { return world_->checker().updates_executed(); }
  replica::Server& server(ServerId id) { return world_->machine(id).server(); }
  wire::StatusReply status(ServerId id) { return server(id).status(); }

  // After at most `bound` in which nothing is asked for, at least `least` more in 5 seconds.
  void expect_live(Duration bound, std::uint64_t least) {
    world_->run_for(bound);
    const std::uint64_t before = updates();
    world_->run_for(5s);
    EXPECT_GE(updates(), before + least) << where_they_are();
  }

  std::string where_they_are() {
    std::string out;
    for (const auto& [id, machine] : world_->machines()) {
      if (!machine->running()) continue;
      const wire::StatusReply one = status(id);
      out += to_string(id) + ": view " + std::to_string(one.local_view()) +
             (one.local_changing() ? " (changing)" : "") + ", committed " +
             std::to_string(one.local_committed()) + ", stable " +
             std::to_string(one.local_stable()) + ", executed " + std::to_string(one.sequence()) +
             ", waiting " + std::to_string(one.queued_events()) + "\n";
      for (const wire::Counter& counter : one.counters()) {
        out += "    " + counter.name() + " " + std::to_string(counter.value()) + "\n";
      }
    }
    return out;
  }

  ClusterConfig config_;
  std::unique_ptr<World> world_;
};

}  // namespace steward::sim
