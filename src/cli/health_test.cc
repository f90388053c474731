#include "cli/health.h"

#include <gtest/gtest.h>

namespace steward::cli {
namespace {

ClusterConfig cluster() {
  ClusterConfig config;
  config.site_faults = 1;
  for (const char* name : {"a", "b", "c"}) {
    SiteConfig site;
    site.name = name;
    site.servers.resize(4);
    config.sites.push_back(site);
  }
  return config;
}

Statuses all_well(const ClusterConfig& config) {
  Statuses statuses;
  for (SiteId site = 0; site < config.sites.size(); ++site) {
    for (ServerIndex server = 0; server < 4; ++server) {
      wire::StatusReply& status = statuses[{site, server}];
      status.set_sequence(7);
      status.set_state_digest("same");
    }
  }
  return statuses;
}

TEST(Health, AllWell) {
  const Health health = judge(cluster(), all_well(cluster()));
  EXPECT_TRUE(health.healthy);
  EXPECT_TRUE(health.problems.empty());
  EXPECT_NE(health.can_lose.find("1 more of a, 1 more of b, 1 more of c"), std::string::npos);
  EXPECT_NE(health.can_lose.find("1 whole site"), std::string::npos);
}

TEST(Health, ASiteWithoutItsLeaderFindsAnother) {
  Statuses statuses = all_well(cluster());
  statuses.erase({1, 0});
  const Health health = judge(cluster(), statuses);
  EXPECT_TRUE(health.healthy);  // two sites of three
  ASSERT_EQ(health.problems.size(), 2U);
  EXPECT_NE(health.problems[1].find("its leader is gone"), std::string::npos);
  EXPECT_NE(health.can_lose.find("1 more of a, 1 more of c (none of b)"), std::string::npos);
  EXPECT_NE(health.can_lose.find("1 whole site"), std::string::npos);
}

TEST(Health, TwoSitesShortOfAQuorumAreTooMany) {
  Statuses statuses = all_well(cluster());
  for (SiteId site = 1; site < 3; ++site) {
    statuses.erase({site, 2});
    statuses.erase({site, 3});
  }
  EXPECT_FALSE(judge(cluster(), statuses).healthy);
}

TEST(Health, AServerThatForgotDoesNotCountAsOneThatVotes) {
  Statuses statuses = all_well(cluster());
  statuses[{0, 2}].set_silent("has forgotten");
  Health health = judge(cluster(), statuses);
  ASSERT_EQ(health.problems.size(), 1U);
  EXPECT_EQ(health.problems[0], "server 0.2 does not vote: it has forgotten");
  EXPECT_NE(health.can_lose.find("1 more of b, 1 more of c (none of a)"), std::string::npos);
  statuses[{0, 3}].set_silent("has forgotten");
  statuses[{1, 3}].set_silent("has forgotten");
  statuses[{1, 2}].set_silent("has forgotten");
  EXPECT_FALSE(judge(cluster(), statuses).healthy);
}

TEST(Health, NamesTheServerWhoseStateDiffers) {
  Statuses statuses = all_well(cluster());
  statuses[{2, 3}].set_state_digest("other");
  statuses[{0, 1}].set_sequence(6);  // behind is not different
  statuses[{0, 1}].set_state_digest("older");
  const Health health = judge(cluster(), statuses);
  ASSERT_EQ(health.problems.size(), 1U);
  EXPECT_NE(health.problems[0].find("server 2.3"), std::string::npos);
}

TEST(Health, NamesAServerOnceEnoughOthersHoldEvidence) {
  ClusterConfig config = cluster();
  Statuses statuses = all_well(config);
  const auto accuse = [&](ServerIndex accuser) {
    wire::Evidence* evidence = statuses[{1, accuser}].add_evidence();
    evidence->set_server(2);
    evidence->set_offence(wire::OFFENCE_WRONG_SHARE);
  };
  accuse(0);
  accuse(0);
  EXPECT_TRUE(judge(config, statuses).problems.empty());  // one may lie
  accuse(3);
  const Health health = judge(config, statuses);
  ASSERT_EQ(health.problems.size(), 1U);
  EXPECT_NE(health.problems[0].find("server 1.2 is faulty, say 2 others: it gave a wrong share"),
            std::string::npos);
}

TEST(Health, WordsOffencesItself) {
  ClusterConfig config = cluster();
  Statuses statuses = all_well(config);
  for (const ServerIndex accuser : {0U, 2U, 3U}) {
    wire::Evidence* evidence = statuses[{1, accuser}].add_evidence();
    evidence->set_server(2);  // its word on itself is none
    evidence->set_offence(static_cast<wire::Offence>(accuser == 0 ? 77 : -1));
  }
  const Health health = judge(config, statuses);
  ASSERT_EQ(health.problems.size(), 1U);
  EXPECT_EQ(health.problems[0],
            "server 1.2 is faulty, say 2 others: it did wrong in a way that is not known here; "
            "replace it");
}

TEST(Health, NamesAServerWithoutAShareOfItsSitesEpoch) {
  Statuses statuses = all_well(cluster());
  statuses[{0, 3}].set_share_epoch(4);
  statuses[{0, 3}].set_own_share_epoch(2);
  const Health health = judge(cluster(), statuses);
  ASSERT_EQ(health.problems.size(), 1U);
  EXPECT_NE(health.problems[0].find("server 0.3 holds a key share of epoch 2"), std::string::npos);
}

}  // namespace
}  // namespace steward::cli
