#include "agreement/pbft.h"

#include <gtest/gtest.h>

#include "agreement/testing/cluster.h"
#include "agreement/testing/driver.h"

namespace steward::agreement {
namespace {

Options four(PeerId self) {
  Options options;
  options.self = self;
  options.quorums = {4, 1, true};
  options.checkpoint_interval = 8;
  return options;
}

template <class Body>
void fill(Body* body, Sequence n, const wire::BatchPtr& batch, View view = 0) {
  body->set_view(view);
  body->set_sequence(n);
  body->set_digest(batch->digest.str());
}

wire::AgreementMessage pre_prepare(Sequence n, const wire::BatchPtr& batch, View view = 0) {
  wire::AgreementMessage body;
  fill(body.mutable_pre_prepare(), n, batch, view);
  return body;
}
wire::AgreementMessage prepare(Sequence n, const wire::BatchPtr& batch) {
  wire::AgreementMessage body;
  fill(body.mutable_prepare(), n, batch);
  return body;
}
wire::AgreementMessage commit(Sequence n, const wire::BatchPtr& batch) {
  wire::AgreementMessage body;
  fill(body.mutable_commit(), n, batch);
  return body;
}
wire::AgreementMessage checkpoint(Sequence n, const crypto::Digest& digest) {
  wire::AgreementMessage body;
  body.mutable_checkpoint()->set_sequence(n);
  body.mutable_checkpoint()->set_digest(digest.str());
  return body;
}

const wire::BatchPtr kA = wire::make_batch({"a"});
const wire::BatchPtr kB = wire::make_batch({"b"});

// Commits one batch at a backup by what the other three send.
void commit_at(Driver& peer, Sequence n, const wire::BatchPtr& batch) {
  peer.receive(0, pre_prepare(n, batch), batch);
  peer.receive(2, prepare(n, batch));
  peer.receive(3, prepare(n, batch));
  for (const PeerId from : {0U, 2U, 3U}) peer.receive(from, commit(n, batch));
  ASSERT_EQ(peer.core().progress().committed, n);
}

TEST(Pbft, EachVoteFollowsItsRecord) {
  Driver peer(Protocol::kPbft, four(1));
  Actions actions = peer.receive(0, pre_prepare(1, kA), kA);
  ASSERT_EQ(actions.appends.size(), 1U);
  EXPECT_EQ(actions.appends[0].record.kind, kProposedRecord);
  EXPECT_FALSE(actions.appends[0].lazy);
  wire::ProposedRecord proposed;
  ASSERT_TRUE(proposed.ParseFromString(actions.appends[0].record.data));
  EXPECT_EQ(proposed.proof(), Driver::header(0, pre_prepare(1, kA)));
  EXPECT_EQ(proposed.batch(), kA->encoded);
  ASSERT_EQ(actions.sends.size(), 1U);
  EXPECT_TRUE(actions.sends[0].body.has_prepare() && actions.sends[0].promise);

  EXPECT_TRUE(peer.loop_back(actions.sends[0]).sends.empty());
  actions = peer.receive(2, prepare(1, kA));
  ASSERT_EQ(actions.appends.size(), 1U);
  EXPECT_EQ(actions.appends[0].record.kind, kPreparedRecord);
  EXPECT_FALSE(actions.appends[0].lazy);
  wire::CertificateRecord prepared;
  ASSERT_TRUE(prepared.ParseFromString(actions.appends[0].record.data));
  ASSERT_EQ(prepared.proofs_size(), 3);
  EXPECT_EQ(prepared.proofs(0), Driver::header(0, pre_prepare(1, kA)));
  EXPECT_EQ(prepared.proofs(1), Driver::header(1, prepare(1, kA)));
  EXPECT_EQ(prepared.proofs(2), Driver::header(2, prepare(1, kA)));
  ASSERT_EQ(actions.sends.size(), 1U);
  EXPECT_TRUE(actions.sends[0].body.has_commit() && actions.sends[0].promise);

  peer.loop_back(actions.sends[0]);
  EXPECT_TRUE(peer.receive(0, commit(1, kA)).commits.empty());
  actions = peer.receive(3, commit(1, kA));
  ASSERT_EQ(actions.commits.size(), 1U);
  EXPECT_EQ(actions.commits[0].batch->digest, kA->digest);
  ASSERT_EQ(actions.appends.size(), 1U);
  EXPECT_TRUE(actions.appends[0].lazy);
}

TEST(Pbft, TheLeaderCountsItsProposalOnlyWhenItComesBack) {
  Driver leader(Protocol::kPbft, four(0));
  const Actions proposed = leader.step(Propose{kA});
  ASSERT_EQ(proposed.sends.size(), 1U);
  EXPECT_EQ(proposed.appends.size(), 1U);
  EXPECT_TRUE(leader.receive(1, prepare(1, kA)).sends.empty());
  EXPECT_TRUE(leader.receive(2, prepare(1, kA)).sends.empty());
  const Actions back = leader.loop_back(proposed.sends[0]);
  ASSERT_EQ(back.sends.size(), 1U);
  EXPECT_TRUE(back.sends[0].body.has_commit());
}

TEST(Pbft, TheLeadersPrepareIsNoSecondVote) {
  Driver peer(Protocol::kPbft, four(1));
  peer.receive(0, pre_prepare(1, kA), kA);
  peer.receive(0, prepare(1, kA));
  EXPECT_TRUE(peer.receive(2, prepare(1, kA)).sends.empty());
  EXPECT_EQ(peer.rejected("the leader's vote is its proposal"), 1U);
}

TEST(Pbft, VotesBeforeThePrePrepareAreKept) {
  Driver peer(Protocol::kPbft, four(1));
  for (const PeerId from : {0U, 2U, 3U}) peer.receive(from, commit(1, kA));
  for (const PeerId from : {2U, 3U}) peer.receive(from, prepare(1, kA));
  const Actions actions = peer.receive(0, pre_prepare(1, kA), kA);
  EXPECT_EQ(actions.commits.size(), 1U);
  EXPECT_EQ(actions.sends.size(), 2U);  // its own Prepare and Commit
}

TEST(Pbft, OneVoteForASlotOverItsWholeLife) {
  Driver peer(Protocol::kPbft, four(1));
  peer.receive(0, pre_prepare(1, kA), kA);
  EXPECT_TRUE(peer.receive(0, pre_prepare(1, kB), kB).sends.empty());
  EXPECT_EQ(peer.rejected("contradicts itself"), 1U);
  const Actions again = peer.restart();
  ASSERT_EQ(again.sends.size(), 1U);
  EXPECT_EQ(again.sends[0].body.prepare().digest(), kA->digest.str());
  EXPECT_TRUE(peer.receive(0, pre_prepare(1, kB), kB).sends.empty());
  EXPECT_EQ(peer.rejected("contradicts itself"), 1U);
}

TEST(Pbft, ARestartedLeaderSendsTheSameAgain) {
  Driver leader(Protocol::kPbft, four(0));
  leader.step(Propose{kA});
  leader.step(Propose{kB});
  const Actions again = leader.restart();
  ASSERT_EQ(again.sends.size(), 2U);
  EXPECT_EQ(again.sends[0].body.pre_prepare().digest(), kA->digest.str());
  EXPECT_EQ(again.sends[1].body.pre_prepare().digest(), kB->digest.str());
  const Actions next = leader.step(Propose{kA});
  EXPECT_EQ(next.sends.at(0).body.pre_prepare().sequence(), 3U);
}

TEST(Pbft, APreparedSlotIsStillPreparedAfterARestart) {
  Driver peer(Protocol::kPbft, four(1));
  peer.receive(0, pre_prepare(1, kA), kA);
  for (const PeerId from : {2U, 3U}) peer.receive(from, prepare(1, kA));
  const Actions again = peer.restart(true);
  ASSERT_EQ(again.sends.size(), 2U);
  EXPECT_TRUE(again.sends[1].body.has_commit());
  for (const PeerId from : {0U, 2U}) peer.receive(from, commit(1, kA));
  EXPECT_EQ(peer.receive(3, commit(1, kA)).commits.size(), 1U);
}

TEST(Pbft, CommitsComeAgainAfterARestart) {
  Driver peer(Protocol::kPbft, four(1));
  commit_at(peer, 1, kA);
  commit_at(peer, 2, kB);
  EXPECT_EQ(peer.restart().commits.size(), 2U);
  EXPECT_EQ(peer.restart(true).commits.size(), 0U);  // lost, and to be learnt again
}

TEST(Pbft, ALearntBatchIsNoVoteAndSurvives) {
  Driver peer(Protocol::kPbft, four(1));
  peer.receive(0, pre_prepare(1, kA), kA);
  wire::AgreementMessage learnt;
  fill(learnt.mutable_committed(), 1, kB);
  for (const PeerId from : {0U, 2U, 3U}) {
    learnt.mutable_committed()->add_proofs(Driver::header(from, commit(1, kB)));
  }
  EXPECT_EQ(peer.receive(2, learnt, kB).commits.size(), 1U);
  wire::ProposedRecord vote;
  ASSERT_TRUE(vote.ParseFromString(peer.record(1, kProposedRecord)->data));
  EXPECT_EQ(vote.digest(), kA->digest.str());
  const Actions again = peer.restart();
  ASSERT_EQ(again.commits.size(), 1U);
  EXPECT_EQ(again.commits[0].batch->digest, kB->digest);
}

TEST(Pbft, OnlyThisViewAndWindowAreTaken) {
  Driver peer(Protocol::kPbft, four(1));
  EXPECT_TRUE(peer.receive(0, pre_prepare(1, kA, 4), kA).sends.empty());
  EXPECT_EQ(peer.rejected("other view"), 1U);
  EXPECT_EQ(peer.receive(0, pre_prepare(16, kA), kA).sends.size(), 1U);
  EXPECT_TRUE(peer.receive(0, pre_prepare(17, kA), kA).sends.empty());
  EXPECT_EQ(peer.rejected("beyond the window"), 1U);
  EXPECT_TRUE(peer.receive(2, pre_prepare(2, kA), kA).sends.empty());
  EXPECT_EQ(peer.rejected("not the leader"), 1U);
  EXPECT_TRUE(peer.receive(0, pre_prepare(2, kA), kB).sends.empty());
  EXPECT_EQ(peer.rejected("malformed"), 1U);
}

TEST(Pbft, ACheckpointIsStableWithAQuorumAndTheOwnState) {
  Driver peer(Protocol::kPbft, four(1));
  for (Sequence n = 1; n <= 8; ++n) commit_at(peer, n, kA);
  const crypto::Digest state = crypto::sha256("state");
  for (const PeerId from : {0U, 2U, 3U}) peer.receive(from, checkpoint(8, state));
  EXPECT_EQ(peer.core().progress().stable, 0U);  // the own host has no durable state there yet
  const Actions actions = peer.step(CheckpointTaken{8, state});
  EXPECT_EQ(peer.core().progress().stable, 8U);
  ASSERT_EQ(actions.appends.size(), 2U);
  wire::StableCheckpoint stable;
  ASSERT_TRUE(stable.ParseFromString(peer.record(0, kStableRecord)->data));
  EXPECT_EQ(stable.proofs_size(), 3);
  EXPECT_TRUE(peer.restart().commits.empty());
  EXPECT_EQ(peer.core().progress().committed, 8U);
}

TEST(Pbft, AStateUnlikeTheQuorumsIsNoStableCheckpoint) {
  Driver peer(Protocol::kPbft, four(1));
  for (Sequence n = 1; n <= 8; ++n) commit_at(peer, n, kA);
  peer.step(CheckpointTaken{8, crypto::sha256("mine")});
  wire::AgreementMessage theirs;
  theirs.mutable_stable_checkpoint()->set_sequence(8);
  theirs.mutable_stable_checkpoint()->set_digest(crypto::sha256("theirs").str());
  peer.receive(2, theirs);
  EXPECT_EQ(peer.core().progress().stable, 0U);
  EXPECT_EQ(peer.rejected("own state differs"), 1U);
}

TEST(Pbft, AnUnfinishedCheckpointIsSentAgainAfterARestart) {
  Driver peer(Protocol::kPbft, four(1));
  for (Sequence n = 1; n <= 8; ++n) commit_at(peer, n, kA);
  peer.step(CheckpointTaken{8, crypto::sha256("state")});
  const Actions again = peer.restart(true);  // the commits are lost, the host's state is not
  EXPECT_EQ(peer.core().progress().committed, 8U);
  ASSERT_FALSE(again.sends.empty());
  EXPECT_TRUE(again.sends.back().body.has_checkpoint());
  // What was voted for below it stays at hand: a later view may have to know.
  EXPECT_TRUE(peer.record(3, kPreparedRecord));
  EXPECT_EQ(peer.core().progress().slots, 8U);
}

TEST(Pbft, AFloodOfStatusesIsNotAmplified) {
  Driver peer(Protocol::kPbft, four(1));
  for (Sequence n = 1; n <= 8; ++n) commit_at(peer, n, kA);
  wire::AgreementMessage status;
  status.mutable_status()->set_committed(0);
  std::size_t answers = 0;
  for (int i = 0; i < 1000; ++i) answers += peer.receive(3, status).sends.size();
  EXPECT_EQ(answers, 16U * 8U);
  EXPECT_EQ(peer.rejected("too many statuses"), 984U);
}

// --- liars

// The leader and its accomplices say anything to anyone, in any order, signed.
void lie(Cluster& cluster, const ClusterOptions& setup, bool with_proposals) {
  auto& random = cluster.random();
  for (Sequence n = 1; n <= 12; ++n) {
    const std::vector<wire::BatchPtr> batches = {wire::make_batch({"a" + std::to_string(n)}),
                                                 wire::make_batch({"b" + std::to_string(n)})};
    for (int i = 0; i < 12; ++i) {
      const wire::BatchPtr& batch = batches[random() % 3 == 0 ? 1 : 0];
      const auto to = static_cast<PeerId>(random() % setup.peers);
      if (with_proposals) cluster.send_as(0, to, pre_prepare(n, batch), batch);
      for (const PeerId liar : setup.liars) {
        const auto other = static_cast<PeerId>(random() % setup.peers);
        if (random() % 2 == 0) cluster.send_as(liar, other, prepare(n, batch), nullptr);
        if (random() % 2 == 0) cluster.send_as(liar, other, commit(n, batch), nullptr);
      }
    }
    cluster.run_for(Duration(random() % 3000));
  }
}

TEST(PbftLiars, AnEquivocatingLeaderCannotSplitThePeers) {
  std::size_t decided = 0;
  std::size_t undecided = 0;
  std::set<Bytes> winners;
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    SCOPED_TRACE(seed);
    ClusterOptions setup;
    setup.seed = seed;
    setup.max_delay = 10ms;
    setup.liars = {0};
    if (seed % 3 == 0) {
      setup.peers = 7;
      setup.faults = 2;
      setup.liars = {0, 6};
    }
    Cluster cluster(setup);
    lie(cluster, setup, true);
    cluster.run_for(2s);  // all that correct peers know is exchanged
    for (const auto& [n, digest] : cluster.chosen()) {
      ++decided;
      winners.insert(digest.str());
    }
    if (cluster.chosen().size() < 12) ++undecided;
    if (HasFailure()) return;
  }
  // The lies reach all cases: some slots are decided either way, some never.
  EXPECT_GT(decided, 50U);
  EXPECT_GT(undecided, 10U);
  EXPECT_GT(winners.size(), 12U);
}

TEST(PbftLiars, LyingBackupsStopNothing) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    SCOPED_TRACE(seed);
    ClusterOptions setup;
    setup.seed = seed;
    setup.peers = 7;
    setup.faults = 2;
    setup.loss = 0.1;
    setup.max_delay = 10ms;
    setup.liars = {2, 5};
    Cluster cluster(setup);
    cluster.set_target(40);
    lie(cluster, setup, false);
    ASSERT_TRUE(cluster.run_to_target(60s));
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace steward::agreement
