// The cluster under as much load as it takes: cost on the wide-area links, and bounded memory.
#include <gtest/gtest.h>

#include <cstdlib>

#include "sim/run.h"
#include "sim/testing/clusters.h"

namespace steward::sim {
namespace {

RunOptions full_load(Duration duration) {
  RunOptions options;
  options.duration = duration;
  options.faults = kNoFaults;
  options.world.workload.users = 300;
  options.world.workload.read_percent = 5;
  return options;
}

TEST(Load, AnUpdateOf200BytesCostsAtMost400BytesOnEachLink) {
  const auto report = run(test_cluster(3, 4), full_load(5s));
  ASSERT_TRUE(report);
  EXPECT_EQ(report->violations, std::vector<std::string>{});
  EXPECT_GT(report->updates, 5000U);
  ASSERT_EQ(report->links.size(), 6U);
  for (const LinkReport& link : report->links) {
    EXPECT_LE(link.bytes_per_update, 400) << "from site " << link.from << " to " << link.to;
  }
}

// Half a simulated minute by default; STEWARD_LONG_TESTS=1 makes it the ten minutes of a release.
TEST(Load, MemoryStaysBounded) {
  const bool full = std::getenv("STEWARD_LONG_TESTS") != nullptr;
  auto world = *World::make(test_cluster(3, 4), full_load(0s).world);
  world->start_clients();
  world->run_for(10s);
  const auto held = [&world] {
    std::size_t bytes = 0;
    for (const auto& [id, machine] : world->machines()) bytes += machine->disk_bytes();
    return bytes;
  };
  const std::size_t early = held();
  const std::size_t early_backlog = world->max_backlog();
  world->run_for(full ? 590s : 20s);
  // Logs are cut at checkpoints: twice what it was after ten seconds, not thrice after thirty.
  EXPECT_LE(held(), 2 * early);
  EXPECT_LE(world->max_backlog(), 4 * early_backlog + 1000);
  EXPECT_LE(world->max_queued_events(), 3U * 300U);
  world->stop_clients();
  EXPECT_TRUE(world->settle(30s));
  EXPECT_EQ(world->checker().violations(), std::vector<std::string>{});
}

}  // namespace
}  // namespace steward::sim
