// No client is served much later than most: what the liveness phase of the simulator demands, and
// that it notices a leader whom nobody watches.
#include <gtest/gtest.h>

#include "sim/liveness.h"
#include "sim/testing/clusters.h"

namespace steward::sim {
namespace {

// The first leader of the leading site passes over the clients there. (Those of another site would
// be served all the same, late: their own site would order what they ask for.)
class Fairness : public testing::Test {
 protected:
  static constexpr Duration kFair = 3s;

  // The liveness phase by the rules of `kFair`, where servers suspect such a leader after `fair`.
  bool passes_with(Duration fair) {
    ClusterConfig config = test_cluster(3, 4);
    config.timeouts.fair = kFair;
    config.timeouts.link = 1s;
    config.timeouts.client_retry = 1s;
    // Whoever is not served at all is to be found unfair, not late.
    const Duration allowance = fairness_allowance(config);
    const Demand demand{5s, progress_bound(config, 0s) + allowance, allowance};
    config.timeouts.fair = fair;
    WorldOptions options;
    options.workload.users = 2;
    options.workload.think = 200ms;
    world_ = *World::make(config, options);
    world_->corrupt({{0, 0}}, censor_client(world_->clients(0).public_key()));
    world_->start_clients();
    return demand_progress(*world_, {}, demand).has_value();
  }
  const std::vector<std::string>& violations() const { return world_->checker().violations(); }

  std::unique_ptr<World> world_;
};

TEST_F(Fairness, IsKeptWhereServersReplaceALeaderThatPassesOverAClient) {
  EXPECT_TRUE(passes_with(kFair));
  EXPECT_EQ(violations(), std::vector<std::string>{});
  EXPECT_GT(world_->machine({0, 1}).server().status().local_view(), 0U);
}

TEST_F(Fairness, IsFoundViolatedWhereNobodyWatchesTheLeader) {
  EXPECT_FALSE(passes_with(3600s));
  ASSERT_EQ(violations().size(), 1U);
  EXPECT_EQ(violations()[0].substr(0, violations()[0].find(':')), "fairness");
  EXPECT_GT(world_->checker().updates_executed(), 100U) << "of the others";
}

}  // namespace
}  // namespace steward::sim
