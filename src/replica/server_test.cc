// Whole servers of one site: what they hold against each other, and what waits for the disk before
// it leaves.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "replica/promises.h"
#include "replica/testing/running_site.h"

namespace steward::replica {
namespace {

using testing::RunningSite;

ClusterConfig one_site(std::uint32_t servers, LocalProtocol local) {
  ClusterConfig config = site::testing::cluster(1, servers, local, WideProtocol::kPaxos);
  config.ordering.checkpoint_interval = 4;
  return config;
}

// --- evidence

class EvidenceTest : public ::testing::Test {
 protected:
  EvidenceTest() : site_(one_site(4, LocalProtocol::kPbft)) {
    site_.start_all();
    site_.watch = [this](ServerIndex server, const Output& output) {
      for (const Outgoing& outgoing : output.sends) {
        if (outgoing.kind != wire::KIND_ACCUSATION) continue;
        ++shown_;
        const bool written = wrote_evidence(output.write) || on_disk(server);
        shown_in_time_ = shown_in_time_ && outgoing.promise && written;
        synced_ = synced_ && (output.sync || on_disk(server));
      }
    };
  }

  static bool is_evidence(const Bytes& key) { return key.size() == 5 && key[0] == 'e'; }
  static bool wrote_evidence(const storage::WriteBatch& write) {
    return std::any_of(write.puts.begin(), write.puts.end(),
                       [](const auto& put) { return is_evidence(put.first); });
  }
  bool on_disk(ServerIndex server) const {
    const auto& disk = site_.disk(server);
    return std::any_of(disk.begin(), disk.end(),
                       [](const auto& entry) { return is_evidence(entry.first); });
  }

  // A share that `server` signed, right or wrong, as others may show it.
  Outgoing share_of(ServerIndex server, bool right) {
    const crypto::Digest root = crypto::sha256("a root");
    const Bytes statement = wire::site_statement(site_.keys().domain, 0, 7, 1, root);
    const crypto::SiteKeyShare& key = *site_.keys().shares[0][server];
    wire::Share share;
    share.set_batch(7);
    share.set_root(root.str());
    share.set_leaf_count(1);
    share.set_share(key.share(statement));
    share.set_proof(key.prove(statement, share.share()));
    char& last = share.mutable_share()->back();
    if (!right) last = last == 'x' ? 'y' : 'x';
    const Bytes body = share.SerializeAsString();
    wire::SignedHeader header;
    header.set_server(server);
    header.set_body(body);
    header.set_signature(site_.keys()
                             .servers.at({0, server})
                             ->sign(wire::server_statement(site_.keys().domain, wire::KIND_SHARE,
                                                           {0, server}, body)));
    Outgoing accusation;
    accusation.kind = wire::KIND_ACCUSATION;
    accusation.body = header.SerializeAsString();
    return accusation;
  }

  // What a server holds against others, by their number.
  std::map<ServerIndex, wire::Offence> held_by(ServerIndex server) {
    std::map<ServerIndex, wire::Offence> held;
    const wire::StatusReply status = site_.at(server).status();
    for (const wire::Evidence& one : status.evidence()) {
      held[one.server()] = one.offence();
    }
    return held;
  }
  static std::map<ServerIndex, wire::Offence> only(ServerIndex accused, wire::Offence offence) {
    return {{accused, offence}};
  }

  RunningSite site_;
  int shown_ = 0;
  bool shown_in_time_ = true;
  bool synced_ = true;
};

TEST_F(EvidenceTest, OneServersWordWithAWrongShareConvincesAll) {
  site_.say(2, 0, share_of(1, false));
  site_.run();
  for (const ServerIndex server : {0U, 2U, 3U}) {
    EXPECT_EQ(held_by(server), only(1, wire::OFFENCE_WRONG_SHARE)) << server;
    EXPECT_FALSE(site_.at(server).status().evidence(0).header().empty());
  }
  EXPECT_TRUE(held_by(1).empty());
  EXPECT_EQ(shown_, 3);
}

TEST_F(EvidenceTest, LeavesOnlyWithItsRecord) {
  site_.say(2, 0, share_of(1, false));
  site_.run();
  site_.pass(10s);
  EXPECT_GE(shown_, 6);
  EXPECT_TRUE(shown_in_time_);
  EXPECT_TRUE(synced_);
}

TEST_F(EvidenceTest, ARightShareShownAsWrongMarksTheAccuser) {
  site_.say(2, 0, share_of(1, true));
  site_.run();
  EXPECT_EQ(held_by(0), only(2, wire::OFFENCE_FALSE_ACCUSATION));
  EXPECT_TRUE(held_by(3).empty()) << "what convinced one convinces no other";
  EXPECT_EQ(shown_, 0);
  // Nor is such a one listened to any more, even if it is right for once.
  site_.say(2, 0, share_of(1, false));
  site_.run();
  EXPECT_EQ(held_by(0), only(2, wire::OFFENCE_FALSE_ACCUSATION));
}

TEST_F(EvidenceTest, WhatConvincesAllTakesThePlaceOfWhatConvincesOne) {
  site_.say(2, 0, share_of(1, true));
  site_.run();
  ASSERT_EQ(held_by(0), only(2, wire::OFFENCE_FALSE_ACCUSATION));
  site_.say(3, 0, share_of(2, false));
  site_.run();
  for (const ServerIndex server : {0U, 1U, 3U}) {
    EXPECT_EQ(held_by(server), only(2, wire::OFFENCE_WRONG_SHARE)) << server;
  }
}

TEST_F(EvidenceTest, AShareWithoutProofOrOfAnotherEpochShowsNothing) {
  for (const bool other_epoch : {false, true}) {
    Outgoing accusation = share_of(1, true);
    wire::SignedHeader header;
    wire::Share share;
    ASSERT_TRUE(header.ParseFromString(accusation.body) && share.ParseFromString(header.body()));
    if (other_epoch) {
      share.set_share_epoch(share.share_epoch() + 1);
    } else {
      share.clear_proof();
    }
    header.set_body(share.SerializeAsString());
    header.set_signature(site_.keys().servers.at({0, 1})->sign(
        wire::server_statement(site_.keys().domain, wire::KIND_SHARE, {0, 1}, header.body())));
    accusation.body = header.SerializeAsString();
    site_.say(2, 0, accusation);
    site_.run();
    EXPECT_TRUE(held_by(0).empty());
  }
}

TEST_F(EvidenceTest, SurvivesARestart) {
  site_.say(2, 0, share_of(1, false));
  site_.run();
  site_.stop(0);
  site_.start(0);
  EXPECT_EQ(held_by(0), only(1, wire::OFFENCE_WRONG_SHARE));
}

TEST_F(EvidenceTest, AServerThatWasDownIsShownItLater) {
  site_.stop(3);
  site_.say(2, 0, share_of(1, false));
  site_.run();
  site_.pass(30s);
  site_.start(3);
  site_.run();
  EXPECT_TRUE(held_by(3).empty());
  site_.pass(64s);
  EXPECT_EQ(held_by(3), only(1, wire::OFFENCE_WRONG_SHARE));
}

TEST_F(EvidenceTest, IsShownEverMoreSeldom) {
  site_.say(2, 0, share_of(1, false));
  site_.run();
  site_.pass(600s);
  const int before = shown_;
  site_.pass(640s);
  EXPECT_EQ(shown_ - before, 3 * 10) << "by each of three, once in 64 s";
}

// --- what binds its sender

// Decided for each kind that there is. A new one has no place here, and fails.
const std::map<int, Binding> kBinding = {
    {wire::KIND_AGREEMENT, Binding::kByContent},   {wire::KIND_TIMER_EXPIRED, Binding::kNever},
    {wire::KIND_SHARE, Binding::kNever},           {wire::KIND_SHARE_REQUEST, Binding::kNever},
    {wire::KIND_SITE_DATA, Binding::kNever},       {wire::KIND_FORWARD, Binding::kNever},
    {wire::KIND_STATE_REQUEST, Binding::kNever},   {wire::KIND_STATE, Binding::kNever},
    {wire::KIND_REFRESH, Binding::kNever},         {wire::KIND_ACCUSATION, Binding::kAlways},
    {wire::KIND_VIEW_CHANGE, Binding::kByContent}, {wire::KIND_INTRODUCTION, Binding::kByContent}};

using Agreement = wire::AgreementMessage;
const std::map<int, bool> kAgreementBinds = {{Agreement::kPrePrepare, true},
                                             {Agreement::kPrepare, true},
                                             {Agreement::kCommit, true},
                                             {Agreement::kCheckpoint, true},
                                             {Agreement::kProposal, true},
                                             {Agreement::kAccept, true},
                                             {Agreement::kStatus, false},
                                             {Agreement::kCommitted, false},
                                             {Agreement::kStableCheckpoint, false},
                                             {Agreement::kViewChange, true},
                                             {Agreement::kNewView, true},
                                             {Agreement::kEvidence, false},
                                             {Agreement::kFetchBatch, false},
                                             {Agreement::kBatchShown, false}};

const std::map<int, bool> kIntroductionBinds = {{wire::Introduction::kHello, true},
                                                {wire::Introduction::kAnswer, true},
                                                {wire::Introduction::kAwaited, false}};

// Every alternative of a message that is one oneof, empty; none of ours has a number above 100.
template <class Message>
std::vector<Message> alternatives() {
  std::vector<Message> all;
  for (std::uint32_t number = 1; number <= 100; ++number) {
    const std::uint32_t tag = number << 3 | 2;
    Bytes encoded;
    if (tag >= 0x80) encoded.push_back(static_cast<char>(0x80 | (tag & 0x7f)));
    encoded.push_back(static_cast<char>(tag >= 0x80 ? tag >> 7 : tag));
    encoded.push_back('\0');
    Message message;
    EXPECT_TRUE(message.ParseFromString(encoded));
    if (message.message_case() != 0) all.push_back(message);
  }
  return all;
}

TEST(Promises, AreDecidedForEachKindOfMessage) {
  std::size_t kinds = 0;
  for (int kind = 1; kind <= wire::Kind_MAX; ++kind) {
    if (!wire::Kind_IsValid(kind)) continue;
    ++kinds;
    ASSERT_TRUE(kBinding.contains(kind)) << "does it bind? kind " << kind;
    EXPECT_EQ(binding(static_cast<wire::Kind>(kind)), kBinding.at(kind)) << kind;
  }
  EXPECT_EQ(kinds, kBinding.size());
  const auto agreement = alternatives<wire::AgreementMessage>();
  EXPECT_EQ(agreement.size(), kAgreementBinds.size());
  for (const auto& body : agreement) {
    ASSERT_TRUE(kAgreementBinds.contains(body.message_case())) << body.message_case();
    EXPECT_EQ(binds(body), kAgreementBinds.at(body.message_case())) << body.message_case();
  }
  const auto introductions = alternatives<wire::Introduction>();
  EXPECT_EQ(introductions.size(), kIntroductionBinds.size());
  for (const auto& body : introductions) {
    ASSERT_TRUE(kIntroductionBinds.contains(body.message_case())) << body.message_case();
    EXPECT_EQ(binds(body), kIntroductionBinds.at(body.message_case())) << body.message_case();
  }
}

// A site that orders, takes checkpoints and loses its leader; all that leaves it.
class Leaving {
 public:
  explicit Leaving(LocalProtocol local)
      : site_(one_site(local == LocalProtocol::kPbft ? 4 : 3, local)) {
    site_.watch = [this](ServerIndex, const Output& output) {
      for (const Outgoing& outgoing : output.sends) see(outgoing);
    };
    site_.start_all();
    order(1, 9, 1);
    site_.stop(0);
    order(10, 12, 2);
    site_.pass(60s);
  }

  // Binding ones that left, as {kind, alternative}.
  const std::set<std::pair<int, int>>& seen() const { return seen_; }
  // Of these, such as did not wait for the disk.
  const std::set<std::pair<int, int>>& hasty() const { return hasty_; }

 private:
  void order(std::uint64_t first, std::uint64_t last, ServerIndex at) {
    for (std::uint64_t timestamp = first; timestamp <= last; ++timestamp) {
      site_.ask(at, timestamp);
      site_.run();
      site_.pass(100ms);
    }
  }
  void see(const Outgoing& outgoing) {
    const bool agreement =
        outgoing.kind == wire::KIND_AGREEMENT || outgoing.kind == wire::KIND_VIEW_CHANGE;
    if (agreement) note<wire::AgreementMessage>(outgoing, kAgreementBinds);
    if (outgoing.kind == wire::KIND_INTRODUCTION) {
      note<wire::Introduction>(outgoing, kIntroductionBinds);
    }
  }
  template <class Message>
  void note(const Outgoing& outgoing, const std::map<int, bool>& decided) {
    Message body;
    ASSERT_TRUE(body.ParseFromString(outgoing.body));
    if (!decided.at(body.message_case())) return;
    const std::pair<int, int> kind{outgoing.kind, body.message_case()};
    seen_.insert(kind);
    if (!outgoing.promise) hasty_.insert(kind);
  }

  RunningSite site_;
  std::set<std::pair<int, int>> seen_;
  std::set<std::pair<int, int>> hasty_;
};

TEST(Promises, WaitForTheDisk) {
  const Leaving pbft(LocalProtocol::kPbft);
  const Leaving paxos(LocalProtocol::kPaxos);
  std::set<std::pair<int, int>> seen = pbft.seen();
  seen.insert(paxos.seen().begin(), paxos.seen().end());
  std::set<std::pair<int, int>> all;
  for (const auto& [number, yes] : kAgreementBinds) {
    const bool views = number == Agreement::kViewChange || number == Agreement::kNewView;
    if (yes) all.emplace(views ? wire::KIND_VIEW_CHANGE : wire::KIND_AGREEMENT, number);
  }
  for (const auto& [number, yes] : kIntroductionBinds) {
    if (yes) all.emplace(wire::KIND_INTRODUCTION, number);
  }
  EXPECT_EQ(seen, all) << "each kind that binds has to be looked at here";
  EXPECT_TRUE(pbft.hasty().empty());
  EXPECT_TRUE(paxos.hasty().empty());
}

}  // namespace
}  // namespace steward::replica
