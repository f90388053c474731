// How long clients wait when a leader is lost: the time-out of view changes, and little more, also
// where a single server knows of the only work there is.
#include <gtest/gtest.h>

#include "sim/testing/clusters.h"
#include "sim/world.h"

namespace steward::sim {
namespace {

constexpr Duration kBeyondTimeout = 300ms;
constexpr Duration kStep = 10ms;

class Failover : public testing::TestWithParam<std::uint32_t> {
 protected:
  void SetUp() override {
    WorldOptions options;
    options.workload.users = GetParam();
    options.workload.read_percent = 0;
    options.workload.think = 20ms;
    world_ = *World::make(config_, options);
    world_->start_clients();
  }

  ServerId leader() const {
    View view = 0;
    for (const auto& [id, machine] : world_->machines()) {
      if (machine->running()) {
        view = std::max(view, View{machine->server().status().local_view()});
      }
    }
    return {0, static_cast<ServerIndex>(view % 4)};
  }

  // The longest time in which nothing is executed, within the next 5 s.
  Duration longest_pause() {
    Duration longest{0};
    Duration pause{0};
    std::uint64_t before = world_->checker().updates_executed();
    for (Duration passed{0}; passed < 5s; passed += kStep) {
      world_->run_for(kStep);
      const std::uint64_t now = world_->checker().updates_executed();
      pause = now == before ? pause + kStep : Duration{0};
      longest = std::max(longest, pause);
      before = now;
    }
    return longest;
  }

  const ClusterConfig config_ = test_cluster(1, 4);
  std::unique_ptr<World> world_;
};

TEST_P(Failover, TakesTheTimeOutAndLittleMore) {
  for (int round = 0; round < 5; ++round) {
    // Not always at the same moment of an update's walk.
    world_->run_for(3s + round * 1ms);
    const ServerId down = leader();
    world_->inject(Crash{down});
    EXPECT_LE(longest_pause(), config_.timeouts.view_change + kBeyondTimeout) << "round " << round;
    EXPECT_NE(leader(), down);
    world_->inject(Restart{down});
  }
  world_->stop_clients();
  EXPECT_TRUE(world_->settle(60s));
  EXPECT_EQ(world_->checker().violations(), std::vector<std::string>{});
}

INSTANTIATE_TEST_SUITE_P(Users, Failover, testing::Values(1, 2, 8));

}  // namespace
}  // namespace steward::sim
