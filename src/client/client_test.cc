#include "client/client.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace steward::client {
namespace {

constexpr Duration kDeadline = 60s;

class EchoSigner : public crypto::Signer {
 public:
  Bytes public_key() const override { return "key"; }
  Bytes sign(BytesView message) const override { return Bytes(message); }
};

// A client of one site of four servers, of which one may lie; signs and collects what comes out.
class ClientTest : public testing::Test {
 protected:
  explicit ClientTest(Rules rules = {2, 3}, std::uint32_t servers = 4)
      : servers_(servers), client_(options(rules, servers)) {
    for (ServerIndex i = 0; i < servers_; ++i) client_.connected(i, out_);
  }

  static Options options(Rules rules, std::uint32_t servers) {
    Options out;
    out.client = "key";
    out.servers = servers;
    out.rules = rules;
    out.max_outstanding = 3;
    return out;
  }

  void sign_all() {
    while (!out_.to_sign.empty()) {
      SignRequest request = out_.to_sign.front();
      out_.to_sign.erase(out_.to_sign.begin());
      client_.update_signed(request.request, sign_update({}, signer_, request.update), out_);
    }
  }

  void submit(Token token = 1) {
    client_.submit("payload", token, kDeadline, out_);
    sign_all();
  }

  // What was last sent, and to whom.
  Send last_send() {
    EXPECT_FALSE(out_.sends.empty());
    const Send send = out_.sends.empty() ? Send{} : out_.sends.back();
    out_.sends.clear();
    return send;
  }

  static wire::Update update_of(const Send& send) {
    wire::Update update;
    EXPECT_TRUE(update.ParseFromString(send.message.update().update()));
    return update;
  }

  void reply(ServerIndex from, const wire::Update& update, Sequence sequence,
             const std::string& result, wire::Outcome outcome = wire::OUTCOME_EXECUTED) {
    wire::ClientMessage message;
    wire::Reply& r = *message.mutable_reply();
    r.set_client(update.client());
    r.set_session(update.session());
    r.set_timestamp(update.timestamp());
    r.set_sequence(sequence);
    r.set_result(result);
    r.set_outcome(outcome);
    client_.received(from, message, out_);
    sign_all();
  }

  void query_reply(ServerIndex from, std::uint64_t id, Sequence sequence,
                   const std::string& result) {
    wire::ClientMessage message;
    message.mutable_query_reply()->set_id(id);
    message.mutable_query_reply()->set_sequence(sequence);
    message.mutable_query_reply()->set_result(result);
    client_.received(from, message, out_);
  }

  // The armed timer with this duration; clears the log of changes.
  TimerId armed(Duration after) {
    const auto found = std::find_if(out_.timers.rbegin(), out_.timers.rend(),
                                    [after](const auto& t) { return t.after == after; });
    EXPECT_NE(found, out_.timers.rend());
    const TimerId timer = found == out_.timers.rend() ? 0 : found->timer;
    out_.timers.clear();
    return timer;
  }

  const std::uint32_t servers_;
  EchoSigner signer_;
  Output out_;
  Client client_;
};

TEST_F(ClientTest, SendsASignedUpdateToOneServerAndBelievesTwo) {
  submit(42);
  const Send send = last_send();
  EXPECT_EQ(send.to.size(), 1U);
  const wire::Update update = update_of(send);
  EXPECT_EQ(update.timestamp(), 1U);
  EXPECT_EQ(update.payload(), "payload");
  EXPECT_EQ(send.message.update().signature(),
            wire::client_statement({}, send.message.update().update()));
  reply(0, update, 7, "yes");
  reply(0, update, 7, "yes");
  EXPECT_TRUE(out_.completions.empty()) << "one server is not two";
  reply(3, update, 7, "yes");
  ASSERT_EQ(out_.completions.size(), 1U);
  EXPECT_EQ(out_.completions[0].token, 42U);
  EXPECT_EQ(*out_.completions[0].result, "yes");
  EXPECT_EQ(out_.completions[0].sequence, 7U);
  EXPECT_EQ(client_.outstanding(), 0U);
}

TEST_F(ClientTest, ALiarIsOutvotedAndCountedAlsoWhenLate) {
  submit();
  const wire::Update update = update_of(last_send());
  reply(1, update, 7, "wrong");
  reply(0, update, 7, "right");
  EXPECT_TRUE(out_.completions.empty());
  reply(2, update, 7, "right");
  ASSERT_EQ(out_.completions.size(), 1U);
  EXPECT_EQ(*out_.completions[0].result, "right");
  reply(3, update, 8, "right");
  EXPECT_EQ(client_.lies(), (std::vector<std::uint64_t>{0, 1, 0, 1}));
}

TEST_F(ClientTest, SilenceMakesItAskAllWithDoublingPauses) {
  submit();
  last_send();
  for (const Duration pause : {2s, 4s, 8s, 16s, 16s}) {
    const TimerId timer = armed(pause);
    client_.timer_fired(timer, out_);
    EXPECT_EQ(last_send().to.size(), 4U);
  }
}

TEST_F(ClientTest, ASessionIsUsedAgainWithTheNextTimestamp) {
  submit();
  const wire::Update first = update_of(last_send());
  reply(0, first, 1, "");
  reply(1, first, 1, "");
  submit();
  const wire::Update second = update_of(last_send());
  EXPECT_EQ(second.session(), first.session());
  EXPECT_EQ(second.timestamp(), 2U);
  submit();
  EXPECT_GT(update_of(last_send()).session(), first.session());
}

TEST_F(ClientTest, AnUnansweredUpdateGivesItsSessionUp) {
  submit(9);
  const wire::Update lost = update_of(last_send());
  client_.timer_fired(armed(kDeadline), out_);
  ASSERT_EQ(out_.completions.size(), 1U);
  ASSERT_FALSE(out_.completions[0].result);
  EXPECT_EQ(out_.completions[0].result.error().code, ErrorCode::kUnavailable);
  reply(0, lost, 1, "");
  reply(1, lost, 1, "");
  EXPECT_EQ(out_.completions.size(), 1U);
  submit();
  const wire::Update next = update_of(last_send());
  EXPECT_GT(next.session(), lost.session());
  EXPECT_EQ(next.timestamp(), 1U);
}

TEST_F(ClientTest, AnExpiredSessionIsReplacedAndTheUpdateSentAgain) {
  submit();
  const wire::Update first = update_of(last_send());
  reply(0, first, 5, "", wire::OUTCOME_SESSION_EXPIRED);
  reply(1, first, 5, "", wire::OUTCOME_SESSION_EXPIRED);
  EXPECT_TRUE(out_.completions.empty());
  const wire::Update again = update_of(last_send());
  EXPECT_GT(again.session(), first.session());
  EXPECT_EQ(again.payload(), "payload");
  reply(2, again, 6, "done");
  reply(1, again, 6, "done");
  ASSERT_EQ(out_.completions.size(), 1U);
  EXPECT_EQ(*out_.completions[0].result, "done");
  EXPECT_EQ(client_.sessions(), 1U);
}

// One copy may have been executed before the session went and another came too late.
TEST_F(ClientTest, AnUpdateSentTwiceIntoAnExpiredSessionIsNotRunAgain) {
  submit();
  const Send first = last_send();
  client_.disconnected(first.to[0], out_);
  const wire::Update second = update_of(last_send());
  const std::size_t sends = out_.sends.size();
  reply(1, second, 5, "", wire::OUTCOME_SESSION_EXPIRED);
  reply(2, second, 5, "", wire::OUTCOME_SESSION_EXPIRED);
  EXPECT_EQ(out_.sends.size(), sends);
  ASSERT_EQ(out_.completions.size(), 1U);
  EXPECT_EQ(out_.completions[0].result.error().code, ErrorCode::kUnavailable);
}

TEST_F(ClientTest, ALostConnectionMovesItsUpdateToAnotherServerAtOnce) {
  submit();
  const Send first = last_send();
  client_.disconnected(first.to[0], out_);
  const Send second = last_send();
  ASSERT_EQ(second.to.size(), 1U);
  EXPECT_NE(second.to[0], first.to[0]);
}

TEST_F(ClientTest, WaitsForAServerWhenThereIsNone) {
  for (ServerIndex i = 0; i < 4; ++i) client_.disconnected(i, out_);
  submit();
  client_.query("q", 0, 2, kDeadline, out_);
  EXPECT_TRUE(out_.sends.empty());
  client_.connected(2, out_);
  ASSERT_EQ(out_.sends.size(), 2U);
  EXPECT_EQ(out_.sends[0].to, std::vector<ServerIndex>{2});
  EXPECT_EQ(out_.sends[1].to, std::vector<ServerIndex>{2});
}

TEST_F(ClientTest, RefusesMoreThanItsLimit) {
  for (Token token = 1; token <= 4; ++token) submit(token);
  ASSERT_EQ(out_.completions.size(), 1U);
  EXPECT_EQ(out_.completions[0].token, 4U);
  EXPECT_FALSE(out_.completions[0].result);
}

TEST_F(ClientTest, AReadGoesToAllAndNeedsTwoThatAgree) {
  client_.query("get", 3, 5, kDeadline, out_);
  const Send send = last_send();
  EXPECT_EQ(send.to.size(), 4U);
  EXPECT_EQ(send.message.query().min_sequence(), 3U);
  const auto id = send.message.query().id();
  query_reply(0, id, 4, "lie");
  query_reply(1, id, 4, "v");
  query_reply(2, id, 2, "v");
  EXPECT_TRUE(out_.completions.empty());
  query_reply(3, id, 4, "v");
  ASSERT_EQ(out_.completions.size(), 1U);
  EXPECT_EQ(*out_.completions[0].result, "v");
  EXPECT_EQ(out_.completions[0].sequence, 4U);
  EXPECT_EQ(client_.lies(), (std::vector<std::uint64_t>{1, 0, 0, 0}));
}

TEST_F(ClientTest, AReadThatNobodyAgreesOnTwiceIsOrdered) {
  client_.query("get", 0, 5, kDeadline, out_);
  const auto first = last_send().message.query().id();
  for (ServerIndex i = 0; i < 4; ++i) query_reply(i, first, i + 1, "v" + std::to_string(i));
  client_.timer_fired(armed(50ms), out_);
  const auto second = last_send().message.query().id();
  EXPECT_NE(second, first);
  query_reply(0, first, 9, "late");
  query_reply(1, first, 9, "late");
  EXPECT_TRUE(out_.completions.empty()) << "answers to the first attempt";
  client_.timer_fired(armed(500ms), out_);
  sign_all();
  const wire::Update update = update_of(last_send());
  EXPECT_EQ(update.payload(), "get");
  reply(0, update, 12, "v");
  reply(1, update, 12, "v");
  ASSERT_EQ(out_.completions.size(), 1U);
  EXPECT_EQ(*out_.completions[0].result, "v");
  EXPECT_EQ(client_.lies(), (std::vector<std::uint64_t>{0, 0, 0, 0}));
}

TEST_F(ClientTest, IgnoresWhatItDidNotAskFor) {
  wire::Update other;
  other.set_client("key");
  other.set_session(99);
  other.set_timestamp(1);
  reply(0, other, 1, "");
  query_reply(0, 12345, 1, "");
  reply(17, other, 1, "");
  client_.timer_fired(77, out_);
  EXPECT_TRUE(out_.completions.empty());
  EXPECT_TRUE(out_.sends.empty());
}

class CrashClientTest : public ClientTest {
 protected:
  CrashClientTest() : ClientTest({1, 2}, 3) {}
};

TEST_F(CrashClientTest, OneAnswerDoes) {
  submit(1);
  reply(2, update_of(last_send()), 3, "x");
  ASSERT_EQ(out_.completions.size(), 1U);
  client_.query("get", 3, 2, kDeadline, out_);
  query_reply(0, last_send().message.query().id(), 3, "x");
  ASSERT_EQ(out_.completions.size(), 2U);
}

}  // namespace
}  // namespace steward::client
