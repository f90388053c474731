// What may not even be looked at: bytes that would cost a multiple of their size.
#include <gtest/gtest.h>

#include "replica/server.h"
#include "replica/verifier.h"
#include "site/testing/sites.h"
#include "wire/limits.h"

namespace steward::replica {
namespace {

namespace test = site::testing;

class VerifierReviewTest : public ::testing::Test {
 protected:
  VerifierReviewTest()
      : config_(test::cluster(2, 4, LocalProtocol::kPbft, WideProtocol::kPaxos)),
        keys_(test::make_keys(config_)),
        verifier_(config_, keys_.directory, {0, 0}) {}

  std::string refusal(wire::Kind kind, Bytes body) {
    Outgoing outgoing;
    outgoing.kind = kind;
    outgoing.body = std::move(body);
    const ServerId from{0, 1};
    Work work;
    const auto result = verifier_.from_server(
        from, make_frame(outgoing, keys_.domain, from, *keys_.servers.at(from)), work);
    return result ? "accepted" : result.error().message;
  }

  ClusterConfig config_;
  test::Keys keys_;
  Verifier verifier_;
};

TEST_F(VerifierReviewTest, SmallKindsOfMessagesAreSmall) {
  const std::string too_large = "a message too large for its kind";
  EXPECT_EQ(refusal(wire::KIND_AGREEMENT, Bytes(1 << 20, '\0')), too_large);
  EXPECT_EQ(refusal(wire::KIND_TIMER_EXPIRED, Bytes(1 << 20, '\0')), too_large);
  EXPECT_EQ(refusal(wire::KIND_STATE_REQUEST, Bytes(1 << 20, '\0')), too_large);
  wire::StateRequest request;
  request.set_sequence(~0ULL);
  request.set_number(~0ULL);
  for (std::size_t i = 0; i < limits::kMaxPagesPerMessage; ++i) request.add_pages(0xffffffff);
  for (std::size_t i = 0; i < limits::kMaxGroupsPerMessage; ++i) request.add_groups(0xffffffff);
  EXPECT_EQ(refusal(wire::KIND_STATE_REQUEST, request.SerializeAsString()), "accepted");
}

TEST_F(VerifierReviewTest, PiecesOfSnapshotsAreCounted) {
  wire::StateAnswer answer;
  for (std::size_t i = 0; i < limits::kMaxPagesPerMessage; ++i) answer.add_pages();
  EXPECT_EQ(refusal(wire::KIND_STATE, answer.SerializeAsString()), "accepted");
  answer.add_groups();
  EXPECT_EQ(refusal(wire::KIND_STATE, answer.SerializeAsString()), "too many pages");
  EXPECT_NE(refusal(wire::KIND_STATE, answer.SerializeAsString().substr(1)), "accepted");
  EXPECT_NE(refusal(wire::KIND_STATE, "\x07"), "accepted");
}

// It would be kept until the server has reached the sequence that it asks for.
TEST_F(VerifierReviewTest, AQueryIsNoLargerThanAnUpdate) {
  wire::ClientMessage message;
  message.mutable_query()->set_min_sequence(1'000'000);
  message.mutable_query()->set_payload(Bytes(limits::kMaxUpdateBytes, 'q'));
  Work work;
  EXPECT_TRUE(verifier_.from_client("client", message.SerializeAsString(), work).ok());
  message.mutable_query()->mutable_payload()->push_back('q');
  EXPECT_FALSE(verifier_.from_client("client", message.SerializeAsString(), work).ok());
}

}  // namespace
}  // namespace steward::replica
