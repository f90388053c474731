// Seeds that mix all kinds of faults, over all compositions. A sample: CONTRIBUTING.md has the
// command for many.
#include <gtest/gtest.h>

#include <sstream>

#include "sim/flat.h"
#include "sim/seeds.h"
#include "sim/testing/clusters.h"

namespace steward::sim {
namespace {

void seeds(const std::string& name, const ClusterConfig& config, std::uint64_t last) {
  Sweep sweep;
  sweep.compositions.push_back({name, config});
  sweep.options.vary_load = true;
  sweep.last = last;
  sweep.replay = [](const Composition& composition, std::uint64_t seed) {
    return "seed " + std::to_string(seed) + " of " + composition.arguments;
  };
  std::ostringstream out;
  EXPECT_TRUE(run_seeds(sweep, out)) << out.str();
}

void flat_seeds(const std::string& name, std::uint64_t last) {
  seeds("--flat " + name, *flat_cluster(name), last);
}

TEST(Swarm, FlatPbftOf4) { flat_seeds("pbft/4", 20); }
TEST(Swarm, FlatPbftOf7) { flat_seeds("pbft/7", 10); }
TEST(Swarm, FlatPbftOf10) { flat_seeds("pbft/10", 5); }
TEST(Swarm, FlatPaxosOf3) { flat_seeds("paxos/3", 20); }
TEST(Swarm, FlatPaxosOf5) { flat_seeds("paxos/5", 10); }

TEST(Swarm, PaxosOverPbft) { seeds("3 sites of 4", test_cluster(3, 4), 10); }
TEST(Swarm, PaxosOverPaxos) {
  seeds("3 sites of 3", test_cluster(3, 3, LocalProtocol::kPaxos), 10);
}
TEST(Swarm, PbftOverPbft) {
  seeds("4 sites of 4", test_cluster(4, 4, LocalProtocol::kPbft, WideProtocol::kPbft), 5);
}
TEST(Swarm, PaxosOverSingle) {
  seeds("3 sites of 1", test_cluster(3, 1, LocalProtocol::kSingle), 20);
}
TEST(Swarm, PbftOverSingle) {
  seeds("4 sites of 1", test_cluster(4, 1, LocalProtocol::kSingle, WideProtocol::kPbft), 20);
}

}  // namespace
}  // namespace steward::sim
