#include "sim/durability.h"

#include <gtest/gtest.h>

#include "agreement/ordered_log.h"
#include "replica/store_layout.h"

namespace steward::sim {
namespace {

const crypto::Digest kOne = crypto::sha256("one");
const crypto::Digest kOther = crypto::sha256("other");

class Durability : public testing::Test {
 protected:
  template <class Message>
  void put(Sequence n, agreement::RecordKind kind, const Message& record) {
    replica::layout::put_record({n, kind, record.SerializeAsString()}, batch_);
  }
  void put_vote(Sequence n, View view, const crypto::Digest& digest) {
    wire::ProposedRecord record;
    record.set_view(view);
    record.set_digest(digest.str());
    put(n, agreement::kProposedRecord, record);
  }
  void put_certificate(Sequence n, View view, const crypto::Digest& digest) {
    wire::CertificateRecord record;
    record.set_view(view);
    record.set_digest(digest.str());
    put(n, agreement::kPreparedRecord, record);
  }
  void put_view(View view) {
    wire::ViewRecord record;
    record.set_view(view);
    put(0, agreement::kViewRecord, record);
  }
  void put_stable(Sequence n) {
    wire::StableCheckpoint record;
    record.set_sequence(n);
    put(0, agreement::kStableRecord, record);
  }

  void write() { EXPECT_TRUE(disk_.write(std::exchange(batch_, {}), true)); }

  std::string missing(const wire::AgreementMessage& body) {
    replica::Outgoing outgoing;
    outgoing.kind = body.has_view_change() ? wire::KIND_VIEW_CHANGE : wire::KIND_AGREEMENT;
    outgoing.body = body.SerializeAsString();
    return not_durable(outgoing, disk_).value_or("nothing");
  }
  std::string missing_for_prepare(Sequence n, View view) {
    wire::AgreementMessage body;
    body.mutable_prepare()->set_view(view);
    body.mutable_prepare()->set_sequence(n);
    body.mutable_prepare()->set_digest(kOne.str());
    return missing(body);
  }
  std::string missing_for_commit(Sequence n, View view) {
    wire::AgreementMessage body;
    body.mutable_commit()->set_view(view);
    body.mutable_commit()->set_sequence(n);
    body.mutable_commit()->set_digest(kOne.str());
    return missing(body);
  }

  EventQueue events_;
  Disk disk_{events_, DiskModel{}};
  storage::WriteBatch batch_;
};

TEST_F(Durability, AVoteNeedsItsProposal) {
  EXPECT_EQ(missing_for_prepare(1, 0), "the proposal");
  put_vote(1, 0, kOther);
  write();
  EXPECT_EQ(missing_for_prepare(1, 0), "the proposal");
  put_vote(1, 0, kOne);
  write();
  EXPECT_EQ(missing_for_prepare(1, 0), "nothing");
}

TEST_F(Durability, WhatIsNotSyncedIsNotThere) {
  put_vote(1, 0, kOne);
  disk_.submit(std::move(batch_), false, nullptr);
  EXPECT_EQ(missing_for_prepare(1, 0), "the proposal");
  events_.run_until(Duration(1'000'000));
  EXPECT_EQ(missing_for_prepare(1, 0), "nothing");
}

TEST_F(Durability, AVoteNeedsItsView) {
  put_vote(1, 2, kOne);
  write();
  EXPECT_EQ(missing_for_prepare(1, 2), "the view");
  put_view(2);
  write();
  EXPECT_EQ(missing_for_prepare(1, 2), "nothing");
}

TEST_F(Durability, ALaterVoteOrAStableCheckpointStandsForAnEarlierOne) {
  put_view(3);
  put_vote(5, 3, kOther);
  put_certificate(5, 3, kOther);
  write();
  EXPECT_EQ(missing_for_prepare(5, 2), "nothing");
  EXPECT_EQ(missing_for_commit(5, 2), "nothing");
  EXPECT_EQ(missing_for_commit(5, 3), "the certificate");
  put_stable(8);
  write();
  EXPECT_EQ(missing_for_commit(5, 3), "nothing");
  EXPECT_EQ(missing_for_commit(9, 3), "the certificate");
}

TEST_F(Durability, APreparedBatchIsKeptWhenAnotherIsVotedFor) {
  put_view(1);
  put_certificate(1, 0, kOther);
  put_vote(1, 1, kOne);
  write();
  EXPECT_EQ(missing_for_prepare(1, 1), "the batch of its certificate");
  wire::ProposedRecord kept;
  kept.set_digest(kOther.str());
  put(1, agreement::kPreparedBatchRecord, kept);
  write();
  EXPECT_EQ(missing_for_prepare(1, 1), "nothing");
}

TEST_F(Durability, APromiseNeedsItsRecord) {
  wire::AgreementMessage body;
  body.mutable_view_change()->set_view(4);
  EXPECT_EQ(missing(body), "the promise");
  wire::ViewChangeRecord record;
  record.mutable_own()->set_view(4);
  put(0, agreement::kViewChangeRecord, record);
  write();
  EXPECT_EQ(missing(body), "nothing");
}

TEST_F(Durability, ACheckpointNeedsItsPages) {
  wire::AgreementMessage body;
  body.mutable_checkpoint()->set_sequence(8);
  body.mutable_checkpoint()->set_digest(kOne.str());
  EXPECT_EQ(missing(body), "the own checkpoint");
  wire::StableCheckpoint own;
  own.set_sequence(8);
  own.set_digest(kOne.str());
  put(8, agreement::kCheckpointRecord, own);
  write();
  EXPECT_EQ(missing(body), "the pages of the checkpoint");
  replica::layout::put_marker(8, kOne, 0, batch_);
  write();
  EXPECT_EQ(missing(body), "nothing");
}

TEST_F(Durability, RequestsNeedNothing) {
  wire::AgreementMessage body;
  body.mutable_status()->set_view(9);
  EXPECT_EQ(missing(body), "nothing");
}

}  // namespace
}  // namespace steward::sim
