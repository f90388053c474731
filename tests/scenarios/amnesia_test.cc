// Servers that forget: wiped disks, old backups. They know it, do not vote, and come back.
#include <gtest/gtest.h>

#include <set>

#include "sim/run.h"
#include "sim/testing/clusters.h"

namespace steward::sim {
namespace {

class Amnesia : public testing::Test {
 protected:
  void make(ClusterConfig config, std::uint32_t users = 2) {
    config.ordering.checkpoint_interval = 16;
    WorldOptions options;
    options.workload.users = users;
    world_ = *World::make(config, options);
    world_->start_clients();
  }

  // The clients have asked for a little, and ask no more.
  void make_idle(const ClusterConfig& config) {
    make(config);
    world_->run_for(2s);
    world_->stop_clients();
    ASSERT_TRUE(world_->settle(60s));
  }

  std::uint64_t updates() const { return world_->checker().updates_executed(); }
  replica::Server& server(ServerId id) { return world_->machine(id).server(); }
  bool voting(ServerId id) { return server(id).voting(); }

  // Whether it votes within so long, and how long that took.
  bool votes_within(ServerId id, Duration limit) {
    const Duration end = world_->now() + limit;
    while (!voting(id) && world_->now() < end) world_->run_for(10ms);
    return voting(id);
  }

  std::uint64_t counter(ServerId id, const std::string& name) {
    const wire::StatusReply status = server(id).status();
    for (const wire::Counter& one : status.counters()) {
      if (one.name() == name) return one.value();
    }
    return 0;
  }
  bool forgot(ServerId id) {
    return counter(id, "server.readmission: this server has forgotten what it promised") > 0;
  }

  void finish() {
    world_->stop_clients();
    EXPECT_TRUE(world_->settle(60s));
    EXPECT_EQ(world_->checker().violations(), std::vector<std::string>{});
    EXPECT_GT(world_->checker().digests_compared(), 0U);
  }

  // `forgetful` comes back; then it is needed, since another is gone for good.
  void comes_back_and_is_needed(ServerId forgetful, ServerId gone) {
    world_->inject(Restart{forgetful});
    for (int i = 0; i < 1000 && !forgot(forgetful); ++i) world_->run_for(1ms);
    ASSERT_TRUE(forgot(forgetful));
    EXPECT_FALSE(voting(forgetful));
    EXPECT_NE(server(forgetful).status().silent(), "");
    ASSERT_TRUE(votes_within(forgetful, 120s));
    world_->inject(Crash{gone});
    world_->run_for(5s);
    const std::uint64_t before = updates();
    world_->run_for(2s);
    EXPECT_GT(updates(), before + 10) << "without its vote there is no quorum";
    finish();
  }

  std::unique_ptr<World> world_;
};

TEST_F(Amnesia, AWipedServerOfAPbftSiteIsReadmittedUnderLoad) {
  make(test_cluster(3, 4));
  world_->run_for(3s);
  world_->inject(Wipe{{0, 3}});
  world_->run_for(2s);
  comes_back_and_is_needed({0, 3}, {0, 2});
}

TEST_F(Amnesia, AWipedServerOfAPaxosSiteIsReadmittedUnderLoad) {
  make(test_cluster(3, 3, LocalProtocol::kPaxos));
  world_->run_for(3s);
  world_->inject(Wipe{{0, 2}});
  world_->run_for(2s);
  comes_back_and_is_needed({0, 2}, {0, 1});
}

TEST_F(Amnesia, AWipedLeaderIsReplacedAndReadmitted) {
  make(test_cluster(3, 4));
  world_->run_for(3s);
  world_->inject(Wipe{{0, 0}});
  world_->run_for(100ms);
  comes_back_and_is_needed({0, 0}, {0, 3});
}

TEST_F(Amnesia, AServerWhoseDataIsDamagedIsReadmittedUnderLoad) {
  make(test_cluster(3, 4));
  world_->run_for(3s);
  world_->inject(LoseDisk{{0, 3}, LoseDisk::How::kDamaged});
  world_->run_for(2s);
  comes_back_and_is_needed({0, 3}, {0, 2});
}

TEST_F(Amnesia, AServerWithAnOldBackupKnowsIt) {
  make(test_cluster(3, 4));
  world_->run_for(2s);
  world_->inject(Backup{{0, 3}});
  world_->run_for(5s);
  world_->inject(Rollback{{0, 3}});
  comes_back_and_is_needed({0, 3}, {0, 2});
}

TEST_F(Amnesia, AServerWithAnOldBackupOfAPaxosSiteKnowsIt) {
  make(test_cluster(3, 3, LocalProtocol::kPaxos));
  world_->run_for(2s);
  world_->inject(Backup{{0, 2}});
  world_->run_for(5s);
  world_->inject(Rollback{{0, 2}});
  comes_back_and_is_needed({0, 2}, {0, 1});
}

TEST_F(Amnesia, ABackupFromBeforeAReadmissionIsOldToo) {
  make(test_cluster(3, 4));
  world_->run_for(2s);
  world_->inject(Wipe{{0, 3}});
  world_->inject(Restart{{0, 3}});
  world_->run_for(500ms);
  world_->inject(Backup{{0, 3}});
  ASSERT_TRUE(votes_within({0, 3}, 120s));
  world_->run_for(2s);
  world_->inject(Rollback{{0, 3}});
  comes_back_and_is_needed({0, 3}, {0, 2});
}

TEST_F(Amnesia, CrashesWhileItLearnsDoNotMakeItForgetThatItForgot) {
  make(test_cluster(3, 4));
  world_->run_for(3s);
  world_->inject(Wipe{{0, 3}});
  world_->inject(Restart{{0, 3}});
  for (int crashes = 0; crashes < 5; ++crashes) {
    world_->run_for(150ms);
    EXPECT_FALSE(voting({0, 3}));
    world_->inject(Crash{{0, 3}});
    world_->run_for(50ms);
    world_->inject(Restart{{0, 3}});
  }
  EXPECT_FALSE(voting({0, 3}));
  ASSERT_TRUE(votes_within({0, 3}, 120s));
  finish();
}

TEST_F(Amnesia, ARestartWithAnIntactDiskTakesOneRoundTrip) {
  make(test_cluster(3, 4));
  world_->run_for(3s);
  for (ServerIndex one = 0; one < 4; ++one) {
    world_->inject(Crash{{0, one}});
    world_->run_for(500ms);
    world_->inject(Restart{{0, one}});
    EXPECT_FALSE(voting({0, one}));
    EXPECT_TRUE(votes_within({0, one}, 50ms));
    EXPECT_FALSE(forgot({0, one}));
  }
  finish();
}

TEST_F(Amnesia, ANewClusterAndOneThatRestartsAsAWholeComeUp) {
  for (const LocalProtocol local : {LocalProtocol::kPbft, LocalProtocol::kPaxos}) {
    make(test_cluster(3, local == LocalProtocol::kPbft ? 4 : 3, local));
    world_->run_for(1s);
    for (int round = 0; round < 3; ++round) {
      for (const auto& [id, machine] : world_->machines()) EXPECT_TRUE(voting(id));
      for (const auto& [id, machine] : world_->machines()) world_->inject(Crash{id});
      world_->run_for(100ms);
      for (const auto& [id, machine] : world_->machines()) world_->inject(Restart{id});
      world_->run_for(2s);
    }
    for (const auto& [id, machine] : world_->machines()) EXPECT_FALSE(forgot(id));
    const std::uint64_t before = updates();
    world_->run_for(4s);
    EXPECT_GT(updates(), before + 20);
    finish();
  }
}

// Server 1 knows nothing of what 0 and 2 have ordered. If 2, wiped, voted as a new server, it would
// order something else with 1.
TEST_F(Amnesia, AWipedAcceptorAndOneThatWasAwayOrderNothing) {
  make(test_cluster(1, 3, LocalProtocol::kPaxos));
  world_->run_for(1s);
  world_->inject(Crash{{0, 1}});
  world_->run_for(2s);
  world_->inject(Crash{{0, 0}});
  world_->inject(Wipe{{0, 2}});
  world_->inject(Restart{{0, 1}});
  world_->inject(Restart{{0, 2}});
  const std::uint64_t before = updates();
  world_->run_for(20s);
  EXPECT_EQ(updates(), before);
  EXPECT_FALSE(voting({0, 2}));
  world_->inject(Restart{{0, 0}});
  ASSERT_TRUE(votes_within({0, 2}, 120s));
  EXPECT_GT(updates(), before + 10);
  finish();
}

// --- nobody asks for anything

class IdleAmnesia : public Amnesia {
 protected:
  // Of empty batches 64 are needed here at most, one each 10 ms and the time that it takes; before
  // them come a snapshot, and a second or two until the servers' statuses have been heard.
  static constexpr Duration kReadmitted{6'000'000};
  // Empty batches in a second for one that asks again and again: one each sixteenth of view_change.
  static constexpr Sequence kSlowPace = 8;

  std::uint64_t wide_bytes() const {
    std::uint64_t sum = 0;
    for (const auto& [link, bytes] : world_->network().wide_bytes()) sum += bytes;
    return sum;
  }
  Sequence committed(ServerId id) { return server(id).status().local_committed(); }

  void wipe_and_come_back(ServerId forgetful) {
    world_->inject(Wipe{forgetful});
    world_->run_for(500ms);
    world_->inject(Restart{forgetful});
    ASSERT_TRUE(votes_within(forgetful, kReadmitted));
    EXPECT_TRUE(forgot(forgetful));
  }

  void readmitted_and_needed(const ClusterConfig& config, ServerId forgetful, ServerId gone) {
    make_idle(config);
    const std::uint64_t before = updates();
    wipe_and_come_back(forgetful);
    EXPECT_EQ(updates(), before);
    world_->inject(Crash{gone});
    world_->start_clients();
    world_->run_for(10s);
    EXPECT_GT(updates(), before + 20) << "without its vote there is no quorum";
    finish();
  }
};

TEST_F(IdleAmnesia, AServerOfAPbftSiteIsReadmitted) {
  readmitted_and_needed(test_cluster(3, 4), {0, 3}, {0, 2});
}

TEST_F(IdleAmnesia, AServerOfAPaxosSiteIsReadmitted) {
  readmitted_and_needed(test_cluster(3, 3, LocalProtocol::kPaxos), {0, 2}, {0, 1});
}

TEST_F(IdleAmnesia, AServerOfAFlatClusterIsReadmittedBeforeItsFirstCheckpoint) {
  make(test_cluster(1, 4));
  world_->stop_clients();
  ASSERT_TRUE(world_->settle(60s));
  wipe_and_come_back({0, 3});
  finish();
}

TEST_F(IdleAmnesia, TheLeaderIsReadmitted) {
  readmitted_and_needed(test_cluster(3, 4), {0, 0}, {0, 2});
}

TEST_F(IdleAmnesia, EmptyBatchesStayWithinTheirSiteAndEnd) {
  make_idle(test_cluster(3, 4));
  world_->run_for(10s);  // acknowledgements have been given
  const std::uint64_t bytes = wide_bytes();
  const Sequence before = committed({1, 0});
  wipe_and_come_back({1, 3});
  const Sequence reached = committed({1, 0});
  EXPECT_GE(reached, before + 48);
  world_->run_for(10s);
  EXPECT_EQ(committed({1, 0}), reached);
  EXPECT_EQ(wide_bytes(), bytes);
  for (ServerIndex one = 0; one < 4; ++one) {
    EXPECT_EQ(server({1, one}).status().local_view(), 0U) << "no leader was at fault";
  }
  finish();
}

TEST_F(IdleAmnesia, ALeaderThatDoesNotBringTheSiteOnIsReplaced) {
  make_idle(test_cluster(1, 7));
  world_->corrupt({{0, 0}}, silent_leader());
  world_->inject(Wipe{{0, 6}});
  world_->run_for(500ms);
  world_->inject(Restart{{0, 6}});
  ASSERT_TRUE(votes_within({0, 6}, kReadmitted + world_->config().timeouts.view_change));
  EXPECT_EQ(server({0, 1}).status().local_view(), 1U);
  finish();
}

// Whether or not the leader hears of it from the liar.
TEST_F(IdleAmnesia, AServerThatWaitsForEverGetsLittleAndReplacesNobody) {
  for (const bool leader_too : {true, false}) {
    make_idle(test_cluster(1, 4));
    world_->corrupt({{0, 3}}, wait_for_ever(leader_too));
    world_->run_for(30s);
    const Sequence before = committed({0, 1});
    EXPECT_GT(before, 64U) << "or nothing was tried";
    world_->run_for(60s);
    EXPECT_LE(committed({0, 1}), before + 60 * kSlowPace) << leader_too;
    EXPECT_EQ(server({0, 1}).status().local_view(), 0U);
    finish();
  }
}

// As seeds draw it: every way to lose a disk does take effect, at most f of a site at a time; those
// that forgot know it, and are readmitted.
class DrawnLosses : public testing::TestWithParam<LocalProtocol> {};

TEST_P(DrawnLosses, TakeEffectInEveryWay) {
  LostDisks lost;
  std::size_t forgot = 0;
  std::size_t readmitted = 0;
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    ClusterConfig config = test_cluster(1, GetParam() == LocalProtocol::kPbft ? 4 : 3, GetParam());
    config.ordering.checkpoint_interval = 8;
    RunOptions options;
    options.world.seed = seed;
    options.world.workload.think = 100ms;
    options.load = 2s;
    options.faults = kNoFaults;
    options.faults.lost_disks = true;  // in half of the seeds
    std::set<ServerId> silent;
    options.probe = [&](World& world) {
      for (const auto& [id, machine] : world.machines()) {
        if (!machine->running()) continue;
        const std::string why = machine->server().status().silent();
        if (why.find("forgotten") != std::string::npos && silent.insert(id).second) ++forgot;
        if (why.empty() && silent.erase(id) > 0) ++readmitted;
      }
      EXPECT_LE(silent.size(), 1U);
    };
    const auto report = run(config, options);
    ASSERT_TRUE(report.ok());
    EXPECT_EQ(report->violations, std::vector<std::string>{}) << "seed " << seed;
    lost.wiped += report->lost_disks.wiped;
    lost.damaged += report->lost_disks.damaged;
    lost.rolled_back += report->lost_disks.rolled_back;
  }
  EXPECT_GE(lost.wiped, 1U);
  EXPECT_GE(lost.damaged, 1U);
  EXPECT_GE(lost.rolled_back, 1U);
  EXPECT_GE(forgot, lost.wiped);  // an old copy may be of no consequence
  EXPECT_GE(readmitted, 1U);
}

INSTANTIATE_TEST_SUITE_P(Amnesia, DrawnLosses,
                         testing::Values(LocalProtocol::kPbft, LocalProtocol::kPaxos),
                         [](const auto& shape) {
                           return shape.param == LocalProtocol::kPbft ? "Pbft" : "Paxos";
                         });

// Again and again another one of each site, with messages lost and late.
TEST_F(Amnesia, OneAfterTheOtherForgets) {
  for (std::uint64_t seed = 1; seed <= 2; ++seed) {
    make(test_cluster(3, 4));
    world_->inject(SetNetwork{{.loss_ppm = 20'000, .duplicate_ppm = 20'000, .jitter = 5ms}});
    world_->run_for(2s);
    for (ServerIndex one = 0; one < 4; ++one) {
      for (SiteId site = 0; site < 3; ++site) world_->inject(Backup{{site, (one + site) % 4U}});
      world_->run_for(1s);
      for (SiteId site = 0; site < 3; ++site) {
        const ServerId id{site, (one + site) % 4U};
        if ((one + seed) % 2 == 0) {
          world_->inject(Wipe{id});
        } else {
          world_->inject(Rollback{id});
        }
      }
      world_->run_for(1s);
      for (SiteId site = 0; site < 3; ++site) world_->inject(Restart{{site, (one + site) % 4U}});
      for (SiteId site = 0; site < 3; ++site) {
        EXPECT_TRUE(votes_within({site, (one + site) % 4U}, 200s)) << "site " << site;
      }
    }
    world_->heal();
    finish();
  }
}

}  // namespace
}  // namespace steward::sim
