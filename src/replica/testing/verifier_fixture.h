// For tests: one server's verifier in a cluster of four sites with everybody's keys, and frames of
// every kind made with them.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <tuple>
#include <vector>

#include "crypto/merkle.h"
#include "replica/server.h"
#include "replica/verifier.h"
#include "site/testing/sites.h"

namespace steward::replica::testing {

namespace test = site::testing;

inline constexpr std::uint32_t kSites = 4;
inline constexpr ServerId kSelf{0, 0};

inline wire::AgreementMessage vote(const char* kind, const crypto::Digest& digest) {
  wire::AgreementMessage body;
  const auto fill = [&](auto* message) {
    message->set_view(0);
    message->set_sequence(8);
    message->set_digest(digest.str());
  };
  const std::string_view name = kind;
  if (name == "pre_prepare") fill(body.mutable_pre_prepare());
  if (name == "prepare") fill(body.mutable_prepare());
  if (name == "commit") fill(body.mutable_commit());
  if (name == "proposal") fill(body.mutable_proposal());
  if (name == "committed") fill(body.mutable_committed());
  if (name == "checkpoint") {
    body.mutable_checkpoint()->set_sequence(8);
    body.mutable_checkpoint()->set_digest(digest.str());
  }
  if (name == "stable") {
    body.mutable_stable_checkpoint()->set_sequence(8);
    body.mutable_stable_checkpoint()->set_digest(digest.str());
  }
  return body;
}

// One server's verifier in a cluster of four pbft sites, and everybody's keys.
class VerifierTest : public ::testing::Test {
 protected:
  explicit VerifierTest(WideProtocol wide = WideProtocol::kPbft)
      : config_(test::cluster(kSites, 4, LocalProtocol::kPbft, wide)),
        keys_(test::make_keys(config_)),
        verifier_(config_, keys_.directory, kSelf) {}

  Result<wire::Verified<Inbound>> receive(ServerId from, BytesView frame) {
    Work work;
    return verifier_.from_server(from, frame, work);
  }
  bool accepts(ServerId from, BytesView frame) { return receive(from, frame).ok(); }
  std::string refusal(ServerId from, BytesView frame) {
    const auto result = receive(from, frame);
    return result.ok() ? "accepted" : result.error().message;
  }

  template <class Message>
  Bytes frame(ServerId from, wire::Kind kind, const Message& message, bool sign = false,
              const Bytes& attachment = {}) {
    return frame_of(from, kind, message.SerializeAsString(), sign, attachment);
  }
  Bytes frame_of(ServerId from, wire::Kind kind, const Bytes& body, bool sign,
                 const Bytes& attachment = {}) {
    Outgoing outgoing;
    outgoing.kind = kind;
    outgoing.sign = sign;
    outgoing.body = body;
    wire::Envelope envelope;
    EXPECT_TRUE(envelope.ParseFromString(
        make_frame(outgoing, keys_.domain, from, *keys_.servers.at(from))));
    envelope.set_attachment(attachment);
    return envelope.SerializeAsString();
  }
  Bytes update(std::uint64_t timestamp = 1) {
    return test::signed_update(keys_, *keys_.client, 1, timestamp, "payload");
  }
  Bytes header(ServerId from, wire::Kind kind, const Bytes& body) {
    wire::SignedHeader header;
    header.set_site(from.site);
    header.set_server(from.server);
    header.set_body(body);
    header.set_signature(
        keys_.servers.at(from)->sign(wire::server_statement(keys_.domain, kind, from, body)));
    return header.SerializeAsString();
  }

  // One signing batch of a site: all leaves of its tree.
  wire::SiteData site_data(SiteId from, std::vector<wire::Leaf> leaves) {
    wire::SiteData data;
    data.set_site(from);
    data.set_batch(7);
    data.set_leaf_count(static_cast<std::uint32_t>(leaves.size()));
    std::vector<crypto::Digest> hashes;
    for (const wire::Leaf& leaf : leaves) {
      hashes.push_back(crypto::merkle_leaf(wire::leaf_statement(keys_.domain, from, leaf)));
    }
    const crypto::MerkleTree tree(std::move(hashes));
    data.set_root(tree.root().str());
    for (std::size_t i = 0; i < leaves.size(); ++i) {
      leaves[i].set_index(static_cast<std::uint32_t>(i));
      for (const auto& step : tree.path(i)) leaves[i].add_path(step.str());
      *data.add_leaves() = leaves[i];
    }
    data.set_signature(keys_.site_signature(
        from, wire::site_statement(keys_.domain, from, 7, data.leaf_count(), tree.root())));
    return data;
  }
  wire::Leaf leaf(std::uint64_t link_sequence, const wire::AgreementMessage& body,
                  const wire::BatchPtr& batch = nullptr) {
    wire::Leaf out;
    out.set_destination(kSelf.site);
    out.set_link_sequence(link_sequence);
    out.set_body(body.SerializeAsString());
    if (batch) out.set_attachment(batch->encoded);
    return out;
  }
  wire::Leaf acknowledgement(std::uint64_t number = 1) {
    wire::AckVector ack;
    ack.set_number(number);
    wire::Leaf out;
    out.set_type(wire::LEAF_ACK);
    out.set_destination(site::blink::kEverySite);
    out.set_body(ack.SerializeAsString());
    return out;
  }
  Bytes site_frame(const wire::SiteData& data) {
    return frame({data.site(), 2}, wire::KIND_SITE_DATA, data);
  }
  // What a leaf_header() shows of another site's vote.
  Bytes wide_proof(SiteId from, const wire::AgreementMessage& body) {
    wire::Leaf voted = leaf(3, body);
    voted.set_destination((from + 1) % kSites);
    wire::SiteData data = site_data(from, {voted, acknowledgement()});
    data.mutable_leaves()->RemoveLast();
    return data.SerializeAsString();
  }
  std::string site_refusal(const wire::SiteData& data) {
    return refusal({data.site(), 2}, site_frame(data));
  }

  // A valid frame of every kind, by name, with the server that it comes from.
  std::vector<std::tuple<std::string, ServerId, Bytes>> every_kind();

  const ClusterConfig config_;
  const test::Keys keys_;
  Verifier verifier_;
};

inline std::vector<std::tuple<std::string, ServerId, Bytes>> VerifierTest::every_kind() {
  const ServerId peer{0, 1};
  std::vector<std::tuple<std::string, ServerId, Bytes>> frames;
  const auto add = [&](const std::string& name, Bytes bytes, ServerId from) {
    frames.emplace_back(name, from, std::move(bytes));
  };
  wire::LmEvent updated;
  updated.set_client_update(update());
  wire::LmEvent heard;
  const auto wide_batch = wire::make_batch({update(2)});
  wire::AgreementMessage wide_committed = vote("committed", wide_batch->digest);
  for (const SiteId site : {1U, 3U}) {
    wide_committed.mutable_committed()->add_proofs(
        wide_proof(site, vote("commit", wide_batch->digest)));
  }
  const wire::SiteData data =
      site_data(2, {leaf(4, vote("pre_prepare", wide_batch->digest), wide_batch),
                    leaf(5, vote("commit", wide_batch->digest)),
                    leaf(6, wide_committed, wide_batch), acknowledgement()});
  *heard.mutable_site_data() = data;
  wire::LmEvent expired;
  wire::TimerExpired timer;
  timer.set_timer(9);
  timer.set_generation(4);
  expired.mutable_timeout()->set_timer(9);
  expired.mutable_timeout()->set_generation(4);
  for (const ServerIndex server : {1U, 3U}) {
    expired.mutable_timeout()->add_proofs(
        header({0, server}, wire::KIND_TIMER_EXPIRED, timer.SerializeAsString()));
  }
  const auto batch = wire::make_batch(
      {updated.SerializeAsString(), heard.SerializeAsString(), expired.SerializeAsString()});
  add("pre_prepare",
      frame(peer, wire::KIND_AGREEMENT, vote("pre_prepare", batch->digest), true, batch->encoded),
      peer);
  for (const char* kind : {"prepare", "commit", "checkpoint"}) {
    add(kind, frame(peer, wire::KIND_AGREEMENT, vote(kind, batch->digest), true), peer);
  }
  wire::AgreementMessage committed = vote("committed", batch->digest);
  wire::AgreementMessage stable = vote("stable", batch->digest);
  for (const ServerIndex server : {1U, 2U, 3U}) {
    const auto proof = [&](const char* kind) {
      return header({0, server}, wire::KIND_AGREEMENT,
                    vote(kind, batch->digest).SerializeAsString());
    };
    committed.mutable_committed()->add_proofs(proof("commit"));
    stable.mutable_stable_checkpoint()->add_proofs(proof("checkpoint"));
  }
  add("committed", frame(peer, wire::KIND_AGREEMENT, committed, false, batch->encoded), peer);
  add("stable", frame(peer, wire::KIND_AGREEMENT, stable), peer);
  add("timer", frame(peer, wire::KIND_TIMER_EXPIRED, timer, true), peer);
  wire::Share share;
  share.set_batch(3);
  share.set_share("share");
  share.set_proof("proof");
  add("share", frame(peer, wire::KIND_SHARE, share), peer);
  wire::ShareRequest share_request;
  share_request.set_batch(3);
  add("share request", frame(peer, wire::KIND_SHARE_REQUEST, share_request), peer);
  add("site data", site_frame(data), {2, 2});
  add("site data within", frame(peer, wire::KIND_SITE_DATA, data), peer);
  wire::Forward forward;
  forward.add_updates(update(3));
  forward.add_updates(update(4));
  add("forward", frame({1, 3}, wire::KIND_FORWARD, forward), {1, 3});
  wire::StateRequest state_request;
  state_request.set_sequence(8);
  state_request.add_pages(5);
  add("state request", frame(peer, wire::KIND_STATE_REQUEST, state_request), peer);
  wire::StateAnswer state;
  state.add_groups()->set_key(5);
  state.add_pages()->set_content("page");
  add("state", frame(peer, wire::KIND_STATE, state), peer);
  return frames;
}

}  // namespace steward::replica::testing
