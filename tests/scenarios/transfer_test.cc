// A server that was away for long takes its state from the others of its site, under load.
#include <gtest/gtest.h>

#include "sim/testing/clusters.h"
#include "sim/world.h"

namespace steward::sim {
namespace {

constexpr ServerId kAway{0, 3};
constexpr ServerId kLiar{0, 1};
constexpr ServerId kSilent{0, 2};

// One site of four. Some thousand users write a page each and have a page of sessions; a transfer
// of all of it takes seconds from one donor.
class Transfer : public testing::Test {
 protected:
  // The state grows while server 3 is down, over many checkpoints; then it comes back.
  void make_and_miss() {
    ClusterConfig config = test_cluster(1, 4);
    config.ordering.checkpoint_interval = 32;
    config.ordering.transfer_rate_bits_per_s = 16'000'000;
    WorldOptions options;
    options.workload.users = 3000;
    options.workload.think = 30s;
    options.workload.spread = 30s;
    options.workload.payload_bytes = 1500;
    options.workload.read_percent = 0;
    world_ = *World::make(config, options);
    world_->run_for(1s);
    world_->inject(Crash{kAway});
    world_->start_clients();
    world_->run_for(32s);
    EXPECT_GT(status({0, 0}).local_stable(), 20U * 32U);
  }

  wire::StatusReply status(ServerId server) { return world_->machine(server).server().status(); }
  wire::TransferStatus transfer() { return status(kAway).transfer(); }

  std::uint64_t counted(ServerId server, const std::string& name) {
    const wire::StatusReply now = status(server);
    for (const wire::Counter& counter : now.counters()) {
      if (counter.name() == name) return counter.value();
    }
    return 0;
  }

  // Until `condition`, at most for `bound`.
  template <class Condition>
  bool wait(Duration bound, Condition condition) {
    for (const Duration end = world_->now() + bound; world_->now() < end;) {
      if (condition()) return true;
      world_->run_for(10ms);
    }
    return condition();
  }

  bool level() {
    return world_->machine(kAway).server().executed() + 16 > world_->checker().agreed() &&
           transfer().sequence() == 0;
  }

  void finish() {
    world_->heal();
    world_->stop_clients();
    EXPECT_TRUE(world_->settle(120s));
    EXPECT_EQ(world_->checker().violations(), std::vector<std::string>{});
    EXPECT_GT(world_->checker().digests_compared(), 0U);
  }

  std::unique_ptr<World> world_;
};

// One of the three lies, one is not heard, and the server crashes in the middle: it goes on where
// it was, catches up under load, and does not fetch again what it had.
TEST_F(Transfer, GoesOnAfterACrashInSpiteOfALiarAndASilentServer) {
  make_and_miss();
  world_->corrupt({kLiar}, lie_in_transfer());
  world_->inject(Block{{kSilent}, {kAway}, true});
  world_->inject(Restart{kAway});
  ASSERT_TRUE(wait(60s, [this] {
    const wire::TransferStatus now = transfer();
    return now.all_known() && now.pages() > 2000 && now.missing() < now.pages() / 3;
  }));
  const wire::TransferStatus before = transfer();
  EXPECT_GT(counted(kAway, "server.transfer: a source lies"), 0U);
  world_->run_for(150ms);  // unsynced writes reach the disk
  world_->inject(Crash{kAway});
  world_->run_for(200ms);
  world_->inject(Restart{kAway});

  ASSERT_TRUE(wait(20s, [this] { return transfer().all_known(); }));
  const wire::TransferStatus after = transfer();
  EXPECT_GT(after.pages(), 2000U);
  EXPECT_LT(after.missing(), after.pages() / 2);
  EXPECT_LT(after.fetched_bytes(), before.fetched_bytes() / 2);
  EXPECT_TRUE(wait(30s, [this] { return level(); }));
  EXPECT_LT(transfer().fetched_bytes(), before.fetched_bytes());
  finish();
}

TEST_F(Transfer, AWipedServerBecomesLevelUnderLoad) {
  make_and_miss();
  world_->inject(Wipe{kAway});
  world_->inject(Restart{kAway});
  world_->inject(Restart{kAway});  // it crashed twice
  EXPECT_TRUE(wait(60s, [this] { return level(); }));
  // All three gave, no one more than its rate allows.
  for (const ServerId donor : {ServerId{0, 0}, kLiar, kSilent}) {
    EXPECT_GT(status(donor).transfer().given_bytes(), 500'000U);
  }
  finish();
}

// Between an installation and the end of its moves each crash leaves what a server starts from.
TEST_F(Transfer, ACrashAtAnyTimeAfterTheInstallationLeavesTheSnapshot) {
  make_and_miss();
  world_->inject(Restart{kAway});
  const Sequence first = status({0, 0}).sequence();
  ASSERT_TRUE(wait(60s, [&] { return status(kAway).sequence() >= first; }));
  for (int crash = 0; crash < 8; ++crash) {
    world_->run_for(11ms);
    world_->inject(Crash{kAway});
    world_->run_for(5ms);
    world_->inject(Restart{kAway});
    EXPECT_GE(status(kAway).sequence(), first) << "crash " << crash;
  }
  EXPECT_TRUE(wait(30s, [this] { return level(); }));
  finish();
}

}  // namespace
}  // namespace steward::sim
