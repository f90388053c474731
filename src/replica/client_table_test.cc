#include "replica/client_table.h"

#include <gtest/gtest.h>

#include <random>

#include "wire/limits.h"

namespace steward::replica {
namespace {

using Verdict = ClientTable::Verdict;
using PageMap = std::map<PageKey, Bytes>;

site::UpdateKey key(std::uint64_t session, std::uint64_t timestamp, const Bytes& client = "alice") {
  return {client, session, timestamp};
}

void update_pages(PageMap& pages, const PageChanges& changes) {
  for (const auto& [page, content] : changes) {
    if (content) {
      pages[page] = *content;
    } else {
      pages.erase(page);
    }
  }
}

TEST(ClientTable, EachTimestampOfASessionOnceAndInOrder) {
  ClientTable table;
  EXPECT_EQ(table.judge(key(1, 2)), Verdict::kGap);
  EXPECT_EQ(table.judge(key(1, 0)), Verdict::kGap);
  EXPECT_EQ(table.judge(key(1, 1)), Verdict::kExecute);
  table.record(key(1, 1), 10, "first");
  EXPECT_EQ(table.judge(key(1, 1)), Verdict::kDuplicate);
  EXPECT_EQ(table.judge(key(1, 3)), Verdict::kGap);
  EXPECT_EQ(table.judge(key(1, 2)), Verdict::kExecute);
  table.record(key(1, 2), 11, "second");
  EXPECT_EQ(table.judge(key(1, 1)), Verdict::kDuplicate);
  EXPECT_EQ(table.find("alice", 1)->result, "second");
  EXPECT_EQ(table.find("alice", 1)->sequence, 11U);
}

TEST(ClientTable, SessionsAndClientsAreApart) {
  ClientTable table;
  table.record(key(1, 1), 1, "");
  EXPECT_EQ(table.judge(key(2, 1)), Verdict::kExecute);
  EXPECT_EQ(table.judge(key(1, 1, "bob")), Verdict::kExecute);
  EXPECT_EQ(table.find("bob", 1), nullptr);
  EXPECT_EQ(table.find("alice", 2), nullptr);
}

TEST(ClientTable, ResultsOfOneClientAreBoundedAlsoAfterARestart) {
  const Bytes third(limits::kMaxClientResultBytes / 3, 'x');
  ClientTable table;
  PageMap pages;
  for (std::uint64_t session = 1; session <= 3; ++session) {
    table.record(key(session, 1), session, third);
  }
  update_pages(pages, table.collect());
  ASSERT_TRUE(table.load(pages));
  EXPECT_EQ(table.sessions(), 3U);
  table.record(key(2, 2), 4, third);  // replaces its own
  EXPECT_EQ(table.sessions(), 3U);
  table.record(key(4, 1), 5, third);
  EXPECT_EQ(table.judge(key(1, 2)), Verdict::kExpired);
  EXPECT_EQ(table.sessions(), 3U);
  table.record(key(2, 3), 6, Bytes(limits::kMaxClientResultBytes, 'y'));
  EXPECT_EQ(table.sessions(), 1U);
  EXPECT_EQ(table.find("alice", 2)->timestamp, 3U);
}

TEST(ClientTable, OneSessionTooManyExpiresTheOneUsedLongestAgoForGood) {
  ClientTable table;
  Sequence sequence = 0;
  for (std::uint64_t session = 1; session <= limits::kMaxSessionsPerClient; ++session) {
    table.record(key(session, 1), ++sequence, "");
  }
  table.record(key(1, 2), ++sequence, "");  // 2 is the oldest now
  table.record(key(1, 1, "bob"), ++sequence, "");
  table.record(key(5000, 1), ++sequence, "");
  EXPECT_EQ(table.sessions(), limits::kMaxSessionsPerClient + 1);
  EXPECT_EQ(table.find("alice", 2), nullptr);
  EXPECT_EQ(table.judge(key(2, 1)), Verdict::kExpired);  // its first update must not come again
  EXPECT_EQ(table.judge(key(2, 2)), Verdict::kExpired);
  EXPECT_EQ(table.judge(key(1, 3)), Verdict::kExecute);
  EXPECT_EQ(table.judge(key(3, 2)), Verdict::kExecute);
  EXPECT_EQ(table.judge(key(4999, 1)), Verdict::kExecute);
  EXPECT_EQ(table.judge(key(2, 1, "bob")), Verdict::kExecute);
}

TEST(ClientTable, IdsBelowAnExpiredOneCannotBeOpened) {
  ClientTable table;
  for (std::uint64_t session = 10; session < 10 + limits::kMaxSessionsPerClient; ++session) {
    table.record(key(session, 1), session, "");
  }
  EXPECT_EQ(table.judge(key(9, 1)), Verdict::kExecute);
  table.record(key(99'999, 1), 99'999, "");
  EXPECT_EQ(table.judge(key(9, 1)), Verdict::kExpired);
  EXPECT_EQ(table.judge(key(10, 1)), Verdict::kExpired);
}

TEST(ClientTable, PagesCarryAnyHistory) {
  for (std::uint32_t seed = 1; seed <= 5; ++seed) {
    std::mt19937 random(seed);
    ClientTable table;
    ClientTable other;
    PageMap pages;
    PageMap other_pages;
    Sequence sequence = 0;
    for (int step = 0; step < 12'000; ++step) {
      const Bytes client = random() % 3 == 0 ? "bob" : "alice-and-more";
      const std::uint64_t session = random() % 9000;
      const auto* known = table.find(client, session);
      const site::UpdateKey next =
          key(session, known == nullptr ? 1 : known->timestamp + 1, client);
      ASSERT_EQ(table.judge(next), other.judge(next));
      if (table.judge(next) == Verdict::kExecute) {
        ++sequence;
        table.record(next, sequence, Bytes(random() % 5, 'r'));
        other.record(next, sequence, table.find(client, session)->result);
      }
      if (step % 3000 != 2999) continue;
      update_pages(pages, table.collect());
      update_pages(other_pages, other.collect());
      ASSERT_EQ(pages, other_pages);
      ASSERT_TRUE(other.load(pages));
      EXPECT_TRUE(other.collect().empty());
      EXPECT_EQ(other.sessions(), table.sessions());
    }
  }
}

TEST(ClientTable, RefusesPagesThatMakeNoSense) {
  ClientTable table;
  table.record(key(1, 1), 1, "");
  PageMap pages;
  update_pages(pages, table.collect());
  ASSERT_EQ(pages.size(), 2U);
  PageMap moved = pages;
  auto session = moved.extract(std::prev(moved.end()));
  session.key() = session.key() % 1024 + 1;
  moved.insert(std::move(session));
  EXPECT_FALSE(table.load(moved));
  EXPECT_FALSE(table.load({{5000, ""}}));
  EXPECT_FALSE(table.load({{0, "\xff"}}));
  EXPECT_TRUE(table.load(pages));
}

}  // namespace
}  // namespace steward::replica
