#include "sim/run.h"

#include <gtest/gtest.h>

#include <sstream>

#include "sim/testing/clusters.h"

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

TEST(RunSeeds, ClosesWithTheCounts) {
  RunOptions options;
  options.duration = 1s;
  std::ostringstream out;
  EXPECT_TRUE(run_seeds(
      test_cluster(3, 1, LocalProtocol::kSingle), options, 1, 2,
      [](std::uint64_t) { return std::string(); }, out));
  EXPECT_EQ(out.str(), "2 passed, 0 failed\n");
}

TEST(RunSeeds, TellsHowToReplayWhatFailed) {
  RunOptions options;
  options.duration = 1s;
  options.settle = Duration(0);  // nothing comes to rest in no time
  std::ostringstream out;
  EXPECT_FALSE(run_seeds(
      test_cluster(3, 1, LocalProtocol::kSingle), options, 7, 7,
      [](std::uint64_t seed) { return "again " + std::to_string(seed); }, out));
  EXPECT_NE(out.str().find("seed 7 failed: liveness"), std::string::npos);
  EXPECT_NE(out.str().find("replay: again 7"), std::string::npos);
  EXPECT_NE(out.str().find("0 passed, 1 failed"), std::string::npos);
}

}  // namespace
}  // namespace steward::sim
