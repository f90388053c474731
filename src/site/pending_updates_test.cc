#include "site/pending_updates.h"

#include <gtest/gtest.h>

#include "wire/client.pb.h"

namespace steward::site {
namespace {

constexpr SiteId kSelf = 1;
using Added = PendingUpdates::Added;

Bytes update(std::uint64_t session, std::size_t bytes = 10) {
  wire::Update inner;
  inner.set_client("client");
  inner.set_session(session);
  inner.set_timestamp(1);
  inner.set_payload(Bytes(bytes, 'x'));
  wire::SignedUpdate outer;
  outer.set_update(inner.SerializeAsString());
  return outer.SerializeAsString();
}
UpdateKey key(std::uint64_t session) { return {"client", session, 1}; }

Added add(PendingUpdates& pending, std::uint64_t session, SiteId from, bool late,
          std::size_t bytes = 10) {
  return pending.add(key(session), update(session, bytes), from, late);
}

// It is the same after a snapshot.
void renew(PendingUpdates& pending) {
  wire::MachinePage page;
  pending.collect(page);
  PendingUpdates again(kSelf);
  ASSERT_TRUE(again.load(page));
  wire::MachinePage other;
  again.collect(other);
  EXPECT_EQ(page.SerializeAsString(), other.SerializeAsString());
  pending = again;
}

TEST(PendingUpdates, ThoseThatAreLateComeFirst) {
  PendingUpdates pending(kSelf);
  EXPECT_EQ(add(pending, 1, kSelf, false), Added::kNew);
  EXPECT_EQ(add(pending, 2, kSelf, false), Added::kNew);
  EXPECT_EQ(add(pending, 3, 0, true), Added::kNew);
  EXPECT_EQ(add(pending, 2, 0, true), Added::kKnown);
  renew(pending);
  EXPECT_EQ(pending.take(10, 1 << 20), (std::vector<Bytes>{update(3), update(2), update(1)}));
  EXPECT_TRUE(pending.empty());
  EXPECT_EQ(add(pending, 2, kSelf, false), Added::kKnown) << "it is proposed";
  pending.forget(key(2));
  EXPECT_EQ(add(pending, 2, kSelf, false), Added::kNew);
}

TEST(PendingUpdates, WhatWasProposedInVainWaitsAgain) {
  PendingUpdates pending(kSelf);
  add(pending, 1, kSelf, false);
  (void)pending.take(10, 1 << 20);
  pending.put_back(key(1), update(1));
  pending.put_back(key(1), update(1));
  pending.put_back(key(2), update(2));  // another site's
  renew(pending);
  EXPECT_EQ(pending.take(10, 1 << 20), std::vector<Bytes>{update(1)});
}

TEST(PendingUpdates, TakesOneAtLeastAndNoMoreThanFits) {
  PendingUpdates pending(kSelf);
  for (std::uint64_t session = 1; session <= 3; ++session) add(pending, session, kSelf, false, 100);
  EXPECT_EQ(pending.take(10, 1).size(), 1U);
  EXPECT_EQ(pending.take(1, 1 << 20).size(), 1U);
  EXPECT_EQ(pending.take(10, 1 << 20).size(), 1U);
}

TEST(PendingUpdates, OthersAreToldOfFewAtATime) {
  PendingUpdates pending(kSelf);
  for (std::uint64_t session = 1; session <= 100; ++session) add(pending, session, kSelf, true);
  add(pending, 101, 0, true);
  EXPECT_EQ(pending.to_tell().size(), 64U);
  renew(pending);
  EXPECT_TRUE(pending.to_tell().empty());
  for (std::uint64_t session = 1; session <= 10; ++session) pending.forget(key(session));
  EXPECT_EQ(pending.to_tell().size(), 10U);
  pending.tell_again();
  EXPECT_EQ(pending.to_tell().size(), 64U);
}

TEST(PendingUpdates, AnotherSiteFillsItsOwnShareOnly) {
  PendingUpdates pending(kSelf);
  std::uint64_t session = 0;
  while (add(pending, ++session, 0, true, 1000) == Added::kNew) {
  }
  EXPECT_EQ(session, 257U);
  EXPECT_EQ(add(pending, 1000, 0, true), Added::kFull);
  EXPECT_EQ(add(pending, 1000, 2, true), Added::kNew);
  EXPECT_EQ(add(pending, 1001, kSelf, true), Added::kNew);
  pending.forget(key(1));
  EXPECT_EQ(add(pending, 1002, 0, true), Added::kNew);
}

TEST(PendingUpdates, WhatWaitsGoesToTheLeaderSiteAndAtLastAccusesIt) {
  PendingUpdates pending(kSelf);
  add(pending, 1, 0, true);
  EXPECT_TRUE(pending.tick(5, 4).to_leader.empty());
  renew(pending);
  EXPECT_EQ(pending.tick(5, 4).to_leader.size(), 1U);
  EXPECT_TRUE(pending.tick(5, 4).to_leader.empty());
  EXPECT_FALSE(pending.tick(5, 4).starved) << "nothing else is executed either";
  EXPECT_TRUE(pending.tick(6, 4).starved);
  EXPECT_FALSE(pending.tick(7, 4).starved) << "a new leader has its time";
}

}  // namespace
}  // namespace steward::site
