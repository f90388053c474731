// How long a lone client waits: wide-area crossings plus little of our own time.
#include <gtest/gtest.h>

#include "sim/run.h"
#include "sim/testing/clusters.h"

namespace steward::sim {
namespace {

constexpr Duration kCrossing = 50ms;
constexpr Duration kOwnTime = 15ms;

// Median wait of one client of `site` that writes and has the cluster for itself.
Duration lone_client(const ClusterConfig& config, SiteId site) {
  WorldOptions options;
  options.workload.users = 1;
  options.workload.read_percent = 0;
  options.workload.think = 73ms;  // not in step with any timer
  auto world = *World::make(config, options);
  world->clients(site).start();
  world->run_for(20s);
  world->stop_clients();
  EXPECT_TRUE(world->settle(10s));
  EXPECT_EQ(world->checker().violations(), std::vector<std::string>{});
  const Latency latency = summarize(world->clients(site).update_latencies());
  EXPECT_GT(latency.count, 50U);
  for (const auto& [id, machine] : world->machines()) {
    if (id.server != 0 || machine->ordering().count == 0) continue;
    const auto mean = [](const Span& span) {
      return span.count == 0 ? 0 : to_ms(span.total) / static_cast<double>(span.count);
    };
    std::printf("  server %s: local ordering %.1f ms, site signature %.1f ms\n",
                to_string(id).c_str(), mean(machine->ordering()), mean(machine->signing()));
  }
  std::printf("  client of site %u waits %.1f ms\n", site, to_ms(latency.median));
  return latency.median;
}

TEST(Latency, InTheLeaderSiteTwoCrossings) {
  const Duration wait = lone_client(test_cluster(3, 4), 0);
  EXPECT_GE(wait, 2 * kCrossing);
  EXPECT_LE(wait, 2 * kCrossing + kOwnTime);
}

TEST(Latency, ElsewhereAtMostThreeCrossings) {
  const Duration wait = lone_client(test_cluster(3, 4), 1);
  EXPECT_GE(wait, 2 * kCrossing);
  EXPECT_LE(wait, 3 * kCrossing + kOwnTime);
}

TEST(Latency, FlatPaxosPaysTwoCrossingsAndHardlyAnythingElse) {
  const Duration wait = lone_client(test_cluster(3, 1, LocalProtocol::kSingle), 0);
  EXPECT_GE(wait, 2 * kCrossing);
  EXPECT_LE(wait, 2 * kCrossing + 5ms);
}

}  // namespace
}  // namespace steward::sim
