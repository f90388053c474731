// What a server makes of others that lost their memory: by what it can show of it.
#include <gtest/gtest.h>

#include "replica/readmission.h"

namespace steward::replica {
namespace {

constexpr Sequence kInterval = 8;

wire::Introduction hello_of(std::uint64_t incarnation, std::uint64_t since) {
  wire::Introduction out;
  wire::Life& life = *out.mutable_hello()->mutable_life();
  life.set_incarnation(incarnation);
  life.set_nonce(incarnation);
  life.set_since(since);
  return out;
}

TEST(Births, AreShownWithWhatWasSigned) {
  const Readmission::Options options{0, {4, 1, true}, 1, kInterval};
  Readmission::Stored disk;
  Readmission one(options, disk);
  Readmission::Actions actions;
  one.receive(3, {hello_of(5, 5), "signed"}, {}, actions);
  ASSERT_TRUE(actions.reborn.contains(3));
  EXPECT_EQ(actions.reborn.at(3).said, "signed");
  disk.peers = one.take_dirty();
  disk.said = one.said();
  const Readmission again(options, disk);
  ASSERT_TRUE(again.births().contains(3));
  EXPECT_EQ(again.births().at(3).said, "signed") << "also after a restart";
}

TEST(Births, AreTakenUpFromAHelloAloneWhereServersMayLie) {
  for (const bool byzantine : {true, false}) {
    Readmission one({0, {4, 1, byzantine}, 1, kInterval}, {});
    Readmission::Actions actions;
    EXPECT_TRUE(one.heard(3, hello_of(4, 0).hello().life(), actions));
    EXPECT_TRUE(one.heard(3, hello_of(5, 5).hello().life(), actions));
    EXPECT_EQ(actions.reborn.contains(3), !byzantine) << "a vote's life is not signed";
    EXPECT_FALSE(one.heard(3, hello_of(3, 9).hello().life(), actions)) << "of no later run";
  }
}

TEST(Births, WaitWhileTheViewChangeThatWasSentDoesNotShowThem) {
  for (const bool byzantine : {true, false}) {
    Readmission one({0, {4, 1, byzantine}, 1, kInterval}, {});
    Readmission::Standing standing;
    standing.changing = true;
    Readmission::Actions actions;
    one.receive(3, {hello_of(5, 5), "signed"}, standing, actions);
    EXPECT_EQ(actions.sends.empty(), byzantine);
    EXPECT_EQ(actions.reborn.empty(), byzantine);
    Readmission::Actions other;
    one.receive(2, {hello_of(5, 0), "signed"}, standing, other);
    EXPECT_EQ(other.sends.size(), 1U) << "one that remembers all is not held up";
    Readmission::Actions later;
    standing.changing = false;
    one.receive(3, {hello_of(5, 5), "signed"}, standing, later);
    EXPECT_EQ(later.sends.size(), 1U);
    EXPECT_EQ(later.reborn.empty(), !byzantine);
  }
}

}  // namespace
}  // namespace steward::replica
