// One seed, one run: the same in every build, and other seeds are other runs.
#include <gtest/gtest.h>

#include "sim/run.h"
#include "sim/testing/clusters.h"

namespace steward::sim {
namespace {

RunOptions with_seed(std::uint64_t seed) {
  RunOptions options;
  options.world.seed = seed;
  options.duration = 5s;
  return options;
}

TEST(Determinism, ASeedGivesOneTrace) {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    const auto first = run(test_cluster(3, 4), with_seed(seed));
    const auto second = run(test_cluster(3, 4), with_seed(seed));
    ASSERT_TRUE(first && second);
    EXPECT_TRUE(first->passed());
    EXPECT_EQ(first->trace_hash, second->trace_hash);
    EXPECT_EQ(first->events, second->events);
  }
}

TEST(Determinism, OtherSeedsGiveOtherTraces) {
  EXPECT_NE(run(test_cluster(3, 4), with_seed(1))->trace_hash,
            run(test_cluster(3, 4), with_seed(2))->trace_hash);
}

TEST(Determinism, RealSignaturesPassTheSameChecks) {
  RunOptions options = with_seed(1);
  options.world.crypto = Crypto::kReal;
  options.world.workload.users = 1;
  options.duration = 2s;
  const auto report = run(test_cluster(3, 4), options);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->violations, std::vector<std::string>{});
  EXPECT_GT(report->updates, 5U);
}

}  // namespace
}  // namespace steward::sim
