// No client is served much later than most: what the liveness phase of the simulator demands, and
// that it would notice a leader whom nobody watches.
#include <gtest/gtest.h>

#include "sim/liveness.h"
#include "sim/run.h"
#include "sim/testing/clusters.h"

namespace steward::sim {
namespace {

// How long clients wait at most where the leader of the leading site passes over those of site 1,
// and servers replace it after `fair`.
class Fairness : public testing::Test {
 protected:
  static constexpr Duration kFair{3'000'000};
  std::optional<Duration> wait_with(Duration fair) {
    ClusterConfig config = test_cluster(3, 4);
    config.timeouts.fair = kFair;
    config.timeouts.link = 1s;
    config.timeouts.client_retry = 1s;
    Demand demand{5s, progress_bound(config, 5s), fairness_allowance(config)};
    demand.bound += demand.allowance;  // fairness is what is asked for here
    config.timeouts.fair = fair;
    WorldOptions options;
    options.workload.users = 2;
    options.workload.think = 200ms;
    world_ = *World::make(config, options);
    world_->start_clients();
    world_->run_for(2s);
    world_->corrupt({{0, 0}}, censor_client(world_->clients(1).public_key()));
    world_->run_for(3s);
    return demand_progress(*world_, {}, demand);
  }
  const std::vector<std::string>& violations() const { return world_->checker().violations(); }

  std::unique_ptr<World> world_;
};

TEST_F(Fairness, ALeaderThatPassesOverAClientIsReplacedInTime) {
  EXPECT_TRUE(wait_with(kFair).has_value());
  EXPECT_EQ(violations(), std::vector<std::string>{});
}

TEST_F(Fairness, IsViolatedWhereNobodyWatchesTheLeader) {
  EXPECT_FALSE(wait_with(3600s).has_value());
  ASSERT_EQ(violations().size(), 1U);
  EXPECT_EQ(violations()[0].substr(0, violations()[0].find(':')), "fairness");
}

// The derivation is in docs/protocols.md.
TEST_F(Fairness, TheBoundsFollowFromTheTimeouts) {
  ClusterConfig config = test_cluster(1, 4);
  const Duration after_long = progress_bound(config, 3600s);
  EXPECT_LT(progress_bound(config, 0s), progress_bound(config, 10s));
  EXPECT_LT(progress_bound(config, 10s), after_long);
  EXPECT_EQ(progress_bound(config, 86400s), after_long) << "time-outs have a cap";
  EXPECT_LT(fairness_allowance(config), progress_bound(config, 0s));
  config.timeouts.view_change *= 2;
  EXPECT_GT(progress_bound(config, 10s), progress_bound(test_cluster(1, 4), 10s));
}

}  // namespace
}  // namespace steward::sim
