// What a server lets in of what other sites say about the leader site.
#include <gtest/gtest.h>

#include "replica/testing/verifier_fixture.h"

namespace steward::replica::testing {
namespace {

class WidePbft : public VerifierTest {
 protected:
  wire::AgreementMessage ballot(const char* kind) { return vote(kind, digest_); }

  // Prepared at 8 in view 0, says the sender with these for proofs.
  wire::AgreementMessage view_change(const std::vector<Bytes>& proofs) {
    wire::AgreementMessage body;
    wire::ViewChange& out = *body.mutable_view_change();
    out.set_view(1);
    wire::Candidate& candidate = *out.add_candidates();
    candidate.set_sequence(8);
    candidate.set_digest(digest_.str());
    for (const Bytes& proof : proofs) candidate.add_proofs(proof);
    return body;
  }
  Bytes proposal() { return wide_proof(0, ballot("pre_prepare")); }
  Bytes prepare(SiteId site) { return wide_proof(site, ballot("prepare")); }

  std::string heard(SiteId from, const wire::AgreementMessage& body) {
    return site_refusal(site_data(from, {leaf(1, body)}));
  }
  wire::AgreementMessage evidence(SiteId of, const wire::AgreementMessage& said) {
    wire::AgreementMessage body;
    body.mutable_evidence()->set_header(wide_proof(of, said));
    return body;
  }

  const crypto::Digest digest_ = crypto::sha256("a batch");
};

TEST_F(WidePbft, TheSendersOwnVoteNeedsNoProof) {
  EXPECT_EQ(heard(1, view_change({proposal(), prepare(2)})), "accepted");
  EXPECT_EQ(heard(1, view_change({proposal(), prepare(2), prepare(3)})), "accepted");
}

TEST_F(WidePbft, APreparedCertificateIsAQuorumWithTheLeader) {
  const char* few = "a prepared certificate without a quorum";
  EXPECT_EQ(heard(1, view_change({proposal()})), few);
  EXPECT_EQ(heard(1, view_change({proposal(), prepare(1)})), few) << "itself twice";
  EXPECT_EQ(heard(1, view_change({prepare(2), prepare(3)})), few) << "no proposal";
  EXPECT_EQ(heard(1, view_change({proposal(), proposal(), proposal()})), few);
  EXPECT_EQ(heard(1, view_change({wide_proof(0, ballot("prepare")), prepare(2)})),
            "a proof of something else");
  EXPECT_EQ(heard(1, view_change({proposal(), wide_proof(2, ballot("commit"))})),
            "a proof of something else");
}

TEST_F(WidePbft, AForgedProofIsNoProof) {
  wire::SiteData forged;
  ASSERT_TRUE(forged.ParseFromString(prepare(2)));
  forged.set_site(3);
  EXPECT_NE(heard(1, view_change({proposal(), forged.SerializeAsString()})), "accepted");
}

TEST_F(WidePbft, EvidenceIsWhatAnotherSiteSigned) {
  const auto said = view_change({proposal(), prepare(3)});
  EXPECT_EQ(heard(1, evidence(2, said)), "accepted");
  wire::AgreementMessage forged = evidence(2, said);
  wire::SiteData data;
  ASSERT_TRUE(data.ParseFromString(forged.evidence().header()));
  data.mutable_leaves(0)->set_body(view_change({}).SerializeAsString());
  forged.mutable_evidence()->set_header(data.SerializeAsString());
  EXPECT_EQ(heard(1, forged), "a leaf that is not in its tree");
  EXPECT_EQ(heard(1, evidence(2, ballot("prepare"))), "evidence of something else");
  EXPECT_EQ(heard(1, evidence(2, evidence(3, said))), "evidence of something else");
  EXPECT_EQ(heard(1, evidence(2, view_change({proposal()}))),
            "a prepared certificate without a quorum");
}

// Site 2 has learned of it from the votes of 0 and 3, and says so; its word stands for a vote.
TEST_F(WidePbft, AnotherSitesCertificateIsItsWord) {
  wire::AgreementMessage word = ballot("stable");
  word.mutable_stable_checkpoint()->add_proofs(wide_proof(0, ballot("checkpoint")));
  word.mutable_stable_checkpoint()->add_proofs(wide_proof(3, ballot("checkpoint")));
  wire::AgreementMessage passed = word;
  EXPECT_EQ(heard(1, passed), "accepted");
  passed.mutable_stable_checkpoint()->clear_proofs();
  passed.mutable_stable_checkpoint()->add_proofs(wide_proof(0, ballot("checkpoint")));
  EXPECT_EQ(heard(1, passed), "too few sites for a certificate");
  passed.mutable_stable_checkpoint()->add_proofs(wide_proof(2, word));
  EXPECT_EQ(heard(1, passed), "accepted");
  wire::AgreementMessage other = word;
  other.mutable_stable_checkpoint()->set_sequence(16);
  passed.mutable_stable_checkpoint()->set_proofs(1, wide_proof(2, other));
  EXPECT_EQ(heard(1, passed), "a proof of something else");
}

TEST_F(WidePbft, ALateUpdateIsOneThatAClientSigned) {
  wire::Leaf late = leaf(1, {});
  late.set_type(wire::LEAF_UPDATE);
  late.set_body(update());
  EXPECT_EQ(site_refusal(site_data(1, {late})), "accepted");
  late.set_body("an update");
  EXPECT_NE(site_refusal(site_data(1, {late})), "accepted");
  wire::SignedUpdate forged;
  ASSERT_TRUE(forged.ParseFromString(update()));
  forged.set_signature("signature");
  late.set_body(forged.SerializeAsString());
  EXPECT_EQ(site_refusal(site_data(1, {late})), "a client's signature does not hold");
}

class WidePaxos : public VerifierTest {
 protected:
  WidePaxos() : VerifierTest(WideProtocol::kPaxos) {}
};

TEST_F(WidePaxos, NothingIsProven) {
  wire::AgreementMessage body;
  body.mutable_view_change()->set_view(1);
  EXPECT_EQ(site_refusal(site_data(1, {leaf(1, body)})), "accepted");
  body.mutable_evidence()->set_header("header");
  EXPECT_EQ(site_refusal(site_data(1, {leaf(1, body)})), "evidence where nothing is proven");
  wire::ViewChange& large = *body.mutable_view_change();
  for (int i = 0; i < 17; ++i) large.add_candidates();
  EXPECT_EQ(site_refusal(site_data(1, {leaf(1, body)})), "a view change for more than the window");
}

}  // namespace
}  // namespace steward::replica::testing
