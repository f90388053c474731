#include "site/blink/forwarder.h"

#include <gtest/gtest.h>

#include "site/testing/sites.h"

namespace steward::site::blink {
namespace {

constexpr LmTimerId kAckTimer = 2ULL << 32;
constexpr LmTimerId kLinkTimer = 3ULL << 32;

// Site 0's machine, and one of its servers as a forwarder that signs at once.
class Sending {
 public:
  explicit Sending(ServerIndex self, ClusterConfig changed = two_sites())
      : config(std::move(changed)),
        keys(testing::make_keys(config)),
        machine(config, keys.domain, 0, nullptr, application),
        signing({self, 4, 1, false}),
        forwarder(config, {0, self}) {
    SigningActions actions;
    signing.set_keys(std::make_shared<const SigningKeys>(
                         SigningKeys{keys.directory->sites[0].site, keys.shares[0][self]}),
                     actions);
  }

  static ClusterConfig two_sites() {
    return testing::cluster(3, 4, LocalProtocol::kPbft, WideProtocol::kPaxos);
  }

  LmOutputs execute(const std::vector<Bytes>& items) {
    LmOutputs out;
    machine.execute(machine.executed() + 1, *wire::make_batch(items), out);
    if (out.signing) {
      SigningActions actions;
      const Bytes statement = wire::site_statement(keys.domain, 0, out.signing->batch,
                                                   out.signing->leaf_count, out.signing->root);
      signing.start(out.signing->batch, {statement, out.signing->root, out.signing->leaf_count},
                    actions);
      if (sign) make_signature(out.signing->batch);
    }
    return out;
  }
  // One wide proposal of about this size.
  void propose(std::size_t bytes = 10) {
    const Bytes update =
        testing::signed_update(keys, *keys.client, ++session_, 1, Bytes(bytes, 'p'));
    execute({testing::event_of_update(update)});
  }
  void make_signature(BatchNumber batch) {
    SigningActions actions;
    signing.want(batch, actions);
    signing.on_result(ShareMade{0, batch, "share", ""}, actions);
    signing.on_result(Combined{0, batch, "signature"}, actions);
    ASSERT_NE(signing.signature(batch), nullptr);
  }
  void acknowledge(std::uint64_t cumulative, SiteId from = 1) {
    wire::SiteData data;
    data.set_site(from);
    wire::AckVector ack;
    ack.set_number(++ack_number_);
    ack.add_links()->set_cumulative(cumulative);
    data.add_leaves()->set_type(wire::LEAF_ACK);
    data.mutable_leaves(0)->set_body(ack.SerializeAsString());
    execute({testing::event(data)});
  }
  // A message from site 1 that nothing answers but an acknowledgement.
  void receive(bool then_acknowledge) {
    wire::SiteData data;
    data.set_site(1);
    wire::Leaf* leaf = data.add_leaves();
    leaf->set_link_sequence(machine.links().at(1).next_in());
    execute({testing::event(data)});
    if (then_acknowledge) time_out(kAckTimer);
  }
  void time_out(LmTimerId timer) {
    for (const LmTimerArm& arm : machine.armed_timers()) {
      if (arm.timer == timer) execute({testing::event_of_timeout(timer, arm.generation)});
    }
  }
  ForwarderActions pump(SiteId site = 1) {
    ForwarderActions actions;
    forwarder.pump(site, machine, signing, actions);
    return actions;
  }
  ForwarderActions time_passes(SiteId site = 1) {
    ForwarderActions actions;
    forwarder.on_retransmit_timer(site, machine, signing, actions);
    return actions;
  }
  ForwarderActions repeat_ack(ServerId to = {1, 2}) {
    ForwarderActions actions;
    forwarder.repeat_ack(to, machine, signing, actions);
    return actions;
  }

  const ClusterConfig config;
  const testing::Keys keys;
  testing::RecordingApplication application;
  LogicalMachine machine;
  ThresholdSign signing;
  Forwarder forwarder;
  bool sign = true;

 private:
  std::uint64_t session_ = 0;
  std::uint64_t ack_number_ = 0;
};

std::vector<std::uint64_t> sequences(const ForwarderActions& actions) {
  std::vector<std::uint64_t> out;
  for (const auto& send : actions.sends) {
    for (const wire::Leaf& leaf : send.data.leaves()) {
      if (leaf.type() != wire::LEAF_ACK) out.push_back(leaf.link_sequence());
    }
  }
  return out;
}
int acknowledgements(const ForwarderActions& actions) {
  int count = 0;
  for (const auto& send : actions.sends) {
    for (const wire::Leaf& leaf : send.data.leaves()) count += leaf.type() == wire::LEAF_ACK;
  }
  return count;
}
using Sequences = std::vector<std::uint64_t>;

TEST(Forwarder, OnlyTheForwarderOfTheVirtualLinkSends) {
  for (ServerIndex self = 0; self < 4; ++self) {
    Sending site(self);
    site.propose();
    const ForwarderActions actions = site.pump();
    const VirtualLink link = virtual_link(4, 4, 0);
    EXPECT_EQ(actions.sends.size(), self == link.forwarder ? 1U : 0U);
    EXPECT_EQ(actions.retransmit_timers.size(), self == link.forwarder ? 1U : 0U);
    for (const auto& send : actions.sends) EXPECT_EQ(send.to, (ServerId{1, link.peer}));
    EXPECT_TRUE(site.time_passes().sends.empty() || self == link.forwarder);
  }
}

TEST(Forwarder, SendsEachMessageOnceInOrder) {
  Sending site(0);
  site.propose();
  site.propose();
  EXPECT_EQ(sequences(site.pump()), (Sequences{1, 2}));
  EXPECT_EQ(sequences(site.pump()), Sequences{});
  site.propose();
  EXPECT_EQ(sequences(site.pump()), Sequences{3});
}

TEST(Forwarder, AsksForTheSignatureThatItLacksAndSendsNothingOutOfOrder) {
  Sending site(0);
  site.sign = false;
  site.propose();
  site.propose();
  site.make_signature(2);
  ForwarderActions actions = site.pump();
  EXPECT_TRUE(actions.sends.empty());
  EXPECT_EQ(actions.wanted, std::vector<BatchNumber>{1});
  site.make_signature(1);
  EXPECT_EQ(sequences(site.pump()), (Sequences{1, 2}));
}

TEST(Forwarder, StaysWithinTheWindowOfMessages) {
  ClusterConfig config = Sending::two_sites();
  config.ordering.link_window = 3;
  Sending site(0, config);
  for (int i = 0; i < 5; ++i) site.propose();
  EXPECT_EQ(sequences(site.pump()), (Sequences{1, 2, 3}));
  site.acknowledge(2);
  EXPECT_EQ(sequences(site.pump()), (Sequences{4, 5}));
}

TEST(Forwarder, StaysWithinTheWindowOfBytesWhichProgressWidens) {
  Sending site(0);
  for (int i = 0; i < 6; ++i) site.propose(400'000);
  EXPECT_EQ(sequences(site.pump()), (Sequences{1, 2}));  // of 1 MiB
  site.acknowledge(1);
  EXPECT_EQ(sequences(site.pump()), (Sequences{3, 4, 5, 6}));  // of 2 MiB
}

TEST(Forwarder, GoesBackAfterASilentTimeOutWithASmallWindowAndMorePatience) {
  Sending site(0);
  for (int i = 0; i < 4; ++i) site.propose(40'000);
  const ForwarderActions first = site.pump();
  EXPECT_EQ(sequences(first), (Sequences{1, 2, 3, 4}));
  ASSERT_EQ(first.retransmit_timers.size(), 1U);
  EXPECT_EQ(first.retransmit_timers[0].after, site.config.timeouts.retransmit);
  for (int doublings = 1; doublings <= 6; ++doublings) {
    const ForwarderActions again = site.time_passes();
    EXPECT_EQ(sequences(again), Sequences{1});  // of 64 KiB
    ASSERT_EQ(again.retransmit_timers.size(), 1U);
    EXPECT_EQ(again.retransmit_timers[0].after,
              site.config.timeouts.retransmit * (1LL << std::min(doublings, 4)));
  }
  site.acknowledge(1);
  const ForwarderActions after = site.pump();
  EXPECT_EQ(sequences(after), (Sequences{2, 3, 4}));
  ASSERT_EQ(after.retransmit_timers.size(), 1U);
  EXPECT_EQ(after.retransmit_timers[0].after, site.config.timeouts.retransmit);
}

TEST(Forwarder, TheTimerStopsWhenAllIsAcknowledgedAndOneOfThePastIsIgnored) {
  Sending site(0);
  site.propose();
  site.pump();
  site.acknowledge(1);
  const ForwarderActions actions = site.pump();
  ASSERT_EQ(actions.retransmit_timers.size(), 1U);
  EXPECT_FALSE(actions.retransmit_timers[0].after);
  site.propose();
  EXPECT_TRUE(site.time_passes().sends.empty());
}

TEST(Forwarder, AChangeOfTheVirtualLinkResendsEverythingUnacknowledged) {
  const VirtualLink second = virtual_link(4, 4, 1);
  Sending old_one(virtual_link(4, 4, 0).forwarder);
  Sending new_one(second.forwarder);
  for (Sending* site : {&old_one, &new_one}) {
    for (int i = 0; i < 3; ++i) site->propose();
    site->pump();
    site->acknowledge(1);
    site->time_out(kLinkTimer | 1);
    ASSERT_EQ(site->machine.links().at(1).replaced().links, 1U);
  }
  const ForwarderActions retired = old_one.pump();
  EXPECT_TRUE(retired.sends.empty());
  ASSERT_EQ(retired.retransmit_timers.size(), 1U);
  EXPECT_FALSE(retired.retransmit_timers[0].after);
  const ForwarderActions begins = new_one.pump();
  EXPECT_EQ(sequences(begins), (Sequences{2, 3}));
  EXPECT_EQ(begins.sends.at(0).to, (ServerId{1, second.peer}));
  EXPECT_EQ(acknowledgements(begins), 0);
}

TEST(Forwarder, AnAcknowledgementRidesWithTheMessagesOfItsBatch) {
  Sending site(0);
  site.receive(false);
  site.propose();
  const ForwarderActions actions = site.pump();
  ASSERT_EQ(actions.sends.size(), 1U);
  EXPECT_EQ(sequences(actions), Sequences{1});
  EXPECT_EQ(acknowledgements(actions), 1);
  EXPECT_EQ(acknowledgements(site.pump()), 0);
  EXPECT_EQ(acknowledgements(site.pump(2)), 1);  // it speaks of all links
}

TEST(Forwarder, AnAcknowledgementAloneIsSentOnceAndNotTimed) {
  Sending site(0);
  site.receive(true);
  const ForwarderActions actions = site.pump();
  EXPECT_EQ(acknowledgements(actions), 1);
  EXPECT_EQ(sequences(actions), Sequences{});
  EXPECT_TRUE(actions.retransmit_timers.empty());
  EXPECT_TRUE(site.pump().sends.empty());
}

TEST(Forwarder, RepeatsItsAcknowledgementToWhoAsksAtMostOnceEachPause) {
  for (const ServerIndex server : {0U, 1U}) {  // the forwarder, and another
    Sending site(server);
    EXPECT_TRUE(site.repeat_ack().sends.empty());  // nothing to acknowledge yet
    site.receive(true);
    site.pump();
    const ForwarderActions repeated = site.repeat_ack({1, 2});
    EXPECT_EQ(acknowledgements(repeated), 1);
    EXPECT_EQ(repeated.sends.at(0).to, (ServerId{1, 2}));
    ASSERT_EQ(repeated.ack_timers.size(), 1U);
    EXPECT_TRUE(site.repeat_ack({1, 2}).sends.empty());
    EXPECT_EQ(acknowledgements(site.repeat_ack({1, 3})), 1);  // one does not stand for another
    site.forwarder.on_ack_timer({1, 2});
    EXPECT_EQ(acknowledgements(site.repeat_ack({1, 2})), 1);
  }
}

}  // namespace
}  // namespace steward::site::blink
