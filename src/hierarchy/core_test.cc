#include "hierarchy/core.h"

#include <gtest/gtest.h>

#include "hierarchy/testing/sites.h"

namespace steward::hierarchy {
namespace {

TEST(StewardCore, OrdersWhatIsAskedForEverywhere) {
  Sites sites({});
  sites.ask(40);
  EXPECT_TRUE(sites.run_until_done(60s)) << sites.standings();
  for (const ServerId server : sites.servers()) {
    EXPECT_EQ(sites.core(server).progress().view, ViewPair{}) << to_string(server);
  }
}

// One Proposal to each other site, and one Accept from each of them to each other.
TEST(StewardCore, CrossesTheWideAreaAsOftenAsItMust) {
  SitesOptions options;
  options.sites = 5;
  Sites sites(options);
  sites.ask(10);
  ASSERT_TRUE(sites.run_until_done(60s)) << sites.standings();
  EXPECT_EQ(sites.wide_words("proposal"), 10u * 4);
  EXPECT_EQ(sites.wide_words("accept"), 10u * 4 * 4);
}

TEST(StewardCore, ADeadRepresentativeIsReplacedAnywhere) {
  for (SiteId site = 0; site < 3; ++site) {
    Sites sites({});
    sites.ask(5);
    ASSERT_TRUE(sites.run_until_done(60s)) << sites.standings();
    sites.crash({site, 0});
    sites.ask(5);
    EXPECT_TRUE(sites.run_until_done(60s)) << "site " << site << sites.standings();
  }
}

TEST(StewardCore, ALeaderSiteThatIsCutOffIsReplacedAndComesBack) {
  Sites sites({});
  sites.ask(5);
  ASSERT_TRUE(sites.run_until_done(60s)) << sites.standings();
  sites.cut_site(0, true);
  sites.ask(50);
  EXPECT_TRUE(sites.run_until_done(120s)) << sites.standings();
  sites.cut_site(0, false);
  sites.ask(5);
  EXPECT_TRUE(sites.run_until_done(60s)) << sites.standings();
}

TEST(StewardCore, AllAtOnceComeBackFromTheirDisks) {
  Sites sites({});
  sites.ask(100);
  sites.run_for(300ms);
  for (const ServerId server : sites.servers()) sites.crash(server);
  for (const ServerId server : sites.servers()) sites.restart(server);
  EXPECT_TRUE(sites.run_until_done(120s)) << sites.standings();
}

// The journal paper's invariant 8.2 hangs on this: a lying representative shows a Proposal to one
// site alone, which orders it and is cut off. In the leader site there are prepare certificates for
// it and nothing else; the next leader site must hear of them.
TEST(StewardCore, APrepareCertificateCrossesGlobalViews) {
  SitesOptions options;
  options.liars = {{0, 0}};
  Sites sites(options);
  sites.set_word_mask([](ServerId, ServerId to, const SiteWord& word) {
    return !word.body.has_proposal() || to.site == 2;
  });
  sites.set_mask([](ServerId, ServerId, proto::ServerMessage& body, wire::BatchPtr&) {
    return body.has_pre_prepare();
  });
  sites.ask(1);
  while (sites.executed({2, 1}) == 0 && sites.now() < 10s) sites.run_for(1ms);
  ASSERT_EQ(sites.executed({2, 1}), 1u) << sites.standings();
  ASSERT_EQ(sites.executed({1, 1}), 0u) << sites.standings();
  sites.cut_site(2, true);
  for (const ServerId server : sites.servers()) sites.expire(server, TimeOuts::kGlobal);
  sites.ask(3);
  EXPECT_TRUE(sites.run_until_done(120s)) << sites.standings();
  EXPECT_GT(sites.core({1, 1}).progress().view.global, 0u);
  sites.cut_site(2, false);
  sites.ask(1);
  EXPECT_TRUE(sites.run_until_done(120s)) << sites.standings();
}

// A site that was away for longer than the others keep what they ordered.
TEST(StewardCore, ASiteThatWasAwayForLongTakesASnapshot) {
  Sites sites({});
  sites.cut_site(2, true);
  sites.ask(200);
  ASSERT_TRUE(sites.run_until_done(120s)) << sites.standings();
  sites.cut_site(2, false);
  sites.ask(1);
  EXPECT_TRUE(sites.run_until_done(60s)) << sites.standings();
  EXPECT_GE(sites.core({2, 0}).progress().stable, 160u);
}

// It would be another batch for sequences that it has given out already.
TEST(StewardCore, ARepresentativeThatRestartsRemembersWhatItProposed) {
  Sites sites({});
  sites.ask(3);
  sites.run_for(2ms);
  sites.crash({0, 0});
  sites.restart({0, 0});
  sites.ask(10);
  EXPECT_TRUE(sites.run_until_done(60s)) << sites.standings();
}

}  // namespace
}  // namespace steward::hierarchy
