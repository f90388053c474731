// The checker is only worth what it notices.
#include "sim/checker.h"

#include <gtest/gtest.h>

#include "client/client.h"
#include "crypto/ideal.h"
#include "wire/client.pb.h"

namespace steward::sim {
namespace {

// Answers every update with how many it has executed.
class Counting final : public StateMachine {
 public:
  Bytes apply(BytesView /*payload*/) override { return std::to_string(++count_); }
  Bytes query(BytesView /*payload*/) const override { return {}; }
  PageChanges collect() override { return {}; }
  bool load(const std::map<PageKey, Bytes>& /*pages*/) override { return false; }
  std::uint64_t size() const override { return count_; }

 private:
  std::uint64_t count_ = 0;
};

class CheckerTest : public testing::Test {
 protected:
  CheckerTest() {
    keys_->clients.push_back(client_->public_key());
    keys_->signatures = authority_.verifier();
  }

  Bytes update(std::uint64_t timestamp, const Bytes& payload) const {
    wire::Update inner;
    inner.set_client(client_->public_key());
    inner.set_session(1);
    inner.set_timestamp(timestamp);
    inner.set_payload(payload);
    return client::sign_update(domain_, *client_, inner.SerializeAsString()).SerializeAsString();
  }

  void execute(ServerId server, Sequence sequence, std::vector<Bytes> updates) {
    checker_.server_executed(server, {sequence, wire::make_batch(std::move(updates))});
  }

  // How the first violation begins; empty when there is none.
  std::string found() const {
    if (checker_.violations().empty()) return {};
    const std::string& first = checker_.violations().front();
    return first.substr(0, first.find(':'));
  }

  const crypto::IdealAuthority authority_{1};
  const std::shared_ptr<crypto::Signer> client_ = authority_.signer("client");
  const wire::Domain domain_{"cluster", 0};
  const std::shared_ptr<crypto::KeyDirectory> keys_ = std::make_shared<crypto::KeyDirectory>();
  Checker checker_{keys_, domain_, std::make_unique<Counting>()};
};

TEST_F(CheckerTest, AcceptsACorrectHistory) {
  for (ServerIndex server = 0; server < 2; ++server) {
    execute({0, server}, 1, {update(1, "a")});
    execute({0, server}, 2, {update(2, "b"), update(1, "a")});
    checker_.server_at({0, server}, 2, crypto::sha256("state"));
  }
  checker_.update_completed("a", "1", 1);
  checker_.update_completed("b", "2", 2);
  EXPECT_EQ(found(), "");
  EXPECT_EQ(checker_.updates_executed(), 2U);
  EXPECT_EQ(checker_.digests_compared(), 1U);
}

TEST_F(CheckerTest, NoticesDifferentBatches) {
  execute({0, 0}, 1, {update(1, "a")});
  execute({1, 0}, 1, {update(1, "b")});
  EXPECT_EQ(found(), "agreement");
}

TEST_F(CheckerTest, NoticesDifferentStates) {
  checker_.server_at({0, 0}, 5, crypto::sha256("a"));
  checker_.server_at({0, 1}, 5, crypto::sha256("b"));
  EXPECT_EQ(found(), "agreement");
}

TEST_F(CheckerTest, NoticesAServerThatGoesBackWithoutARestart) {
  execute({0, 0}, 1, {});
  execute({0, 0}, 2, {});
  checker_.server_started({0, 0});
  execute({0, 0}, 1, {});
  EXPECT_EQ(found(), "");
  execute({0, 0}, 1, {});
  EXPECT_EQ(found(), "order");
}

TEST_F(CheckerTest, NoticesASequenceThatNobodyExecuted) {
  execute({0, 0}, 1, {});
  execute({0, 0}, 3, {});
  EXPECT_EQ(found(), "order");
}

TEST_F(CheckerTest, NoticesWhatNoClientSigned) {
  Bytes forged = update(1, "a");
  forged.back() = static_cast<char>(forged.back() + 1);
  execute({0, 0}, 1, {forged});
  EXPECT_EQ(found(), "validity");
}

TEST_F(CheckerTest, NoticesWrongRepliesAndRepliesToNothing) {
  execute({0, 0}, 1, {update(1, "a"), update(2, "b"), update(3, "c")});
  checker_.update_completed("a", "1", 1);
  EXPECT_EQ(found(), "");
  checker_.update_completed("b", "1", 1);
  EXPECT_EQ(checker_.violations().size(), 1U) << "a wrong result";
  checker_.update_completed("c", "3", 2);
  EXPECT_EQ(checker_.violations().size(), 2U) << "a wrong sequence";
  checker_.update_completed("a", "1", 1);
  EXPECT_EQ(checker_.violations().size(), 3U) << "told twice";
  checker_.update_completed("never", "4", 1);
  EXPECT_EQ(checker_.violations().size(), 4U) << "never executed";
  EXPECT_EQ(found(), "exactly once");
}

TEST_F(CheckerTest, AnUpdateOutOfTurnDoesNotCount) {
  execute({0, 0}, 1, {update(2, "early")});
  checker_.update_completed("early", "1", 1);
  EXPECT_EQ(found(), "exactly once");
}

replica::Outgoing prepare(View view, Sequence sequence, const Bytes& digest) {
  wire::AgreementMessage body;
  body.mutable_prepare()->set_view(view);
  body.mutable_prepare()->set_sequence(sequence);
  body.mutable_prepare()->set_digest(digest);
  replica::Outgoing outgoing;
  outgoing.kind = wire::KIND_AGREEMENT;
  outgoing.body = body.SerializeAsString();
  return outgoing;
}

TEST_F(CheckerTest, NoticesASecondVoteEvenAfterARestart) {
  checker_.server_sent({0, 0}, prepare(1, 5, "a"));
  checker_.server_sent({0, 0}, prepare(1, 5, "a"));
  checker_.server_sent({0, 0}, prepare(2, 5, "b"));
  checker_.server_sent({0, 1}, prepare(1, 5, "b"));
  EXPECT_EQ(found(), "");
  checker_.server_started({0, 0});
  checker_.server_sent({0, 0}, prepare(1, 5, "b"));
  EXPECT_EQ(found(), "one word");
}

TEST_F(CheckerTest, NoticesAVoteBelowAPromise) {
  wire::AgreementMessage body;
  body.mutable_view_change()->set_view(3);
  replica::Outgoing promise;
  promise.kind = wire::KIND_VIEW_CHANGE;
  promise.body = body.SerializeAsString();
  checker_.server_sent({0, 0}, prepare(2, 5, "a"));
  checker_.server_sent({0, 0}, promise);
  checker_.server_sent({0, 0}, prepare(2, 5, "a"));  // said before
  checker_.server_sent({0, 0}, prepare(3, 6, "a"));
  EXPECT_EQ(found(), "");
  checker_.server_sent({0, 0}, prepare(2, 6, "a"));
  EXPECT_EQ(found(), "one word");
}

TEST_F(CheckerTest, WhatNobodyHeardBeforeARollbackWasNotSaid) {
  for (const bool heard : {false, true}) {
    const ServerId server{0, heard ? 1U : 0U};
    checker_.server_sent(server, prepare(1, 5, "a"));
    checker_.server_heard(server);
    checker_.server_backed_up(server);
    checker_.server_sent(server, prepare(1, 6, "a"));
    if (heard) checker_.server_heard(server);
    checker_.server_rolled_back(server);
    checker_.server_sent(server, prepare(1, 6, "b"));
    EXPECT_EQ(found(), heard ? "one word" : "");
  }
  checker_.server_sent({0, 0}, prepare(1, 5, "b"));
  EXPECT_EQ(checker_.violations().size(), 2U) << "said before the backup";
}

TEST_F(CheckerTest, NoticesWhatGoesBackBetweenRestarts) {
  wire::StatusReply status;
  status.set_local_view(2);
  checker_.server_status({0, 0}, status);
  status.set_local_view(1);
  checker_.server_started({0, 0});
  checker_.server_status({0, 0}, status);
  EXPECT_EQ(found(), "");
  status.set_local_view(0);
  checker_.server_status({0, 0}, status);
  EXPECT_EQ(found(), "no going back");
}

TEST_F(CheckerTest, NoticesSlanderOfCorrectServersOnly) {
  wire::StatusReply status;
  status.add_evidence()->set_server(1);
  checker_.distrust({0, 1});
  checker_.server_status({0, 0}, status);
  EXPECT_EQ(found(), "");
  status.add_evidence()->set_server(2);
  checker_.server_status({0, 1}, status);  // a liar's word
  EXPECT_EQ(found(), "");
  checker_.server_status({0, 0}, status);
  EXPECT_EQ(found(), "no slander");
}

TEST_F(CheckerTest, NoticesAClientThatWaitsMuchLongerThanMost) {
  EXPECT_TRUE(checker_.clients_waited({}, 1s));
  EXPECT_TRUE(checker_.clients_waited({1ms, 2ms, 1s}, 1s));
  EXPECT_TRUE(checker_.clients_waited({1s, 2s, 16s}, 1s));  // all are slow
  EXPECT_EQ(found(), "");
  EXPECT_FALSE(checker_.clients_waited({1s, 2s, 16'001ms}, 1s));
  EXPECT_EQ(found(), "fairness");
  EXPECT_FALSE(checker_.clients_waited({1ms, 2ms, 1'001ms}, 1s));
}

TEST_F(CheckerTest, DoesNotListenToByzantineServers) {
  checker_.distrust({0, 1});
  execute({0, 1}, 7, {update(1, "a")});
  checker_.server_at({0, 1}, 7, crypto::sha256("a state"));
  EXPECT_EQ(checker_.agreed(), 0U);
  execute({0, 0}, 1, {update(1, "a")});
  EXPECT_EQ(found(), "");
}

}  // namespace
}  // namespace steward::sim
