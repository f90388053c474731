// What PBFT and Paxos both promise, over the sizes that are configured in practice.
#include <gtest/gtest.h>

#include "agreement/ordered_log.h"
#include "agreement/testing/cluster.h"

namespace steward::agreement {
namespace {

struct Setup {
  Protocol protocol;
  std::uint32_t peers;
  std::uint32_t faults;
};

std::string setup_name(const testing::TestParamInfo<Setup>& info) {
  return (info.param.protocol == Protocol::kPbft ? "Pbft" : "Paxos") +
         std::to_string(info.param.peers);
}

class CoreTest : public testing::TestWithParam<Setup> {
 protected:
  static ClusterOptions options(std::uint64_t seed) {
    ClusterOptions options;
    options.protocol = GetParam().protocol;
    options.peers = GetParam().peers;
    options.faults = GetParam().faults;
    options.seed = seed;
    return options;
  }

  // The large sizes take long, and a seed shows as much there.
  static std::uint64_t seeds() { return GetParam().peers <= 5 ? 200 : 40; }

  static ClusterOptions rough(std::uint64_t seed) {
    ClusterOptions rough = options(seed);
    rough.loss = 0.2;
    rough.duplication = 0.1;
    rough.max_delay = 20ms;
    return rough;
  }
};

class LaggingTest : public CoreTest {};  // sizes at which a peer can be missed

TEST_P(CoreTest, CommonCase) {
  Cluster cluster(options(1));
  cluster.set_target(200);
  ASSERT_TRUE(cluster.run_to_target(10s));
  for (PeerId peer = 0; peer < GetParam().peers; ++peer) {
    EXPECT_GE(cluster.core(peer).progress().committed, 200U);
    EXPECT_TRUE(cluster.core(peer).rejections().empty() ||
                cluster.core(peer).rejections().begin()->first == "stale");
  }
}

TEST_P(CoreTest, NothingIsSentAgainWhileWorkFlows) {
  Cluster cluster(options(1));
  cluster.set_target(100);
  ASSERT_TRUE(cluster.run_to_target(10s));
  const std::uint64_t n = GetParam().peers;
  // All-to-all for each phase and each checkpoint, and few statuses.
  EXPECT_LE(cluster.messages_sent(), 100 * (n - 1) * (2 * n + 1) + 14 * n * (n - 1) + 4 * n * n);
}

TEST_P(CoreTest, MemoryAndRecordsAreBounded) {
  Cluster cluster(options(2));
  const std::size_t slots = 2 * 8 + 2 * 4;  // the window and the tail
  for (Sequence target = 100; target <= 1000; target += 100) {
    cluster.set_target(target);
    ASSERT_TRUE(cluster.run_to_target(20s));
    for (PeerId peer = 0; peer < GetParam().peers; ++peer) {
      EXPECT_LE(cluster.core(peer).progress().slots, slots);
      EXPECT_LE(cluster.records(peer), 5 * slots + 4);
    }
  }
}

TEST_P(CoreTest, LossDuplicationAndReordering) {
  for (std::uint64_t seed = 1; seed <= seeds(); ++seed) {
    SCOPED_TRACE(seed);
    Cluster cluster(rough(seed));
    cluster.set_target(40);
    ASSERT_TRUE(cluster.run_to_target(60s));
    if (HasFailure()) return;
  }
}

TEST_P(CoreTest, CrashesAndRestarts) {
  for (std::uint64_t seed = 1; seed <= seeds(); ++seed) {
    SCOPED_TRACE(seed);
    ClusterOptions setup = rough(seed);
    setup.loss = seed % 2 == 0 ? 0.2 : 0;
    Cluster cluster(setup);
    cluster.set_target(60);
    for (int round = 0; round < 12; ++round) {
      // Any peers, the leader too: at most f, or now and then all at once.
      const bool all = round % 5 == 4;
      std::set<PeerId> down;
      while (down.size() < (all ? setup.peers : std::max(setup.faults, 1U))) {
        down.insert(static_cast<PeerId>(cluster.random()() % setup.peers));
      }
      cluster.run_for(Duration(cluster.random()() % 60'000));
      for (const PeerId peer : down) cluster.crash(peer);
      cluster.run_for(Duration(cluster.random()() % 60'000));
      for (const PeerId peer : down) cluster.restart(peer);
    }
    ASSERT_TRUE(cluster.run_to_target(60s));
    if (HasFailure()) return;
  }
}

TEST_P(LaggingTest, ALaggingPeerCatchesUpWithBatches) {
  Cluster cluster(options(3));
  const PeerId last = GetParam().peers - 1;
  cluster.cut(last, true);
  cluster.set_target(4);  // with the window behind it, below the first checkpoint
  cluster.run_for(1s);
  EXPECT_GE(cluster.executed(0), 4U);
  EXPECT_EQ(cluster.executed(last), 0U);
  cluster.cut(last, false);
  ASSERT_TRUE(cluster.run_to_target(5s));
  EXPECT_EQ(cluster.snapshots_installed(), 0U);
}

TEST_P(LaggingTest, ALaggingPeerCatchesUpWithASnapshot) {
  Cluster cluster(options(4));
  const PeerId last = GetParam().peers - 1;
  cluster.cut(last, true);
  cluster.set_target(300);
  cluster.run_for(5s);
  EXPECT_GE(cluster.executed(0), 300U);
  cluster.cut(last, false);
  ASSERT_TRUE(cluster.run_to_target(10s));
  EXPECT_GE(cluster.snapshots_installed(), 1U);
  // It takes full part again, and a restart finds what it installed.
  cluster.crash(last);
  cluster.restart(last);
  EXPECT_GE(cluster.executed(last), 288U);
  cluster.set_target(400);
  ASSERT_TRUE(cluster.run_to_target(10s));
}

TEST_P(LaggingTest, ALaggingPeerCatchesUpUnderLoad) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE(seed);
    Cluster cluster(rough(seed));
    const PeerId last = GetParam().peers - 1;
    cluster.cut(last, true);
    cluster.set_target(1'000'000);
    cluster.run_for(2s);
    cluster.cut(last, false);
    cluster.run_for(5s);
    cluster.set_target(cluster.executed(0));
    ASSERT_TRUE(cluster.run_to_target(20s));
    if (HasFailure()) return;
  }
}

// Inside a logical machine: no timers, links that lose nothing but are of very different speed,
// and a core may be replaced at any time by what was saved of it.
TEST_P(CoreTest, HostedWithoutTimers) {
  std::uint64_t beyond_the_window = 0;
  for (std::uint64_t seed = 1; seed <= seeds(); ++seed) {
    SCOPED_TRACE(seed);
    ClusterOptions setup = options(seed);
    setup.statuses = false;
    setup.max_delay = 100ms;
    setup.checkpoint_interval = 1 + static_cast<std::uint32_t>(seed % 3);
    Cluster cluster(setup);
    cluster.set_target(60);
    for (int round = 0; round < 10; ++round) {
      cluster.run_for(50ms);
      cluster.renew(static_cast<PeerId>(cluster.random()() % setup.peers));
    }
    ASSERT_TRUE(cluster.run_to_target(120s));
    for (PeerId peer = 0; peer < setup.peers; ++peer) {
      const auto& rejections = cluster.core(peer).rejections();
      if (rejections.contains("beyond the window")) ++beyond_the_window;
    }
    if (HasFailure()) return;
  }
  // The path that this is for was walked: some peers had to be asked again.
  EXPECT_EQ(beyond_the_window > 0, GetParam().faults > 0);
}

TEST_P(CoreTest, OneSeedIsOneRun) {
  const auto run = [] {
    Cluster cluster(rough(9));
    cluster.set_target(50);
    EXPECT_TRUE(cluster.run_to_target(60s));
    return std::pair(cluster.core(0).save(), cluster.messages_sent());
  };
  EXPECT_EQ(run(), run());
}

TEST_P(CoreTest, RestoreRefusesWhatItCannotRead) {
  Cluster cluster(options(5));
  cluster.set_target(20);
  ASSERT_TRUE(cluster.run_to_target(5s));
  const Bytes saved = cluster.core(0).save();
  const auto fresh = [&] { return open_core(GetParam().protocol, cluster.core_options(0), {}); };
  for (std::size_t size = 0; size < saved.size(); size += 7) {
    auto core = fresh();
    EXPECT_FALSE((*core)->restore(BytesView(saved).substr(0, size)));
  }
  EXPECT_FALSE((*fresh())->restore(saved + "x"));
  EXPECT_TRUE((*fresh())->restore(saved));
}

TEST_P(CoreTest, CorruptRecordsAreRefused) {
  const Options core_options = Cluster(options(6)).core_options(0);
  for (std::uint8_t kind = 0; kind <= 10; ++kind) {
    const Record record{kind <= 2 || kind == 8 ? 0U : 3U, kind, "\xff not a record"};
    const auto core = open_core(GetParam().protocol, core_options, std::vector{record});
    ASSERT_FALSE(core.ok());
    EXPECT_EQ(core.error().code, ErrorCode::kCorrupt);
  }
}

// Each can be read; together, or by this protocol, they cannot have been written.
TEST_P(CoreTest, RecordsThatContradictEachOtherAreRefused) {
  const Options core_options = Cluster(options(6)).core_options(0);
  const auto batch = wire::make_batch({"x"});
  wire::ProposedRecord proposed;
  proposed.set_view(1);
  proposed.set_digest(batch->digest.str());
  proposed.set_batch(batch->encoded);
  wire::CertificateRecord certificate;
  certificate.set_digest(batch->digest.str());
  const auto refused = [&](std::vector<Record> records) {
    const auto core = open_core(GetParam().protocol, core_options, records);
    return !core.ok() && core.error().code == ErrorCode::kCorrupt;
  };
  EXPECT_TRUE(refused({{1, kProposedRecord, proposed.SerializeAsString()}})) << "view 1 unrecorded";
  proposed.set_view(0);
  const Record sound{1, kProposedRecord, proposed.SerializeAsString()};
  EXPECT_FALSE(refused({sound}));
  EXPECT_TRUE(refused({sound, {1, kPreparedRecord, certificate.SerializeAsString()}}));
  EXPECT_EQ(refused({sound, {1, kCommittedRecord, certificate.SerializeAsString()}}),
            GetParam().protocol == Protocol::kPbft);
  certificate.set_view(3);
  for (std::uint32_t i = 0; i < core_options.quorums.quorum(); ++i) certificate.add_proofs("proof");
  EXPECT_TRUE(refused({sound, {1, kPreparedRecord, certificate.SerializeAsString()}}));
  wire::StableCheckpoint own;
  own.set_digest(batch->digest.str());
  EXPECT_TRUE(refused({{1, kCheckpointRecord, own.SerializeAsString()}}));
}

TEST_P(CoreTest, HostileMessagesAreCountedAndHarmless) {
  Cluster cluster(options(7));
  Core& core = cluster.core(0);
  const Sequence far = ~Sequence{0};
  const auto batch = wire::make_batch({"x"});
  std::vector<wire::AgreementMessage> bodies(10);
  for (const Sequence n : {Sequence{0}, Sequence{1}, far}) {
    const auto fill = [&](auto& body) {
      body.set_view(n);
      body.set_sequence(n);
      body.set_digest(n == 1 ? Bytes("short") : batch->digest.str());
    };
    fill(*bodies[0].mutable_pre_prepare());
    fill(*bodies[1].mutable_prepare());
    fill(*bodies[2].mutable_commit());
    fill(*bodies[3].mutable_proposal());
    fill(*bodies[4].mutable_accept());
    fill(*bodies[5].mutable_committed());
    bodies[6].mutable_checkpoint()->set_sequence(n);
    bodies[7].mutable_stable_checkpoint()->set_sequence(n);
    bodies[8].mutable_status()->set_committed(n);
    bodies[8].mutable_status()->set_stable(n);
    for (const wire::AgreementMessage& body : bodies) {
      for (const PeerId from : {PeerId{0}, GetParam().peers - 1, GetParam().peers, ~PeerId{0}}) {
        for (const wire::BatchPtr& attached : {batch, wire::BatchPtr()}) {
          Actions actions;
          core.step(TestVerifier::vouch({from, body, attached, {}}), actions);
          core.check_invariants();
        }
      }
    }
  }
  EXPECT_GT(core.rejections().at("malformed"), 0U);
  EXPECT_GT(core.rejections().at("not a peer"), 0U);
  EXPECT_GT(core.rejections().at("unexpected message"), 0U);
  EXPECT_LE(core.progress().slots, 1U);
  EXPECT_EQ(core.progress().committed, 0U);
}

constexpr Setup kAlone[] = {{Protocol::kPbft, 1, 0}, {Protocol::kPaxos, 1, 0}};
constexpr Setup kSeveral[] = {
    {Protocol::kPbft, 4, 1},  {Protocol::kPbft, 5, 1},  {Protocol::kPbft, 7, 2},
    {Protocol::kPbft, 10, 3}, {Protocol::kPaxos, 3, 1}, {Protocol::kPaxos, 4, 1},
    {Protocol::kPaxos, 5, 2}, {Protocol::kPaxos, 7, 3}, {Protocol::kPaxos, 10, 4},
};

INSTANTIATE_TEST_SUITE_P(Alone, CoreTest, testing::ValuesIn(kAlone), setup_name);
INSTANTIATE_TEST_SUITE_P(Several, CoreTest, testing::ValuesIn(kSeveral), setup_name);
INSTANTIATE_TEST_SUITE_P(Several, LaggingTest, testing::ValuesIn(kSeveral), setup_name);

}  // namespace
}  // namespace steward::agreement
