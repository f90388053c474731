#include "site/event_queue.h"

#include <gtest/gtest.h>

#include <random>

#include "wire/limits.h"

namespace steward::site {
namespace {

using Data = std::shared_ptr<const wire::SiteData>;

wire::SiteData plain(SiteId site, std::uint64_t first, std::uint64_t last, std::size_t bytes = 10) {
  wire::SiteData data;
  data.set_site(site);
  for (std::uint64_t sequence = first; sequence <= last; ++sequence) {
    wire::Leaf* leaf = data.add_leaves();
    leaf->set_link_sequence(sequence);
    leaf->set_body(Bytes(bytes, 'm'));
  }
  return data;
}
Data messages(SiteId site, std::uint64_t first, std::uint64_t last, std::size_t bytes = 10) {
  return std::make_shared<wire::SiteData>(plain(site, first, last, bytes));
}
Data with_ack(wire::SiteData data, std::uint64_t number) {
  wire::AckVector ack;
  ack.set_number(number);
  wire::Leaf* leaf = data.add_leaves();
  leaf->set_type(wire::LEAF_ACK);
  leaf->set_body(ack.SerializeAsString());
  return std::make_shared<wire::SiteData>(std::move(data));
}
Data ack(SiteId site, std::uint64_t number) { return with_ack(plain(site, 1, 0), number); }
Data skip(SiteId site, std::uint64_t sequence) {
  wire::SiteData data = plain(site, sequence, sequence);
  data.mutable_leaves(0)->set_type(wire::LEAF_SKIP);
  return std::make_shared<wire::SiteData>(std::move(data));
}
UpdateKey key(const Bytes& client, std::uint64_t session = 1, std::uint64_t timestamp = 1) {
  return {client, session, timestamp};
}
wire::LmTimeout timeout(std::uint64_t timer, std::uint64_t generation) {
  wire::LmTimeout out;
  out.set_timer(timer);
  out.set_generation(generation);
  return out;
}

// "u:payload", "m<site>:first-last", "a<site>:number", "t<timer>:generation"
std::vector<std::string> drawn(EventQueue& queue) {
  std::vector<std::string> out;
  for (const Bytes& item : queue.take()) {
    wire::LmEvent event;
    EXPECT_TRUE(event.ParseFromString(item));
    if (event.has_client_update()) out.push_back("u:" + event.client_update().substr(0, 8));
    if (event.has_timeout()) {
      out.push_back("t" + std::to_string(event.timeout().timer()) + ":" +
                    std::to_string(event.timeout().generation()));
    }
    if (!event.has_site_data()) continue;
    const auto [first, last] = link_range(event.site_data());
    const std::string site = std::to_string(event.site_data().site());
    out.push_back(first == 0
                      ? "a" + site + ":" + std::to_string(ack_number(event.site_data()))
                      : "m" + site + ":" + std::to_string(first) + "-" + std::to_string(last));
  }
  return out;
}
using Drawn = std::vector<std::string>;

EventQueue::Limits small_batches(std::size_t items) {
  EventQueue::Limits limits;
  limits.batch_items = items;
  return limits;
}

TEST(EventQueue, ServesLinksAndClientsInTurn) {
  EventQueue queue(small_batches(4));
  for (std::uint64_t i = 1; i <= 4; ++i) {
    EXPECT_TRUE(queue.add_update(key("a", i), "a" + std::to_string(i)));
    EXPECT_TRUE(queue.add_site_data(messages(1, i, i)));
  }
  EXPECT_TRUE(queue.add_update(key("b", 1), "b1"));
  EXPECT_TRUE(queue.add_site_data(messages(2, 1, 1)));
  EXPECT_EQ(drawn(queue), (Drawn{"m1:1-1", "m2:1-1", "u:a1", "u:b1"}));
  EXPECT_EQ(drawn(queue), (Drawn{"u:a2", "m1:2-2", "u:a3", "m1:3-3"}));
  EXPECT_EQ(drawn(queue), (Drawn{"m1:4-4", "u:a4"}));
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.bytes(), 0U);
}

TEST(EventQueue, WhatIsNotReadyWaitsWithAllThatIsBehindIt) {
  EventQueue queue(small_batches(10));
  std::uint64_t ready_up_to = 1;
  queue.hold_back_unless([&](const wire::SiteData& data) {
    return data.site() != 1 || link_range(data).second <= ready_up_to;
  });
  for (std::uint64_t i = 1; i <= 3; ++i) {
    queue.add_site_data(messages(1, i, i));
    queue.add_site_data(messages(2, i, i));
  }
  queue.add_site_data(ack(1, 5));
  EXPECT_EQ(drawn(queue), (Drawn{"m1:1-1", "m2:1-1", "a1:5", "m2:2-2", "m2:3-3"}));
  EXPECT_FALSE(queue.empty());
  EXPECT_FALSE(queue.has_work()) << "not for the leader";
  EXPECT_EQ(drawn(queue), Drawn{});
  ASSERT_EQ(queue.waiting(1).size(), 1U);
  EXPECT_TRUE(queue.waiting(1)[0].held_back) << "no leader is to blame";
  ready_up_to = 2;
  EXPECT_FALSE(queue.waiting(1)[0].held_back);
  EXPECT_TRUE(queue.has_work());
  EXPECT_EQ(drawn(queue), Drawn{"m1:2-2"});
  queue.let_through([](const wire::SiteData&) { return false; });
  EXPECT_EQ(drawn(queue), Drawn{});
  queue.let_through([](const wire::SiteData& data) { return data.site() == 1; });
  EXPECT_FALSE(queue.waiting(1)[0].held_back);
  EXPECT_EQ(drawn(queue), Drawn{"m1:3-3"});
  queue.add_site_data(messages(1, 4, 4));
  EXPECT_EQ(drawn(queue), Drawn{}) << "one at a time";
}

TEST(EventQueue, WhatIsInTheWayOfSomethingAwaitedIsLetThroughWithIt) {
  EventQueue queue(small_batches(10));
  queue.hold_back_unless([](const wire::SiteData&) { return false; });
  const auto awaited = [](const wire::SiteData& data) { return link_range(data).second == 3; };
  queue.add_site_data(messages(1, 1, 1));
  queue.add_site_data(messages(1, 3, 3));
  queue.let_through_to(awaited);
  EXPECT_EQ(drawn(queue), Drawn{}) << "one is missing";
  queue.add_site_data(messages(1, 2, 2));
  queue.add_site_data(messages(1, 4, 4));
  queue.add_site_data(messages(2, 1, 2));
  queue.let_through_to([](const wire::SiteData&) { return false; });
  EXPECT_EQ(drawn(queue), Drawn{});
  queue.let_through_to(awaited);
  EXPECT_EQ(drawn(queue), (Drawn{"m1:1-1", "m1:2-2", "m1:3-3"}));
  queue.let_through_to(awaited);
  EXPECT_EQ(drawn(queue), Drawn{}) << "nothing awaited is left";
}

TEST(EventQueue, OneClientWithManyUpdatesDoesNotDelayAnother) {
  EventQueue queue(small_batches(10));
  for (std::uint64_t i = 1; i <= 1000; ++i) queue.add_update(key("busy", i), "busy");
  queue.add_update(key("calm"), "calm");
  const Drawn first = drawn(queue);
  EXPECT_EQ(std::count(first.begin(), first.end(), "u:calm"), 1);
}

// The links alone could fill every batch, and the update alone is larger than a batch.
TEST(EventQueue, ALargeUpdateIsNotStarvedByBusyLinks) {
  EventQueue::Limits limits;
  limits.batch_bytes = 1000;
  EventQueue queue(limits);
  ASSERT_TRUE(queue.add_update(key("large"), Bytes(5000, 'l')));
  std::uint64_t next = 1;
  int batches = 0;
  for (bool found = false; !found; ++batches) {
    ASSERT_LT(batches, 2);
    for (const std::uint64_t end = next + 20; next < end; ++next) {
      queue.add_site_data(messages(1, next, next, 100));
      queue.add_site_data(messages(2, next, next, 100));
    }
    const Drawn batch = drawn(queue);
    found = std::count(batch.begin(), batch.end(), "u:llllllll") > 0;
  }
}

TEST(EventQueue, ALargeMessageIsNotStarvedByBusyClients) {
  EventQueue::Limits limits;
  limits.batch_bytes = 1000;
  EventQueue queue(limits);
  ASSERT_TRUE(queue.add_site_data(messages(1, 1, 1, 50'000)));
  std::uint64_t session = 0;
  for (int batches = 0;; ++batches) {
    ASSERT_LT(batches, 2);
    for (int i = 0; i < 40; ++i) queue.add_update(key("busy", ++session), Bytes(100, 'b'));
    const Drawn batch = drawn(queue);
    if (std::count(batch.begin(), batch.end(), "m1:1-1") > 0) break;
  }
}

// Whatever is queued, the leader's batch is one that the others accept.
TEST(EventQueue, ABatchStaysWithinWhatMayBeOrdered) {
  EventQueue::Limits limits;
  limits.batch_bytes = 1 << 30;
  limits.link_bytes = 1 << 30;
  EventQueue queue(limits);
  for (std::uint64_t i = 1; i <= 20; ++i) {
    ASSERT_TRUE(queue.add_site_data(messages(1, i, i, limits::kMaxSiteDataBytes - 200)) || i > 15);
  }
  EXPECT_FALSE(queue.add_site_data(messages(2, 1, 1, limits::kMaxSiteDataBytes)));
  int events = 0;
  for (auto items = queue.take(); !items.empty(); items = queue.take()) {
    const auto batch = wire::make_batch(std::move(items));
    events += static_cast<int>(batch->items.size());
    EXPECT_TRUE(wire::decode_batch(batch->encoded).ok());
  }
  EXPECT_GE(events, 15);
}

TEST(EventQueue, LinkDataIsReleasedInOrderAndNotBeforeItsGapIsFilled) {
  EventQueue queue({});
  EXPECT_TRUE(queue.add_site_data(messages(1, 4, 5)));
  EXPECT_TRUE(queue.add_site_data(messages(1, 2, 3)));
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.size(), 2U);
  EXPECT_EQ(drawn(queue), Drawn{});
  EXPECT_TRUE(queue.add_site_data(messages(1, 1, 1)));
  EXPECT_FALSE(queue.empty());
  EXPECT_EQ(drawn(queue), (Drawn{"m1:1-1", "m1:2-3", "m1:4-5"}));
}

TEST(EventQueue, WhatWasDrawnOrWaitsIsNotTakenAgain) {
  EventQueue queue({});
  EXPECT_TRUE(queue.add_site_data(messages(1, 1, 2)));
  EXPECT_FALSE(queue.add_site_data(messages(1, 1, 2)));
  EXPECT_TRUE(queue.add_update(key("a"), "a"));
  EXPECT_FALSE(queue.add_update(key("a"), "a"));
  EXPECT_TRUE(queue.add_timeout(timeout(1, 1)));
  EXPECT_FALSE(queue.add_timeout(timeout(1, 1)));
  EXPECT_EQ(drawn(queue), (Drawn{"t1:1", "m1:1-2", "u:a"}));
  EXPECT_FALSE(queue.add_site_data(messages(1, 1, 2)));
  EXPECT_FALSE(queue.add_update(key("a"), "a"));
  EXPECT_FALSE(queue.add_timeout(timeout(1, 1)));
  EXPECT_TRUE(queue.add_timeout(timeout(1, 2)));
  queue.forget_update(key("a"));
  queue.forget_timeout(1, 1);
  EXPECT_TRUE(queue.add_update(key("a"), "a"));
  EXPECT_TRUE(queue.add_timeout(timeout(1, 1)));
}

TEST(EventQueue, DataThatOverlapsWhatWasDrawnStillBringsTheRest) {
  EventQueue queue({});
  queue.add_site_data(messages(1, 1, 1));
  EXPECT_EQ(drawn(queue), Drawn{"m1:1-1"});
  EXPECT_TRUE(queue.add_site_data(messages(1, 1, 3)));
  EXPECT_EQ(drawn(queue), Drawn{"m1:1-3"});
}

TEST(EventQueue, ASkipIsDrawnWhateverIsMissingAndVoidsWhatIsBefore) {
  EventQueue queue({});
  queue.add_site_data(messages(1, 5, 6));
  queue.add_site_data(messages(1, 11, 12));
  queue.add_site_data(skip(1, 10));
  EXPECT_EQ(drawn(queue), (Drawn{"m1:1-10", "m1:11-12"}));
  EXPECT_EQ(queue.size(), 0U);
  EXPECT_EQ(queue.bytes(), 0U);
}

TEST(EventQueue, OnlyTheNewestAcknowledgementIsDrawn) {
  EventQueue queue({});
  EXPECT_TRUE(queue.add_site_data(ack(1, 3)));
  EXPECT_TRUE(queue.add_site_data(ack(1, 7)));
  EXPECT_FALSE(queue.add_site_data(ack(1, 5)));
  EXPECT_EQ(drawn(queue), Drawn{"a1:7"});
  EXPECT_FALSE(queue.add_site_data(ack(1, 7)));
  queue.forget_site_data(1, 1, 9);
  EXPECT_FALSE(queue.add_site_data(ack(1, 9)));
  EXPECT_TRUE(queue.add_site_data(ack(1, 10)));
}

TEST(EventQueue, AnAcknowledgementThatRidesMakesThoseBeforeItNeedless) {
  EventQueue queue({});
  queue.add_site_data(ack(1, 4));
  queue.add_site_data(with_ack(plain(1, 1, 1), 6));
  EXPECT_EQ(drawn(queue), Drawn{"m1:1-1"});
  EXPECT_TRUE(queue.empty());
}

TEST(EventQueue, ForgettingDropsWhatTheMachineHas) {
  EventQueue queue({});
  for (std::uint64_t i = 1; i <= 5; ++i) queue.add_site_data(messages(1, 2 * i - 1, 2 * i));
  queue.add_site_data(ack(1, 2));
  queue.forget_site_data(1, 6, 2);
  EXPECT_EQ(drawn(queue), (Drawn{"m1:5-6", "m1:7-8", "m1:9-10"}));
  EXPECT_EQ(queue.bytes(), 0U);
}

// As after a restart from a snapshot: the queue is new, the machine is not.
TEST(EventQueue, AFreshQueueThatIsToldWhereTheMachineStandsDrawsFromThere) {
  EventQueue queue({});
  queue.forget_site_data(1, 500, 20);
  EXPECT_FALSE(queue.add_site_data(messages(1, 499, 499)));
  EXPECT_TRUE(queue.add_site_data(messages(1, 500, 501)));
  EXPECT_EQ(drawn(queue), Drawn{"m1:500-501"});
}

TEST(EventQueue, ForgettingAnUpdateTakesItOutOfItsQueue) {
  EventQueue queue({});
  queue.add_update(key("a", 1), "a1");
  queue.add_update(key("a", 2), "a2");
  queue.forget_update(key("a", 1));
  queue.forget_update(key("nobody"));
  EXPECT_EQ(drawn(queue), Drawn{"u:a2"});
  EXPECT_EQ(queue.bytes(), 0U);
}

TEST(EventQueue, RefusesWhatDoesNotFitButTakesWhatUnblocksALink) {
  EventQueue::Limits limits;
  limits.client_bytes = 100;
  limits.total_bytes = 1000;
  limits.link_entries = 3;
  EventQueue queue(limits);
  EXPECT_TRUE(queue.add_update(key("a", 1), Bytes(60, 'a')));
  EXPECT_FALSE(queue.add_update(key("a", 2), Bytes(60, 'a')));
  EXPECT_TRUE(queue.add_update(key("b", 1), Bytes(60, 'b')));
  for (std::uint64_t i = 2; i <= 4; ++i) EXPECT_TRUE(queue.add_site_data(messages(1, i, i)));
  EXPECT_FALSE(queue.add_site_data(messages(1, 5, 5)));
  EXPECT_TRUE(queue.add_site_data(messages(1, 1, 1)));
  EXPECT_TRUE(queue.add_site_data(messages(2, 1, 1, 700)));
  EXPECT_FALSE(queue.add_site_data(messages(3, 2, 2, 700)));
  EXPECT_TRUE(queue.add_site_data(messages(3, 1, 1, 700)));
  EXPECT_FALSE(queue.add_update(key("c", 1), Bytes(60, 'c')));
}

TEST(EventQueue, BytesReturnToZeroAfterAnyHistory) {
  for (std::uint32_t seed = 0; seed < 20; ++seed) {
    std::mt19937 random(seed);
    EventQueue::Limits limits;
    limits.batch_items = 7;
    limits.client_bytes = 500;
    limits.link_entries = 4;
    EventQueue queue(limits);
    for (int step = 0; step < 500; ++step) {
      const std::uint32_t n = static_cast<std::uint32_t>(random() % 30 + 1);
      switch (random() % 7) {
        case 0:
          queue.add_update(key(Bytes(1, static_cast<char>('a' + n % 3)), n), Bytes(n, 'x'));
          break;
        case 1:
          queue.add_site_data(messages(n % 3, n, n + random() % 3));
          break;
        case 2:
          queue.add_site_data(random() % 4 == 0 ? skip(n % 3, n) : ack(n % 3, n));
          break;
        case 3:
          queue.add_timeout(timeout(n, n));
          break;
        case 4:
          queue.forget_update(key(Bytes(1, static_cast<char>('a' + n % 3)), n));
          break;
        case 5:
          queue.forget_site_data(n % 3, n / 2, n);
          break;
        default:
          EXPECT_EQ(queue.take().empty() && !queue.empty(), false);
      }
    }
    for (SiteId site = 0; site < 3; ++site) queue.forget_site_data(site, 1000, 1000);
    while (!queue.take().empty()) {
    }
    EXPECT_TRUE(queue.empty());
    EXPECT_EQ(queue.size(), 0U);
    EXPECT_EQ(queue.bytes(), 0U);
  }
}

TEST(EventQueueWaiting, AnAcknowledgementAloneIsNoWork) {
  EventQueue queue({});
  EXPECT_FALSE(queue.has_work());
  queue.add_site_data(ack(1, 5));
  EXPECT_FALSE(queue.has_work());
  EXPECT_EQ(queue.waiting(8).size(), 1U);
  queue.add_site_data(messages(1, 2, 2));  // nobody can order it before its predecessor
  EXPECT_FALSE(queue.has_work());
  queue.add_site_data(messages(1, 1, 1));
  EXPECT_TRUE(queue.has_work());
  queue.forget_site_data(1, 3, 5);
  EXPECT_FALSE(queue.has_work());
}

TEST(EventQueueWaiting, TheAcknowledgementThatCameWithDataWaitsOnWithoutIt) {
  EventQueue queue({});
  wire::SiteData both = *messages(1, 1, 1);
  *both.add_leaves() = ack(1, 5)->leaves(0);
  queue.add_site_data(std::make_shared<const wire::SiteData>(both));
  ASSERT_EQ(queue.waiting(8).size(), 2U);
  const std::uint64_t stamp = queue.waiting(8)[1].stamp;
  queue.forget_site_data(1, 2, 4);  // the data was ordered, and an older acknowledgement
  const auto waiting = queue.waiting(8);
  ASSERT_EQ(waiting.size(), 1U);
  EXPECT_NE(waiting[0].stamp, stamp);
  EXPECT_EQ(ack_number(*waiting[0].data), 5U);
  queue.add_site_data(ack(1, 6));  // a newer one does not begin to wait anew
  EXPECT_EQ(queue.waiting(8)[0].stamp, waiting[0].stamp);
  queue.forget_site_data(1, 2, 6);
  EXPECT_TRUE(queue.empty());
}

TEST(EventQueueWaiting, AnAcknowledgementThatWasDrawnAndLostMayComeAgain) {
  EventQueue queue({});
  queue.add_site_data(ack(1, 5));
  EXPECT_EQ(queue.take().size(), 1U);
  EXPECT_FALSE(queue.add_site_data(ack(1, 5)));
  queue.forget_drawn();
  queue.forget_site_data(1, 1, 4);
  EXPECT_TRUE(queue.add_site_data(ack(1, 5)));
  EXPECT_EQ(queue.take().size(), 1U);
}

TEST(EventQueueWaiting, AStampLastsWhileNothingOfTheQueueIsExecuted) {
  EventQueue queue({});
  queue.add_update(key("a", 1), "a1");
  queue.add_update(key("b", 1), "b1");
  const auto stamp = [&](std::size_t at) { return queue.waiting(1).at(at).stamp; };
  const std::uint64_t a = stamp(0);
  const std::uint64_t b = stamp(1);
  EXPECT_NE(a, b);
  queue.add_update(key("a", 2), "a2");
  queue.forget_update(key("a", 7));  // one that only others knew of
  EXPECT_NE(stamp(0), a);
  EXPECT_EQ(stamp(1), b);
  EXPECT_EQ(queue.waiting(1)[0].updates, std::vector<Bytes>{"a1"});
  EXPECT_EQ(queue.waiting(8)[0].updates.size(), 2U);
}

TEST(EventQueueWaiting, WhatIsSettledOtherwiseIsForgotten) {
  EventQueue queue({});
  queue.add_update(key("a", 1), "a1");
  queue.add_update(key("a", 2), "a2");
  queue.add_timeout(timeout(3, 1));
  queue.add_timeout(timeout(4, 1));
  queue.forget_updates_if([](const UpdateKey& one) { return one.session == 1; });
  queue.forget_timeouts_unless([](std::uint64_t timer, std::uint64_t) { return timer == 4; });
  EXPECT_EQ(drawn(queue), (std::vector<std::string>{"t4:1", "u:a2"}));
  EXPECT_FALSE(queue.has_work());
  EXPECT_EQ(queue.bytes(), 0U);
}

}  // namespace
}  // namespace steward::site
