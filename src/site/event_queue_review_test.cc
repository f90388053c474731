// What one lying site or one lost batch can do to an EventQueue.
#include <gtest/gtest.h>

#include "site/event_queue.h"

namespace steward::site {
namespace {

std::shared_ptr<const wire::SiteData> messages(SiteId site, std::uint64_t first, std::uint64_t last,
                                               std::size_t bytes) {
  auto data = std::make_shared<wire::SiteData>();
  data->set_site(site);
  for (std::uint64_t sequence = first; sequence <= last; ++sequence) {
    wire::Leaf* leaf = data->add_leaves();
    leaf->set_link_sequence(sequence);
    leaf->set_body(Bytes(bytes, 'm'));
  }
  return data;
}

wire::LmTimeout timeout(std::uint64_t timer, std::uint64_t generation) {
  wire::LmTimeout out;
  out.set_timer(timer);
  out.set_generation(generation);
  return out;
}

// A site that signs messages far ahead of a gap that it never fills.
TEST(EventQueueReview, ASiteThatFillsItsQueueLeavesRoomForClientsAndOtherSites) {
  EventQueue::Limits limits;
  limits.link_bytes = 10'000;
  limits.total_bytes = 20'000 + 2 * limits.link_bytes;
  EventQueue queue(limits);
  for (std::uint64_t sequence = 2; sequence <= 100; ++sequence) {
    queue.add_site_data(messages(1, sequence, sequence, 1000));
  }
  EXPECT_LE(queue.bytes(), limits.link_bytes);
  EXPECT_TRUE(queue.add_site_data(messages(2, 2, 2, 9000)));
  EXPECT_TRUE(queue.add_update({"client", 1, 1}, Bytes(19'000, 'u')));
}

// Whoever passes site data on may cut it anywhere: every suffix of it brings what is awaited.
TEST(EventQueueReview, AFullLinkTakesWhatIsAwaitedOnlyOnce) {
  EventQueue::Limits limits;
  limits.link_bytes = 1000;
  EventQueue queue(limits);
  queue.forget_site_data(1, 100, 0);
  EXPECT_TRUE(queue.add_site_data(messages(1, 101, 101, 900)));
  EXPECT_TRUE(queue.add_site_data(messages(1, 99, 101, 900)));
  const std::size_t bytes = queue.bytes();
  for (std::uint64_t first = 1; first < 99; ++first) {
    EXPECT_FALSE(queue.add_site_data(messages(1, first, 101, 900)));
  }
  EXPECT_EQ(queue.bytes(), bytes);
}

TEST(EventQueueReview, WhatWasDrawnCanComeAgainOnceASnapshotHasReplacedTheState) {
  EventQueue queue({});
  ASSERT_TRUE(queue.add_update({"client", 1, 1}, "drawn"));
  ASSERT_TRUE(queue.add_site_data(messages(1, 1, 3, 10)));
  ASSERT_TRUE(queue.add_timeout(timeout(1, 1)));
  ASSERT_EQ(queue.take().size(), 3U);
  ASSERT_TRUE(queue.add_update({"client", 2, 1}, "waiting"));
  queue.forget_drawn();
  queue.forget_site_data(1, 2, 0);
  EXPECT_TRUE(queue.add_update({"client", 1, 1}, "drawn"));
  EXPECT_FALSE(queue.add_update({"client", 2, 1}, "waiting"));
  EXPECT_FALSE(queue.add_site_data(messages(1, 1, 1, 10)));
  EXPECT_TRUE(queue.add_site_data(messages(1, 2, 3, 10)));
  EXPECT_TRUE(queue.add_timeout(timeout(1, 1)));
  EXPECT_EQ(queue.take().size(), 4U);
}

}  // namespace
}  // namespace steward::site
