#include "replica/verifier.h"

#include <functional>
#include <random>
#include <set>

#include "replica/testing/verifier_fixture.h"
#include "wire/limits.h"

namespace steward::replica::testing {
namespace {

TEST_F(VerifierTest, AcceptsEveryKindThatIsRight) {
  for (const auto& [name, from, bytes] : every_kind()) {
    EXPECT_EQ(refusal(from, bytes), "accepted") << name;
  }
}

TEST_F(VerifierTest, InnerMessagesOfTheSiteAreRefusedFromOutside) {
  for (const auto& [name, from, bytes] : every_kind()) {
    wire::Envelope envelope;
    ASSERT_TRUE(envelope.ParseFromString(bytes));
    envelope.set_site(1);
    envelope.set_server(1);
    const std::string reason = refusal({1, 1}, envelope.SerializeAsString());
    if (name == "forward") continue;  // anybody may forward
    EXPECT_EQ(reason, envelope.kind() == wire::KIND_SITE_DATA
                          ? "site data by way of a third site"
                          : "a site's inner message from outside")
        << name;
  }
}

TEST_F(VerifierTest, EnvelopesInAnothersNameAreRefused) {
  for (const auto& [name, from, bytes] : every_kind()) {
    const ServerId other{from.site, from.server == 3 ? 2 : from.server + 1};
    EXPECT_EQ(refusal(other, bytes), "an envelope in another server's name") << name;
    if (from.site == kSelf.site) {
      EXPECT_EQ(refusal({1, from.server}, bytes), "an envelope in another server's name");
    }
  }
}

// A changed frame may still be acceptable where nothing signed was touched; it never crashes, and
// what says that somebody voted is what that server signed.
TEST_F(VerifierTest, MutatedFramesNeverCrashAndNeverForge) {
  std::mt19937 random(3);
  for (const auto& [name, from, bytes] : every_kind()) {
    const auto original = receive(from, bytes);
    ASSERT_TRUE(original.ok());
    for (int round = 0; round < 2000; ++round) {
      Bytes mutated = bytes;
      for (auto changes = random() % 3 + 1; changes > 0 && !mutated.empty(); --changes) {
        const std::size_t at = random() % mutated.size();
        switch (random() % 4) {
          case 0:
            mutated[at] = static_cast<char>(mutated[at] ^ (1 << random() % 8));
            break;
          case 1:
            mutated.resize(at);
            break;
          case 2:
            mutated.insert(at, mutated.substr(at, random() % 40 + 1));
            break;
          default:
            mutated.erase(at, random() % 40 + 1);
        }
      }
      const auto result = receive(from, mutated);
      if (!result.ok()) continue;
      const auto* agreement = std::get_if<LocalAgreement>(&**result);
      const auto* expired = std::get_if<ExpiredTimer>(&**result);
      if (agreement != nullptr && !(*agreement->message)->header.empty()) {
        EXPECT_EQ((*agreement->message)->header,
                  (*std::get_if<LocalAgreement>(&**original)->message)->header);
      }
      if (expired != nullptr) {
        EXPECT_EQ(expired->proof, std::get_if<ExpiredTimer>(&**original)->proof);
      }
    }
  }
}

TEST_F(VerifierTest, EverySignedFieldCounts) {
  const auto batch = wire::make_batch({});
  const Bytes good = frame({0, 1}, wire::KIND_AGREEMENT, vote("prepare", batch->digest), true);
  ASSERT_TRUE(accepts({0, 1}, good));
  const auto changed = [&](const std::function<void(wire::AgreementMessage&)>& change) {
    wire::Envelope envelope;
    EXPECT_TRUE(envelope.ParseFromString(good));
    wire::AgreementMessage body;
    EXPECT_TRUE(body.ParseFromString(envelope.body()));
    change(body);
    envelope.set_body(body.SerializeAsString());
    return refusal({0, 1}, envelope.SerializeAsString());
  };
  const std::string refused = "a server's signature does not hold";
  EXPECT_EQ(changed([](auto& body) { body.mutable_prepare()->set_view(1); }), refused);
  EXPECT_EQ(changed([](auto& body) { body.mutable_prepare()->set_sequence(9); }), refused);
  EXPECT_EQ(changed([](auto& body) { body.mutable_prepare()->set_digest("d"); }), refused);
  EXPECT_EQ(changed([](auto& body) { *body.mutable_commit() = {}; }), refused);

  // As another kind, from another epoch or cluster, by another server.
  wire::Domain domain = keys_.domain;
  const Bytes body = vote("prepare", batch->digest).SerializeAsString();
  const auto signed_in = [&](const wire::Domain& where, wire::Kind kind, ServerId signer) {
    wire::Envelope envelope;
    EXPECT_TRUE(envelope.ParseFromString(good));
    envelope.set_signature(
        keys_.servers.at(signer)->sign(wire::server_statement(where, kind, signer, body)));
    return refusal({0, 1}, envelope.SerializeAsString());
  };
  EXPECT_EQ(signed_in(domain, wire::KIND_AGREEMENT, {0, 1}), "accepted");
  EXPECT_EQ(signed_in(domain, wire::KIND_SHARE, {0, 1}), refused);
  EXPECT_EQ(signed_in(domain, wire::KIND_AGREEMENT, {0, 2}), refused);
  domain.epoch = 1;
  EXPECT_EQ(signed_in(domain, wire::KIND_AGREEMENT, {0, 1}), refused);
  domain = {"another", 0};
  EXPECT_EQ(signed_in(domain, wire::KIND_AGREEMENT, {0, 1}), refused);
}

// Such a vote would count here, and spoil the certificate for all others.
TEST_F(VerifierTest, VotesInAnUnusualEncodingAreRefused) {
  const auto batch = wire::make_batch({});
  for (const char* kind : {"prepare", "commit", "checkpoint"}) {
    const Bytes body = vote(kind, batch->digest).SerializeAsString();
    const Bytes twice = body + body;                 // merges to the same message
    const Bytes unknown = body + Bytes("\x78\x01");  // a field that we do not know
    for (const Bytes& odd : {twice, unknown}) {
      EXPECT_EQ(refusal({0, 1}, frame_of({0, 1}, wire::KIND_AGREEMENT, odd, true)),
                "a vote in an unusual encoding");
      wire::Leaf odd_leaf = leaf(1, {});
      odd_leaf.set_body(odd);
      EXPECT_EQ(site_refusal(site_data(1, {odd_leaf})), "a vote in an unusual encoding");
    }
  }
  wire::TimerExpired timer;
  timer.set_timer(3);
  const Bytes odd = timer.SerializeAsString() + timer.SerializeAsString();
  EXPECT_EQ(refusal({0, 1}, frame_of({0, 1}, wire::KIND_TIMER_EXPIRED, odd, true)),
            "a timer proof in an unusual encoding");
}

TEST_F(VerifierTest, LocalCertificatesNeedAQuorumOfDistinctServers) {
  const auto batch = wire::make_batch({});
  const auto certificate = [&](const std::vector<ServerIndex>& signers, const Bytes& voted) {
    wire::AgreementMessage body = vote("stable", batch->digest);
    for (const ServerIndex server : signers) {
      body.mutable_stable_checkpoint()->add_proofs(
          header({0, server}, wire::KIND_AGREEMENT, voted));
    }
    return refusal({0, 1}, frame({0, 1}, wire::KIND_AGREEMENT, body));
  };
  const Bytes right = vote("checkpoint", batch->digest).SerializeAsString();
  EXPECT_EQ(certificate({0, 2, 3}, right), "accepted");
  EXPECT_EQ(certificate({0, 2}, right), "too few proofs for a certificate");
  EXPECT_EQ(certificate({0, 2, 2, 2}, right), "too many proofs");
  EXPECT_EQ(certificate({}, right), "too few proofs for a certificate");
  EXPECT_EQ(certificate({0, 2, 3}, vote("commit", batch->digest).SerializeAsString()),
            "a proof of something else");
  EXPECT_EQ(certificate(std::vector<ServerIndex>(65, 0), right), "too many proofs");

  wire::AgreementMessage foreign = vote("stable", batch->digest);
  for (const ServerIndex server : {0U, 1U, 2U}) {
    foreign.mutable_stable_checkpoint()->add_proofs(
        header({1, server}, wire::KIND_AGREEMENT, right));
  }
  EXPECT_EQ(refusal({0, 1}, frame({0, 1}, wire::KIND_AGREEMENT, foreign)),
            "a signature of an unknown server");
}

TEST_F(VerifierTest, BatchesAreCheckedBeforeTheyAreVotedFor) {
  const auto proposal = [&](const wire::LmEvent& event) {
    const auto batch = wire::make_batch({event.SerializeAsString()});
    return refusal({0, 1}, frame({0, 1}, wire::KIND_AGREEMENT, vote("pre_prepare", batch->digest),
                                 true, batch->encoded));
  };
  EXPECT_EQ(proposal({}), "an empty event");
  wire::LmEvent event;
  wire::SignedUpdate forged;
  ASSERT_TRUE(forged.ParseFromString(update()));
  forged.mutable_update()->back() ^= 1;
  event.set_client_update(forged.SerializeAsString());
  EXPECT_EQ(proposal(event), "a client's signature does not hold");
  const auto stranger = crypto::IdealAuthority(7).signer("stranger");
  event.set_client_update(test::signed_update(keys_, *stranger, 1, 1, "x"));
  EXPECT_EQ(proposal(event), "an update of an unknown client");
  *event.mutable_site_data() = site_data(1, {acknowledgement()});
  EXPECT_EQ(proposal(event), "accepted");
  event.mutable_site_data()->set_batch(8);
  EXPECT_EQ(proposal(event), "a site's signature does not hold");
  *event.mutable_site_data() = site_data(0, {acknowledgement()});
  EXPECT_EQ(proposal(event), "site data of an unknown site");

  const auto batch = wire::make_batch({});
  const auto other = wire::make_batch({"x"});
  EXPECT_EQ(refusal({0, 1}, frame({0, 1}, wire::KIND_AGREEMENT, vote("pre_prepare", batch->digest),
                                  true, other->encoded)),
            "a batch that does not match its digest");
}

TEST_F(VerifierTest, TimeOutsNeedServersThatSayTheSame) {
  const auto timeout = [&](std::vector<std::pair<ServerIndex, std::uint64_t>> proofs) {
    wire::LmEvent event;
    event.mutable_timeout()->set_timer(9);
    event.mutable_timeout()->set_generation(4);
    for (const auto& [server, generation] : proofs) {
      wire::TimerExpired expired;
      expired.set_timer(9);
      expired.set_generation(generation);
      event.mutable_timeout()->add_proofs(
          header({0, server}, wire::KIND_TIMER_EXPIRED, expired.SerializeAsString()));
    }
    const auto batch = wire::make_batch({event.SerializeAsString()});
    return refusal({0, 1}, frame({0, 1}, wire::KIND_AGREEMENT, vote("pre_prepare", batch->digest),
                                 true, batch->encoded));
  };
  EXPECT_EQ(timeout({{0, 4}, {3, 4}}), "accepted");
  EXPECT_EQ(timeout({{0, 4}}), "too few timer proofs");
  EXPECT_EQ(timeout({{3, 4}, {3, 4}}), "too few timer proofs");
  EXPECT_EQ(timeout({{0, 4}, {3, 5}}), "a proof of another timer");
}

TEST_F(VerifierTest, SiteDataIsWhatTheSiteSignedForUs) {
  const auto batch = wire::make_batch({update()});
  const wire::SiteData good =
      site_data(1, {leaf(4, vote("pre_prepare", batch->digest), batch),
                    leaf(5, vote("prepare", batch->digest)), acknowledgement()});
  ASSERT_EQ(site_refusal(good), "accepted");
  const auto changed = [&](const std::function<void(wire::SiteData&)>& change) {
    wire::SiteData data = good;
    change(data);
    return site_refusal(data);
  };
  const std::string outside = "a leaf that is not in its tree";
  EXPECT_EQ(changed([](auto& data) { data.mutable_leaves(1)->set_index(0); }), outside);
  EXPECT_EQ(changed([](auto& data) { data.mutable_leaves(2)->set_body("x"); }), outside);
  EXPECT_EQ(changed([](auto& data) { data.mutable_leaves(0)->clear_path(); }), outside);
  EXPECT_EQ(changed([](auto& data) { data.set_leaf_count(9); }), outside);
  EXPECT_EQ(changed([](auto& data) { data.set_root(Bytes(32, 'r')); }), outside);
  EXPECT_EQ(changed([](auto& data) { data.mutable_signature()->back() ^= 1; }),
            "a site's signature does not hold");
  EXPECT_EQ(changed([](auto& data) { data.set_batch(8); }), "a site's signature does not hold");
  EXPECT_EQ(changed([](auto& data) { data.clear_leaves(); }), "site data of impossible shape");
  EXPECT_EQ(changed([](auto& data) { data.set_leaf_count(0); }), "site data of impossible shape");
  EXPECT_EQ(changed([](auto& data) { data.mutable_leaves(0)->set_path(0, "x"); }),
            "a malformed path");
  EXPECT_EQ(changed([](auto& data) { data.mutable_leaves(2)->set_attachment("x"); }),
            "an attachment without use");
  EXPECT_EQ(changed([](auto& data) { data.mutable_leaves(1)->set_attachment("x"); }),
            "an attachment without use");
  const auto other = wire::make_batch({update(2)});
  EXPECT_EQ(changed([&](auto& data) { data.mutable_leaves(0)->set_attachment(other->encoded); }),
            "a wide batch that does not match its digest");
  // Leaves may be taken away from the ends, not from between.
  EXPECT_EQ(changed([](auto& data) { data.mutable_leaves()->DeleteSubrange(0, 1); }), "accepted");
  EXPECT_EQ(changed([](auto& data) { data.mutable_leaves()->SwapElements(0, 1); }),
            "a gap in site data");
}

TEST_F(VerifierTest, LeavesThatASiteShouldNotHaveSignedAreRefused) {
  const auto batch = wire::make_batch({});
  const auto plain = [&](std::uint64_t sequence) {
    return leaf(sequence, vote("prepare", batch->digest));
  };
  wire::Leaf elsewhere = plain(1);
  elsewhere.set_destination(2);
  EXPECT_EQ(site_refusal(site_data(1, {elsewhere})), "a leaf for another site");
  wire::Leaf strange = plain(1);
  strange.set_type(static_cast<wire::LeafType>(7));
  EXPECT_EQ(site_refusal(site_data(1, {strange})), "a leaf of an unknown type");
  EXPECT_EQ(site_refusal(site_data(1, {plain(4), plain(6)})), "a gap in site data");
  EXPECT_EQ(site_refusal(site_data(1, {plain(4), plain(4)})), "a gap in site data");
  EXPECT_EQ(site_refusal(site_data(1, {plain(0)})), "an impossible link sequence");
  EXPECT_EQ(site_refusal(site_data(1, {plain(~0ULL)})), "an impossible link sequence");
  EXPECT_EQ(site_refusal(site_data(1, {acknowledgement(), acknowledgement(2)})),
            "two acknowledgements at once");
  wire::Leaf skip = plain(9);
  skip.set_type(wire::LEAF_SKIP);
  EXPECT_EQ(site_refusal(site_data(1, {skip, plain(10)})), "accepted");
  EXPECT_EQ(site_refusal(site_data(1, {plain(8), skip})), "a skip out of place");
  const auto forged = wire::make_batch({"not an update"});
  EXPECT_NE(site_refusal(site_data(1, {leaf(1, vote("pre_prepare", forged->digest), forged)})),
            "accepted");
  const auto large = wire::make_batch({Bytes(limits::kMaxSiteDataBytes, 'x')});
  EXPECT_NE(site_refusal(site_data(1, {leaf(1, vote("pre_prepare", large->digest), large)})),
            "accepted");
}

TEST_F(VerifierTest, WideCertificatesNeedAQuorumOfSites) {
  const auto batch = wire::make_batch({update()});
  const wire::AgreementMessage commit = vote("commit", batch->digest);
  const wire::AgreementMessage checkpoint = vote("checkpoint", batch->digest);
  const auto committed = [&](const std::vector<Bytes>& proofs) {
    wire::AgreementMessage body = vote("committed", batch->digest);
    for (const Bytes& proof : proofs) body.mutable_committed()->add_proofs(proof);
    return site_refusal(site_data(1, {leaf(1, body, batch)}));
  };
  const auto stable = [&](const std::vector<Bytes>& proofs) {
    wire::AgreementMessage body = vote("stable", batch->digest);
    for (const Bytes& proof : proofs) body.mutable_stable_checkpoint()->add_proofs(proof);
    return site_refusal(site_data(1, {leaf(1, body)}));
  };
  // Quorum 3 of 4: the sender and two more; the votes of this site itself count like any.
  EXPECT_EQ(committed({wide_proof(2, commit), wide_proof(3, commit)}), "accepted");
  EXPECT_EQ(committed({wide_proof(0, commit), wide_proof(3, commit)}), "accepted");
  EXPECT_EQ(stable({wide_proof(2, checkpoint), wide_proof(3, checkpoint)}), "accepted");
  const std::string few = "too few sites for a certificate";
  EXPECT_EQ(committed({}), few);
  EXPECT_EQ(committed({wide_proof(2, commit)}), few);
  EXPECT_EQ(committed({wide_proof(2, commit), wide_proof(2, commit)}), few);
  EXPECT_EQ(committed({wide_proof(1, commit), wide_proof(2, commit)}), few);
  EXPECT_EQ(stable({wide_proof(3, checkpoint)}), few);
  const std::string other = "a proof of something else";
  EXPECT_EQ(committed({wide_proof(2, commit), wide_proof(3, vote("prepare", batch->digest))}),
            other);
  EXPECT_EQ(committed({wide_proof(2, commit), wide_proof(3, vote("commit", crypto::sha256("x")))}),
            other);
  EXPECT_EQ(stable({wide_proof(2, commit), wide_proof(3, commit)}), other);
  EXPECT_EQ(committed({wide_proof(2, commit), Bytes()}), "a proof of impossible shape");
  EXPECT_EQ(committed({wide_proof(2, commit), "garbage"}), "malformed proof");
  const auto spoilt = [&](const std::function<void(wire::SiteData&)>& change) {
    wire::SiteData data;
    EXPECT_TRUE(data.ParseFromString(wide_proof(3, commit)));
    change(data);
    return committed({wide_proof(2, commit), data.SerializeAsString()});
  };
  EXPECT_EQ(spoilt([](auto& data) { data.set_site(4); }), "a proof of impossible shape");
  EXPECT_EQ(spoilt([](auto& data) { data.set_site(0); }), "a leaf that is not in its tree");
  EXPECT_EQ(spoilt([](auto& data) { data.set_batch(1); }), "a site's signature does not hold");
  EXPECT_EQ(spoilt([](auto& data) { data.mutable_leaves(0)->set_attachment("x"); }), other);
  EXPECT_EQ(spoilt([](auto& data) { *data.add_leaves() = data.leaves(0); }),
            "a proof of impossible shape");
}

class PaxosVerifierTest : public VerifierTest {
 protected:
  PaxosVerifierTest() : VerifierTest(WideProtocol::kPaxos) {}
};

TEST_F(PaxosVerifierTest, WidePaxosProvesNothing) {
  const auto batch = wire::make_batch({update()});
  EXPECT_EQ(site_refusal(site_data(1, {leaf(1, vote("committed", batch->digest), batch),
                                       leaf(2, vote("stable", batch->digest))})),
            "accepted");
}

TEST_F(VerifierTest, ForwardedUpdatesAreCheckedOneByOne) {
  wire::Forward forward;
  forward.add_updates(update(1));
  forward.add_updates("garbage");
  EXPECT_FALSE(accepts({1, 3}, frame({1, 3}, wire::KIND_FORWARD, forward)));
  forward.clear_updates();
  for (std::size_t i = 0; i <= limits::kMaxForwardUpdates; ++i) forward.add_updates(update(1));
  EXPECT_EQ(refusal({1, 3}, frame({1, 3}, wire::KIND_FORWARD, forward)),
            "too many forwarded updates");
}

TEST_F(VerifierTest, OversizedFramesAndSharesAreRefused) {
  EXPECT_EQ(refusal({0, 1}, Bytes(limits::kMaxFrameBytes + 1, 'x')), "frame too large");
  wire::Share share;
  share.set_share(Bytes(limits::kMaxShareBytes, 's'));
  EXPECT_EQ(refusal({0, 1}, frame({0, 1}, wire::KIND_SHARE, share)), "accepted");
  share.set_proof(Bytes(limits::kMaxShareBytes + 1, 'p'));
  EXPECT_EQ(refusal({0, 1}, frame({0, 1}, wire::KIND_SHARE, share)), "share too large");
}

TEST_F(VerifierTest, WhatWasCheckedOnceIsNotCheckedAgain) {
  wire::Forward forward;
  forward.add_updates(update(1));
  const Bytes bytes = frame({1, 3}, wire::KIND_FORWARD, forward);
  Work first;
  ASSERT_TRUE(verifier_.from_server({1, 3}, bytes, first).ok());
  Work second;
  ASSERT_TRUE(verifier_.from_server({1, 3}, bytes, second).ok());
  EXPECT_EQ(first.server_signatures, 1U);
  EXPECT_EQ(second.server_signatures, 0U);
}

TEST_F(VerifierTest, OwnMessagesComeBackUnchecked) {
  const auto batch = wire::make_batch({"anything"});
  const Bytes own =
      frame(kSelf, wire::KIND_AGREEMENT, vote("pre_prepare", batch->digest), true, batch->encoded);
  ASSERT_TRUE(verifier_.from_self(own).ok());
  EXPECT_FALSE(verifier_.from_self("garbage").ok());
}

TEST_F(VerifierTest, ClientsSpeakForThemselvesOnly) {
  const Bytes name = keys_.client->public_key();
  const auto from = [&](BytesView client, const wire::ClientMessage& message) {
    Work work;
    return verifier_.from_client(client, message.SerializeAsString(), work).ok();
  };
  wire::ClientMessage message;
  ASSERT_TRUE(message.mutable_update()->ParseFromString(update()));
  EXPECT_TRUE(from(name, message));
  EXPECT_FALSE(from(keys_.other_client->public_key(), message));
  message.mutable_update()->mutable_signature()->back() ^= 1;
  EXPECT_FALSE(from(name, message));
  message.mutable_query()->set_payload("GET");
  EXPECT_TRUE(from(name, message));
  message.mutable_status_request()->set_id(1);
  EXPECT_TRUE(from(name, message));
  message.mutable_reply()->set_session(1);
  EXPECT_FALSE(from(name, message));
  message.mutable_cut_request()->set_cut(true);
  EXPECT_FALSE(from(name, message));
  EXPECT_FALSE(from(name, {}));
}

}  // namespace
}  // namespace steward::replica::testing
