#include "site/blink/link.h"

#include <gtest/gtest.h>

#include <random>

namespace steward::site::blink {
namespace {

constexpr PageKey kBase = 3 * kPagesPerLink;
using PageMap = std::map<PageKey, Bytes>;

OutMessage message(std::uint64_t link_sequence, BatchNumber batch, std::size_t bytes = 10) {
  OutMessage out;
  out.link_sequence = link_sequence;
  out.batch = batch;
  out.body = Bytes(bytes, 'b');
  out.leaf_count = 2;
  out.root = crypto::sha256("root");
  out.path = {crypto::sha256("sibling")};
  return out;
}

void push(Link& link, BatchNumber batch, std::size_t bytes = 10) {
  link.push(message(link.allocate(), batch, bytes));
}

void skip_to(Link& link, std::uint64_t sequence, BatchNumber batch) {
  OutMessage skip = message(sequence, batch, 0);
  skip.type = wire::LEAF_SKIP;
  link.push_skip(std::move(skip));
}

void update_pages(PageMap& pages, Link& link) {
  PageChanges changes;
  link.collect(changes, kBase);
  for (const auto& [key, content] : changes) {
    EXPECT_GE(key, kBase);
    EXPECT_LT(key, kBase + kPagesPerLink);
    if (content) {
      pages[key] = *content;
    } else {
      pages.erase(key);
    }
  }
}

TEST(Link, AcknowledgementsAreCumulativeAndOnlyForWhatWasSent) {
  Link link;
  for (BatchNumber batch = 1; batch <= 5; ++batch) push(link, batch);
  EXPECT_EQ(link.queued_bytes(), 50U);
  EXPECT_FALSE(link.acknowledge(6));  // never sent
  EXPECT_FALSE(link.acknowledge(0));
  EXPECT_TRUE(link.acknowledge(3));
  EXPECT_FALSE(link.acknowledge(3));
  EXPECT_FALSE(link.acknowledge(2));
  EXPECT_EQ(link.unacknowledged().front().link_sequence, 4U);
  EXPECT_EQ(link.queued_bytes(), 20U);
  EXPECT_EQ(link.first_batch(99), 4U);
  EXPECT_TRUE(link.acknowledge(5));
  EXPECT_EQ(link.queued_bytes(), 0U);
  EXPECT_EQ(link.first_batch(99), 99U);
}

TEST(Link, ProgressForgivesFailuresButKeepsTheVirtualLink) {
  Link link;
  push(link, 1);
  link.replace_virtual_link();
  link.replace_virtual_link();
  EXPECT_EQ(link.failures(), 2U);
  EXPECT_TRUE(link.acknowledge(1));
  EXPECT_EQ(link.failures(), 0U);
  EXPECT_EQ(link.replaced().links, 2U);
}

TEST(Link, AReplacedForwarderIsAReplacedVirtualLink) {
  Link link;
  link.replace_forwarder();
  link.replace_virtual_link();
  EXPECT_EQ(link.replaced(), (Replaced{2, 1}));
  EXPECT_EQ(link.failures(), 2U);
}

TEST(Link, MonitoringCoversWhatIsOutstandingAtItsStart) {
  Link link;
  push(link, 1);
  push(link, 1);
  link.monitor();
  EXPECT_TRUE(link.monitored());
  push(link, 2);
  link.acknowledge(1);
  EXPECT_FALSE(link.covered_all());
  link.acknowledge(2);
  EXPECT_TRUE(link.covered_all());
  link.stop_monitoring();
  EXPECT_FALSE(link.monitored());
}

TEST(Link, PruningKeepsTheNewestAndASkipStandsForTheRest) {
  Link link;
  for (BatchNumber batch = 1; batch <= 10; ++batch) push(link, batch, 100);
  EXPECT_EQ(link.prune(450), 6U);
  skip_to(link, 6, 11);
  EXPECT_EQ(link.queued_bytes(), 400U);
  EXPECT_EQ(link.unacknowledged().size(), 5U);
  EXPECT_EQ(link.first_batch(99), 7U);  // not the skip's, which is younger
  for (BatchNumber batch = 12; batch <= 20; ++batch) push(link, batch, 100);
  EXPECT_EQ(link.prune(150), 18U);  // the first skip goes with the rest
  skip_to(link, 18, 21);
  EXPECT_EQ(link.unacknowledged().front().link_sequence, 18U);
  EXPECT_EQ(link.queued_bytes(), 100U);
  EXPECT_TRUE(link.acknowledge(18));
  EXPECT_EQ(link.unacknowledged().front().link_sequence, 19U);
}

TEST(Link, AMessageInItsPageIsTheMessage) {
  OutMessage original = message(7, 3);
  original.attachment = wire::make_batch({"an", "update"});
  original.index = 1;
  const auto decoded = decode_out_message(encode_out_message(original));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(encode_out_message(*decoded), encode_out_message(original));
  EXPECT_EQ(decoded->attachment->digest, original.attachment->digest);
  EXPECT_EQ(decoded->path, original.path);
  EXPECT_EQ(decoded->bytes(), original.bytes());
  EXPECT_FALSE(decode_out_message("\xff"));
  EXPECT_FALSE(decode_out_message(""));  // no root
}

// A link that is put together from the pages that changed, step by step, is the link; and it goes
// on changing the same pages.
TEST(Link, SnapshotsCarryAnyHistory) {
  for (std::uint32_t seed = 1; seed <= 30; ++seed) {
    std::mt19937 random(seed);
    Link link;
    Link other;  // replaced from the snapshot now and then
    PageMap pages;
    PageMap other_pages;
    for (BatchNumber batch = 1; batch <= 150; ++batch) {
      const std::uint32_t what = random() % 8;
      const std::size_t bytes = random() % 200;
      const std::uint64_t ack = link.acknowledged() + random() % 4;
      for (Link* each : {&link, &other}) {
        if (what < 4) push(*each, batch, bytes);
        if (what == 4) each->acknowledge(ack);
        if (what == 5 && each->queued_bytes() > 500) skip_to(*each, each->prune(300), batch);
        if (what == 6) each->received(each->next_in());
        if (what == 7) each->replace_virtual_link(), each->monitor(), each->saw_ack_number(batch);
      }
      if (random() % 5 != 0) continue;
      update_pages(pages, link);
      update_pages(other_pages, other);
      ASSERT_EQ(pages, other_pages) << seed << " " << batch;
      EXPECT_EQ(pages.size(), link.unacknowledged().size() + 1);
      ASSERT_TRUE(other.load(pages, kBase));
      EXPECT_EQ(other.queued_bytes(), link.queued_bytes());
    }
  }
}

TEST(Link, RefusesPagesOfWhatIsAcknowledgedOrWasNeverSent) {
  Link link;
  for (BatchNumber batch = 1; batch <= 3; ++batch) push(link, batch);
  link.acknowledge(1);
  PageMap pages;
  update_pages(pages, link);
  Link other;
  ASSERT_TRUE(other.load(pages, kBase));
  for (const std::uint64_t wrong : {1U, 2U, 4U}) {  // acknowledged, twice there, never sent
    PageMap spoilt = pages;
    spoilt[kBase + 1000] = encode_out_message(message(wrong, 1));
    EXPECT_FALSE(other.load(spoilt, kBase)) << wrong;
  }
  pages.erase(kBase);
  EXPECT_FALSE(other.load(pages, kBase));
}

}  // namespace
}  // namespace steward::site::blink
