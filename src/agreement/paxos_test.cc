#include "agreement/paxos.h"

#include <gtest/gtest.h>

#include "agreement/testing/driver.h"

namespace steward::agreement {
namespace {

Options peers(std::uint32_t count, PeerId self) {
  Options options;
  options.self = self;
  options.quorums = {count, (count - 1) / 2, false};
  options.checkpoint_interval = 8;
  return options;
}

template <class Body>
void fill(Body* body, Sequence n, const wire::BatchPtr& batch) {
  body->set_sequence(n);
  body->set_digest(batch->digest.str());
}

wire::AgreementMessage proposal(Sequence n, const wire::BatchPtr& batch) {
  wire::AgreementMessage body;
  fill(body.mutable_proposal(), n, batch);
  return body;
}
wire::AgreementMessage accept(Sequence n, const wire::BatchPtr& batch) {
  wire::AgreementMessage body;
  fill(body.mutable_accept(), n, batch);
  return body;
}

const wire::BatchPtr kA = wire::make_batch({"a"});
const wire::BatchPtr kB = wire::make_batch({"b"});

TEST(Paxos, AloneItNeedsOnlyItsDisk) {
  Driver single(Protocol::kPaxos, peers(1, 0));
  const Actions proposed = single.step(Propose{kA});
  EXPECT_TRUE(proposed.commits.empty());  // not before its record is durable
  EXPECT_TRUE(proposed.timers.empty());
  ASSERT_EQ(proposed.sends.size(), 1U);
  EXPECT_TRUE(proposed.sends[0].promise);
  EXPECT_EQ(single.loop_back(proposed.sends[0]).commits.size(), 1U);
}

TEST(Paxos, AMajorityWithTheLeaderForOddAndEvenSizes) {
  for (const std::uint32_t count : {2U, 3U, 4U, 5U, 6U, 7U}) {
    Driver leader(Protocol::kPaxos, peers(count, 0));
    leader.loop_back(leader.step(Propose{kA}).sends.at(0));
    for (PeerId from = 1; from < count; ++from) {
      const Actions actions = leader.receive(from, accept(1, kA));
      EXPECT_EQ(actions.commits.size(), from == count / 2 ? 1U : 0U) << count;
    }
  }
}

TEST(Paxos, AcceptsCountForTheirDigestAlone) {
  Driver peer(Protocol::kPaxos, peers(5, 1));
  const Actions accepted = peer.receive(0, proposal(1, kA), kA);
  ASSERT_EQ(accepted.appends.size(), 1U);
  EXPECT_FALSE(accepted.appends[0].lazy);
  peer.receive(2, accept(1, kB));
  peer.receive(0, accept(1, kA));  // the leader has voted already
  EXPECT_TRUE(peer.receive(3, accept(1, kA)).commits.empty());
  EXPECT_EQ(peer.loop_back(accepted.sends.at(0)).commits.size(), 1U);
}

TEST(Paxos, OneVoteForASlotOverItsWholeLife) {
  Driver peer(Protocol::kPaxos, peers(3, 1));
  peer.receive(0, proposal(1, kA), kA);
  const Actions again = peer.restart(true);
  ASSERT_EQ(again.sends.size(), 1U);
  EXPECT_EQ(again.sends[0].body.accept().digest(), kA->digest.str());
  EXPECT_TRUE(peer.receive(0, proposal(1, kB), kB).sends.empty());
  EXPECT_EQ(peer.rejected("contradicts itself"), 1U);
}

TEST(Paxos, TheOwnCheckpointTruncatesButATailStays) {
  Driver leader(Protocol::kPaxos, peers(1, 0));
  for (Sequence n = 1; n <= 16; ++n) {
    leader.loop_back(leader.step(Propose{kA}).sends.at(0));
  }
  EXPECT_EQ(leader.step(CheckpointTaken{8, crypto::sha256("8")}).truncate, std::nullopt);
  EXPECT_EQ(leader.core().progress().stable, 8U);
  EXPECT_EQ(leader.step(CheckpointTaken{16, crypto::sha256("16")}).truncate, Sequence{8});
  EXPECT_EQ(leader.core().progress().slots, 8U);  // two windows of batches
  EXPECT_FALSE(leader.record(8, kProposedRecord));
  EXPECT_TRUE(leader.record(9, kProposedRecord));
  EXPECT_TRUE(leader.restart().commits.empty());
  EXPECT_EQ(leader.core().progress().slots, 8U);
  EXPECT_EQ(leader.core().progress().committed, 16U);
}

TEST(Paxos, TheWindowHoldsBackALeader) {
  Driver leader(Protocol::kPaxos, peers(3, 0));
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(leader.core().can_propose());
    leader.loop_back(leader.step(Propose{kA}).sends.at(0));
  }
  EXPECT_FALSE(leader.core().can_propose());
  leader.receive(1, accept(2, kA));
  EXPECT_FALSE(leader.core().can_propose());  // a gap holds it back too
  EXPECT_EQ(leader.receive(1, accept(1, kA)).commits.size(), 2U);
  EXPECT_TRUE(leader.core().can_propose());
  Driver other(Protocol::kPaxos, peers(3, 1));
  EXPECT_FALSE(other.core().can_propose());
}

TEST(Paxos, AnAnswerCutShortBringsTheNextStatus) {
  Options hosted = peers(3, 0);
  hosted.status_interval = hosted.idle_status_interval = 0ms;
  Driver leader(Protocol::kPaxos, hosted);
  for (Sequence n = 1; n <= 12; ++n) {
    leader.loop_back(leader.step(Propose{kA}).sends.at(0));
    leader.receive(1, accept(n, kA));
  }
  hosted.self = 2;
  Driver behind(Protocol::kPaxos, hosted);
  wire::AgreementMessage status;
  status.mutable_status();
  Actions answer = leader.receive(2, status);
  ASSERT_EQ(answer.sends.size(), 9U);
  for (const Send& send : answer.sends) {
    const Actions actions = behind.receive(0, send.body, send.batch);
    if (!actions.sends.empty()) status = actions.sends[0].body;
  }
  EXPECT_EQ(status.status().committed(), 8U);
  answer = leader.receive(2, status);
  EXPECT_EQ(answer.sends.size(), 4U);
  for (const Send& send : answer.sends) behind.receive(0, send.body, send.batch);
  EXPECT_EQ(behind.core().progress().committed, 12U);
}

TEST(Paxos, SettingsThatCannotWorkAreRefused) {
  Options options = peers(3, 0);
  EXPECT_FALSE(open_core(Protocol::kPbft, options, {}).ok());
  options.self = 3;
  EXPECT_FALSE(open_core(Protocol::kPaxos, options, {}).ok());
  options = peers(3, 0);
  options.quorums.faults = 2;
  EXPECT_FALSE(open_core(Protocol::kPaxos, options, {}).ok());
  options = peers(3, 0);
  options.window = 0;
  EXPECT_FALSE(open_core(Protocol::kPaxos, options, {}).ok());
}

}  // namespace
}  // namespace steward::agreement
