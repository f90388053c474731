#include "sim/run.h"

#include <gtest/gtest.h>

#include <sstream>

#include "common/check.h"
#include "sim/flat.h"
#include "sim/seeds.h"

namespace steward::sim {
namespace {

TEST(Summarize, TakesMedianAndTail) {
  std::vector<Duration> latencies;
  for (int i = 100; i >= 1; --i) latencies.push_back(Duration(i));
  const Latency latency = summarize(latencies);
  EXPECT_EQ(latency.count, 100U);
  EXPECT_EQ(latency.median, 50us);
  EXPECT_EQ(latency.p99, 99us);
  EXPECT_EQ(latency.max, 100us);
  EXPECT_EQ(summarize({}).count, 0U);
}

Sweep sweep_of(const std::string& flat, std::uint64_t first, std::uint64_t last) {
  Sweep sweep;
  sweep.compositions.push_back({"--flat " + flat, *flat_cluster(flat)});
  sweep.options.duration = 1s;
  sweep.options.load = 100ms;
  sweep.options.world.workload.think = 10ms;
  sweep.first = first;
  sweep.last = last;
  sweep.replay = [](const Composition& composition, std::uint64_t seed) {
    return "again " + composition.arguments + " " + std::to_string(seed);
  };
  return sweep;
}

TEST(RunSeeds, ClosesWithTheCounts) {
  Sweep sweep = sweep_of("pbft/4", 1, 3);
  sweep.compositions.push_back({"--flat paxos/3", *flat_cluster("paxos/3")});
  sweep.jobs = 2;
  std::ostringstream out;
  EXPECT_TRUE(run_seeds(sweep, out)) << out.str();
  EXPECT_TRUE(out.str().ends_with("\n6 passed, 0 failed\n")) << out.str();
}

TEST(RunSeeds, TellsHowToReplayWhatFailed) {
  Sweep sweep = sweep_of("paxos/3", 7, 7);
  sweep.options.settle = Duration(0);
  sweep.options.bound = Duration(0);  // nobody is answered in no time
  std::ostringstream out;
  EXPECT_FALSE(run_seeds(sweep, out));
  EXPECT_TRUE(out.str().starts_with("seed 7 failed: progress: a client has waited")) << out.str();
  EXPECT_NE(out.str().find("replay: again --flat paxos/3 7"), std::string::npos);
  EXPECT_NE(out.str().find("0 passed, 1 failed"), std::string::npos);
}

TEST(RunSeeds, ARunThatAbortsIsOneThatFails) {
  Sweep sweep = sweep_of("paxos/3", 1, 2);
  sweep.options.probe = [](World& world) { STEWARD_CHECK(world.now() < 500ms); };
  std::ostringstream out;
  EXPECT_FALSE(run_seeds(sweep, out));
  EXPECT_NE(out.str().find("seed 1 failed: abort: signal 6: steward: invariant violated: "
                           "world.now() < 500ms"),
            std::string::npos)
      << out.str();
  EXPECT_NE(out.str().find("0 passed, 2 failed"), std::string::npos);
}

}  // namespace
}  // namespace steward::sim
