#include "sim/shorten.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "sim/flat.h"

namespace steward::sim {
namespace {

RunOptions long_run() {
  RunOptions options;
  options.duration = 20s;
  options.world.workload.users = 8;
  return options;
}

// One server crashed while another is paused.
bool both(const FaultPlan& plan) {
  const auto holds = [&plan](auto is) {
    return std::any_of(plan.episodes.begin(), plan.episodes.end(),
                       [&](const Episode& each) { return is(each.fault); });
  };
  return holds([](const Fault& fault) { return std::holds_alternative<Crash>(fault); }) &&
         holds([](const Fault& fault) { return std::holds_alternative<Pause>(fault); });
}

FaultPlan plan_with_both() {
  FaultPlan plan;
  for (int i = 0; i < 30; ++i) {
    const Duration at = 1s * i / 2;
    plan.episodes.push_back({at, at + 1s, false, SlowCpu{{0, 1}, 4}});
    if (i == 11) plan.episodes.push_back({at, at + 1s, false, Crash{{0, 2}}});
    if (i == 17) plan.episodes.push_back({at, at + 1s, false, Pause{{0, 3}}});
  }
  return plan;
}

TEST(Shorten, LeavesWhatIsNeeded) {
  std::size_t runs = 0;
  const Attempt attempt = [&runs](const RunOptions& options, const FaultPlan& plan) {
    ++runs;
    Outcome outcome;
    if (both(plan) && options.world.workload.users >= 2) {
      outcome.violations.push_back("this: of so many faults " +
                                   std::to_string(plan.episodes.size()));
    } else if (plan.episodes.empty()) {
      outcome.violations.push_back("other: than what is looked for");
    }
    return outcome;
  };
  const Shortest shortest = shorten(long_run(), plan_with_both(), "this", attempt);
  ASSERT_EQ(shortest.plan.episodes.size(), 2U);
  EXPECT_TRUE(both(shortest.plan));
  EXPECT_LT(shortest.options.duration, 200ms);
  EXPECT_EQ(shortest.options.world.workload.users, 2U);
  EXPECT_EQ(shortest.tried, runs);
}

TEST(Shorten, TriesNoMoreThanAllowed) {
  const Attempt attempt = [](const RunOptions&, const FaultPlan&) {
    Outcome outcome;
    outcome.violations.push_back("this: always");
    return outcome;
  };
  EXPECT_EQ(shorten(long_run(), plan_with_both(), "this", attempt, 5).tried, 5U);
}

// A planted bug: servers 0.1 and 0.2 must never be down at the same time.
void planted(World& world) {
  if (world.machine({0, 1}).running() || world.machine({0, 2}).running()) return;
  world.checker().violation("planted: 0.1 and 0.2 are down");
}

TEST(Shorten, FindsTheFaultsBehindAPlantedViolation) {
  const ClusterConfig config = *flat_cluster("pbft/4");
  RunOptions options = long_run();
  options.duration = 10s;
  options.load = 100ms;
  options.world.workload.think = 200ms;
  options.probe = planted;
  const Attempt attempt = [&config](const RunOptions& how, const FaultPlan& plan) {
    return run_apart(config, how, plan, false);
  };
  // The first seed whose faults lead to it.
  FaultPlan plan;
  Outcome outcome;
  for (options.world.seed = 1; outcome.passed() && options.world.seed < 40;) {
    ++options.world.seed;
    plan = plan_of(config, options);
    outcome = attempt(options, plan);
  }
  ASSERT_EQ(outcome.kind(), "planted");
  const Shortest shortest = shorten(options, plan, "planted", attempt);
  EXPECT_EQ(shortest.plan.episodes.size(), 2U);
  EXPECT_EQ(shortest.options.world.workload.users, 1U);
  const Outcome last = run_apart(config, shortest.options, shortest.plan, true);
  ASSERT_FALSE(last.told.empty());
  EXPECT_NE(last.told.back().find("VIOLATION planted: 0.1 and 0.2 are down"), std::string::npos);
  const auto told = [&last](const std::string& what) {
    return std::any_of(last.told.begin(), last.told.end(), [&what](const std::string& line) {
      return line.find(what) != std::string::npos;
    });
  };
  EXPECT_TRUE(told("FAULT"));
  EXPECT_EQ(last.violations, run_apart(config, shortest.options, shortest.plan, true).violations);
}

}  // namespace
}  // namespace steward::sim
