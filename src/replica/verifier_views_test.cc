// What servers say about views, at the edge: nothing counts but what was signed.
#include <functional>
#include <random>

#include "replica/testing/verifier_fixture.h"
#include "wire/limits.h"

namespace steward::replica::testing {
namespace {

class VerifierViewsTest : public VerifierTest {
 protected:
  Bytes proof(ServerIndex from, const char* kind, const crypto::Digest& digest) {
    return header({0, from}, wire::KIND_AGREEMENT, vote(kind, digest).SerializeAsString());
  }

  // Prepared at 8 in view 0, with a stable checkpoint before it.
  wire::AgreementMessage view_change() {
    wire::AgreementMessage body;
    wire::ViewChange& out = *body.mutable_view_change();
    out.set_view(1);
    out.mutable_checkpoint()->set_sequence(8);
    out.mutable_checkpoint()->set_digest(digest_.str());
    for (const ServerIndex from : {0U, 1U, 3U}) {
      out.mutable_checkpoint()->add_proofs(proof(from, "checkpoint", digest_));
    }
    wire::Candidate& candidate = *out.add_candidates();
    candidate.set_sequence(8);
    candidate.set_digest(digest_.str());
    candidate.add_proofs(proof(0, "pre_prepare", digest_));
    for (const ServerIndex from : {2U, 3U}) {
      candidate.add_proofs(proof(from, "prepare", digest_));
    }
    return body;
  }
  std::string refused(const wire::AgreementMessage& body) {
    return refusal({0, 1}, frame({0, 1}, wire::KIND_VIEW_CHANGE, body, true));
  }
  std::string refused(const std::function<void(wire::ViewChange&)>& change) {
    wire::AgreementMessage body = view_change();
    change(*body.mutable_view_change());
    return refused(body);
  }

  const crypto::Digest digest_ = crypto::sha256("a batch");
};

TEST_F(VerifierViewsTest, WhatIsRightIsAcceptedFromItsSignerAndPassedOn) {
  wire::AgreementMessage new_view;
  new_view.mutable_new_view()->set_view(1);
  for (const wire::AgreementMessage& body : {view_change(), new_view}) {
    EXPECT_EQ(refused(body), "accepted");
    wire::AgreementMessage shown;
    shown.mutable_evidence()->set_header(
        header({0, 2}, wire::KIND_VIEW_CHANGE, body.SerializeAsString()));
    const auto result = receive({0, 1}, frame({0, 1}, wire::KIND_VIEW_CHANGE, shown));
    ASSERT_TRUE(result.ok()) << result.error().message;
    const auto& message = **std::get<LocalAgreement>(**result).message;
    EXPECT_EQ(message.from, 2U);
    EXPECT_EQ(message.body.SerializeAsString(), body.SerializeAsString());
    EXPECT_EQ(message.header, shown.evidence().header());
  }
}

TEST_F(VerifierViewsTest, ForgedCertificatesAreRefused) {
  const std::string short_of = "a prepared certificate without a quorum";
  const auto candidate = [](wire::ViewChange& body) { return body.mutable_candidates(0); };
  EXPECT_EQ(refused([&](auto& body) { candidate(body)->mutable_proofs()->RemoveLast(); }),
            short_of);
  EXPECT_EQ(
      refused([&](auto& body) { *candidate(body)->add_proofs() = proof(1, "prepare", digest_); }),
      short_of);
  // One server twice; the leader's Prepare for its proposal; no proposal at all.
  EXPECT_EQ(
      refused([&](auto& body) { candidate(body)->set_proofs(2, proof(2, "prepare", digest_)); }),
      short_of);
  EXPECT_EQ(
      refused([&](auto& body) { candidate(body)->set_proofs(1, proof(0, "prepare", digest_)); }),
      "a vote for something else");
  EXPECT_EQ(
      refused([&](auto& body) { candidate(body)->set_proofs(0, proof(1, "prepare", digest_)); }),
      short_of);
  // For another batch, view or sequence; another kind of vote.
  EXPECT_EQ(refused([&](auto& body) { candidate(body)->set_digest(crypto::sha256("b").str()); }),
            "a vote for something else");
  EXPECT_EQ(refused([&](auto& body) { candidate(body)->set_sequence(9); }),
            "a vote for something else");
  EXPECT_EQ(
      refused([&](auto& body) { candidate(body)->set_proofs(1, proof(2, "commit", digest_)); }),
      "a vote for something else");
  // A signature that is not one.
  EXPECT_EQ(refused([&](auto& body) {
              Bytes forged = proof(2, "prepare", digest_);
              forged.back() = static_cast<char>(forged.back() ^ 1);
              candidate(body)->set_proofs(1, forged);
            }),
            "a server's signature does not hold");
  EXPECT_EQ(refused([&](auto& body) {
              candidate(body)->set_proofs(1, Bytes(limits::kMaxVoteBytes + 1, 'x'));
            }),
            "a vote too large");
  EXPECT_EQ(refused([&](auto& body) { body.mutable_checkpoint()->mutable_proofs()->RemoveLast(); }),
            "too few proofs for a certificate");
}

TEST_F(VerifierViewsTest, WhatNobodySignedIsRefused) {
  const Bytes unsigned_frame = frame({0, 1}, wire::KIND_VIEW_CHANGE, view_change());
  EXPECT_EQ(refusal({0, 1}, unsigned_frame), "a server's signature does not hold");
  wire::AgreementMessage shown;
  shown.mutable_evidence()->set_header(
      header({0, 2}, wire::KIND_AGREEMENT, view_change().SerializeAsString()));
  EXPECT_EQ(refused(shown), "a server's signature does not hold");  // signed as something else
  shown.mutable_evidence()->set_header(
      header({0, 2}, wire::KIND_VIEW_CHANGE, vote("prepare", digest_).SerializeAsString()));
  EXPECT_EQ(refused(shown), "not a message about views");
  EXPECT_EQ(refused(vote("prepare", digest_)), "not a message about views");
}

// Who lost its memory says so itself, and others show it.
TEST_F(VerifierViewsTest, BirthsAreShownAsTheirServersSignedThem) {
  wire::Introduction hello;
  hello.mutable_hello()->mutable_life()->set_since(7);
  hello.mutable_hello()->mutable_life()->set_view_bound(2);
  const Bytes said = hello.SerializeAsString();
  const auto refused_with = [&](const Bytes& birth) {
    return refused([&](auto& body) { body.add_births(birth); });
  };
  EXPECT_EQ(refused_with(header({0, 3}, wire::KIND_AGREEMENT, said)),
            "a server's signature does not hold");
  hello.mutable_awaited();
  EXPECT_EQ(refused_with(header({0, 3}, wire::KIND_INTRODUCTION, hello.SerializeAsString())),
            "not an introduction");
  EXPECT_EQ(refused_with(Bytes(limits::kMaxVoteBytes + 1, 'x')), "an introduction too large");
  EXPECT_EQ(refused([&](auto& body) {
              for (int i = 0; i < 5; ++i) {
                body.add_births(header({0, 3}, wire::KIND_INTRODUCTION, said));
              }
            }),
            "more births than servers");
  wire::AgreementMessage body = view_change();
  body.mutable_view_change()->add_births(header({0, 3}, wire::KIND_INTRODUCTION, said));
  const auto result = receive({0, 1}, frame({0, 1}, wire::KIND_VIEW_CHANGE, body, true));
  ASSERT_TRUE(result.ok()) << result.error().message;
  const auto& births = (**std::get<LocalAgreement>(**result).message).births;
  ASSERT_EQ(births.size(), 1U);
  EXPECT_EQ(births.at(3).since, 7U);
  EXPECT_EQ(births.at(3).view, 2U);
}

TEST_F(VerifierViewsTest, AHelloIsSigned) {
  wire::Introduction hello;
  hello.mutable_hello()->mutable_life()->set_incarnation(7);
  const auto sent = [&](bool sign) { return frame({0, 1}, wire::KIND_INTRODUCTION, hello, sign); };
  EXPECT_EQ(refusal({0, 1}, sent(false)), "a server's signature does not hold");
  const auto result = receive({0, 1}, sent(true));
  ASSERT_TRUE(result.ok()) << result.error().message;
  EXPECT_EQ(std::get<Introduced>(**result).header,
            header({0, 1}, wire::KIND_INTRODUCTION, hello.SerializeAsString()));
}

TEST_F(VerifierViewsTest, TheSizeIsBounded) {
  const auto many = 2 * config_.ordering.checkpoint_interval + 1;
  wire::AgreementMessage body;
  for (std::uint32_t i = 0; i < many; ++i) body.mutable_view_change()->add_candidates();
  EXPECT_EQ(refused(body), "a view change for more than the window");
  const std::size_t most = limits::max_view_change_bytes(3, config_.ordering.checkpoint_interval);
  body.mutable_view_change()->mutable_checkpoint()->set_digest(Bytes(most, 'x'));
  EXPECT_EQ(refused(body), "a view change too large");
}

// What a server was shown as a certificate it shows in its own view changes.
TEST_F(VerifierViewsTest, AStableCheckpointIsNoLargerThanAViewChangeHasRoomFor) {
  wire::AgreementMessage stable = vote("stable", digest_);
  for (const ServerIndex from : {0U, 1U, 3U}) {
    wire::SignedHeader padded;
    ASSERT_TRUE(padded.ParseFromString(proof(from, "checkpoint", digest_)));
    Bytes bytes = padded.SerializeAsString();
    const std::size_t padding = 20'000;  // a field that nobody knows: number 15, by length
    bytes += static_cast<char>(15 << 3 | 2);
    for (std::size_t left = padding; left > 0; left >>= 7) {
      bytes += static_cast<char>((left & 0x7f) | (left > 0x7f ? 0x80 : 0));
    }
    bytes.append(padding, 'x');
    stable.mutable_stable_checkpoint()->add_proofs(bytes);
  }
  const std::string verdict = refusal({0, 1}, frame({0, 1}, wire::KIND_AGREEMENT, stable));
  EXPECT_NE(verdict, "accepted");
  if (verdict != "accepted") return;
  // All the room for candidates is taken: what a correct server says is refused.
  wire::AgreementMessage body = view_change();
  *body.mutable_view_change()->mutable_checkpoint() = stable.stable_checkpoint();
  EXPECT_EQ(refused(body), "accepted");
}

TEST_F(VerifierViewsTest, WhatIsAcceptedCanBePassedOn) {
  const std::size_t most = limits::max_view_change_bytes(3, config_.ordering.checkpoint_interval);
  wire::AgreementMessage body;
  body.mutable_view_change()->set_view(1);
  Bytes& padding = *body.mutable_view_change()->mutable_checkpoint()->mutable_digest();
  padding.resize(most - 64);
  padding.resize(padding.size() + most - body.ByteSizeLong());
  ASSERT_EQ(body.ByteSizeLong(), most);
  wire::AgreementMessage shown;
  shown.mutable_evidence()->set_header(
      header({0, 1}, wire::KIND_VIEW_CHANGE, body.SerializeAsString()));
  const std::string direct = refused(body);
  EXPECT_EQ(refusal({0, 2}, frame({0, 2}, wire::KIND_VIEW_CHANGE, shown)), direct);
}

TEST_F(VerifierViewsTest, MutatedFramesNeverCrashAndNeverForge) {
  std::mt19937 random(5);
  const Bytes good = frame({0, 1}, wire::KIND_VIEW_CHANGE, view_change(), true);
  for (int round = 0; round < 2000; ++round) {
    Bytes mutated = good;
    const std::size_t at = random() % mutated.size();
    if (random() % 2 == 0) {
      mutated[at] = static_cast<char>(mutated[at] ^ (1 << random() % 8));
    } else {
      mutated.erase(at, random() % 40 + 1);
    }
    const auto result = receive({0, 1}, mutated);
    if (!result.ok()) continue;
    const auto& message = **std::get<LocalAgreement>(**result).message;
    EXPECT_EQ(message.body.SerializeAsString(), view_change().SerializeAsString());
  }
}

}  // namespace
}  // namespace steward::replica::testing
