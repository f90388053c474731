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

}  // namespace
}  // namespace steward::hierarchy
