#include "config/rules.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

namespace steward::config {
namespace {

ClusterConfig valid() {
  ClusterConfig config;
  config.name = "test";
  config.wide = WideProtocol::kPaxos;
  config.site_faults = 1;
  for (std::uint16_t site = 0; site < 3; ++site) {
    SiteConfig out;
    out.name = std::string(1, static_cast<char>('a' + site));
    for (std::uint16_t i = 0; i < 4; ++i) {
      out.servers.push_back({"127.0.0.1", static_cast<std::uint16_t>(7000 + 10 * site + i)});
    }
    out.gateway_port = static_cast<std::uint16_t>(6379 + site);
    config.sites.push_back(out);
  }
  return config;
}

TEST(Rules, AValidClusterBreaksNone) {
  EXPECT_FALSE(find_violation(valid()));
  EXPECT_TRUE(check_cluster_config(valid()).ok());
}

TEST(Rules, SharesOfOneSiteThatCanBeRenewedAreEnough) {
  ClusterConfig config = valid();
  config.crypto.scheme = "ed25519-multi";
  config.sites[2].scheme = "bls12-381";
  config.crypto.refresh_interval = Duration(1'000'000);
  EXPECT_FALSE(find_violation(config));
}

TEST(Rules, TheSchemeOfASiteIsItsOwnElseTheClusters) {
  ClusterConfig config = valid();
  EXPECT_NE(site_scheme(config, 0), "auto");
  EXPECT_NE(site_scheme(config, 0), "plain");
  config.crypto.scheme = "bls12-381";
  config.sites[1].scheme = "rsa-shoup";
  config.sites[2].protocol = LocalProtocol::kPaxos;
  EXPECT_EQ(site_scheme(config, 0), "bls12-381");
  EXPECT_EQ(site_scheme(config, 1), "rsa-shoup");
  EXPECT_EQ(site_scheme(config, 2), "plain");
  config.sites[1].scheme = "auto";
  EXPECT_NE(site_scheme(config, 1), "bls12-381") << "a site may go back to the rule";
}

TEST(Rules, PortZeroIsForSimulatedClustersAndNeverClashes) {
  ClusterConfig config = valid();
  for (SiteConfig& site : config.sites) {
    site.gateway_port = 0;
    for (ServerConfig& server : site.servers) server.port = 0;
  }
  EXPECT_FALSE(find_violation(config));
}

struct Case {
  const char* name;
  std::function<void(ClusterConfig&)> spoil;
  const char* key;
  const char* reason;
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

class RulesBroken : public testing::TestWithParam<Case> {};

TEST_P(RulesBroken, NamesKeyAndReason) {
  ClusterConfig config = valid();
  GetParam().spoil(config);
  const auto violation = find_violation(config);
  ASSERT_TRUE(violation);
  EXPECT_EQ(violation->key, GetParam().key);
  EXPECT_NE(violation->reason.find(GetParam().reason), std::string::npos) << violation->reason;
  EXPECT_EQ(violation->reason.find('\n'), std::string::npos);
  EXPECT_FALSE(check_cluster_config(config).ok());
}

INSTANTIATE_TEST_SUITE_P(
    Sizes, RulesBroken,
    testing::Values(Case{"BftSiteOfThree", [](auto& c) { c.sites[1].servers.pop_back(); },
                         "site[1].servers", "a pbft site needs at least 3f+1 = 4"},
                    Case{"CrashSiteOfTwo",
                         [](auto& c) {
                           c.sites[0].protocol = LocalProtocol::kPaxos;
                           c.sites[0].servers.resize(2);
                         },
                         "site[0].servers", "a paxos site needs at least 2f+1 = 3"},
                    Case{"SingleOfFour",
                         [](auto& c) {
                           c.sites[0].protocol = LocalProtocol::kSingle;
                           c.sites[0].faults = 0;
                         },
                         "site[0].servers", "a single site is one server"},
                    Case{"SingleThatMayFail",
                         [](auto& c) {
                           c.sites[0].protocol = LocalProtocol::kSingle;
                           c.sites[0].servers.resize(1);
                         },
                         "site[0].faults", "faults must be 0"},
                    Case{"WidePbftOfThree", [](auto& c) { c.wide = WideProtocol::kPbft; },
                         "site_faults", "wide pbft needs at least 3F+1 = 4"},
                    Case{"WidePaxosLosingTwo", [](auto& c) { c.site_faults = 2; }, "site_faults",
                         "wide paxos needs at least 2F+1 = 5"},
                    Case{"HugeFaultCount", [](auto& c) { c.sites[0].faults = 0xffffffff; },
                         "site[0].servers", "cannot tolerate 4294967295"},
                    Case{"NoSites", [](auto& c) { c.sites.clear(); }, "site",
                         "0 is not in 1 to 32"},
                    Case{"NoServers", [](auto& c) { c.sites[2].servers.clear(); },
                         "site[2].servers", "0 is not in 1 to 64"}),
    testing::PrintToStringParamName());

INSTANTIATE_TEST_SUITE_P(
    Names, RulesBroken,
    testing::Values(Case{"EmptyName", [](auto& c) { c.name.clear(); }, "name", "letters, digits"},
                    Case{"NameWithSlash", [](auto& c) { c.sites[0].name = "../x"; }, "site[0].name",
                         "letters, digits"},
                    Case{"SameNameTwice", [](auto& c) { c.sites[2].name = "a"; }, "site[2].name",
                         "names another site"},
                    Case{"BadHost", [](auto& c) { c.sites[1].servers[2].host = "a b"; },
                         "site[1].servers[2]", "not a host name"},
                    Case{"SameServerPort", [](auto& c) { c.sites[1].servers[2].port = 7003; },
                         "site[1].servers[2]",
                         "127.0.0.1:7003, which is the address of server 3 of site 'a'"},
                    Case{"GatewayOnServerPort", [](auto& c) { c.sites[2].gateway_port = 7000; },
                         "site[2].gateway_port", "the gateway of site 'c' would listen"}),
    testing::PrintToStringParamName());

INSTANTIATE_TEST_SUITE_P(
    Ranges, RulesBroken,
    testing::Values(
        Case{"Epoch", [](auto& c) { c.epoch = ~0ULL; }, "epoch", "is not in"},
        Case{"Latency", [](auto& c) { c.topology.wide.latency = 61s; }, "topology.wide_latency",
             "61s is not in 0us to 1min"},
        Case{"NegativeLatency", [](auto& c) { c.topology.local.latency = Duration(-1); },
             "topology.local_latency", "a negative time"},
        Case{"Loss", [](auto& c) { c.topology.wide.loss = 1; }, "topology.wide_loss", "below 1"},
        Case{"LossNotANumber", [](auto& c) { c.topology.wide.loss = std::nan(""); },
             "topology.wide_loss", "below 1"},
        Case{"LinkToItself",
             [](auto& c) {
               c.topology.overrides = {{1, 1, {}}};
             },
             "link[0].to", "two different sites"},
        Case{"LinkToNowhere",
             [](auto& c) {
               c.topology.overrides = {{1, 3, {}}};
             },
             "link[0].to", "no such site"},
        Case{"LinkTwice",
             [](auto& c) {
               c.topology.overrides = {{0, 1, {}}, {0, 1, {}}};
             },
             "link[1].to", "already"},
        Case{"Scheme", [](auto& c) { c.crypto.scheme = "bls"; }, "crypto.scheme", "'bls'"},
        Case{"PlainIsNoChoice", [](auto& c) { c.crypto.scheme = "plain"; }, "crypto.scheme",
             "there are 'auto', 'rsa-shoup', 'bls12-381' and 'ed25519-multi'"},
        Case{"SiteScheme", [](auto& c) { c.sites[1].scheme = "rsa"; }, "site[1].scheme", "'rsa'"},
        Case{"SchemeOfPaxosSite",
             [](auto& c) {
               c.sites[1].protocol = LocalProtocol::kPaxos;
               c.sites[1].scheme = "rsa-shoup";
             },
             "site[1].scheme", "only pbft sites"},
        Case{"RefreshTooOften",
             [](auto& c) {
               c.crypto.scheme = "bls12-381";
               c.crypto.refresh_interval = Duration(1);
             },
             "crypto.refresh_interval", "1us is not in 1s to 8784h"},
        Case{"RefreshOfNothing",
             [](auto& c) {
               c.crypto.scheme = "rsa-shoup";
               c.crypto.refresh_interval = Duration(3'600'000'000);
             },
             "crypto.refresh_interval", "only shares of scheme 'bls12-381' are renewed"},
        Case{"RsaBits", [](auto& c) { c.crypto.rsa_bits = 1024; }, "crypto.rsa_bits",
             "2048, 3072 or 4096"},
        Case{"Timeout", [](auto& c) { c.timeouts.retransmit = 0us; }, "timeouts.retransmit",
             "0us is not in 1ms to 1h"},
        Case{"Window", [](auto& c) { c.ordering.local_window = 0; }, "ordering.local_window",
             "0 is not in 1 to 64"},
        Case{"BatchItems", [](auto& c) { c.ordering.max_batch_items = 5000; },
             "ordering.max_batch_items", "1 to 4096"},
        Case{"BatchBytes", [](auto& c) { c.ordering.max_batch_bytes = 9 << 20; },
             "ordering.max_batch_bytes", "9MiB is not in 1KiB to 8MiB"},
        Case{"QueueBytes", [](auto& c) { c.ordering.link_queue_bytes = 0; },
             "ordering.link_queue_bytes", "0B is not in 1MiB to 4GiB"},
        Case{"TransferRate", [](auto& c) { c.ordering.transfer_rate_bits_per_s = 7'999'999; },
             "ordering.transfer_rate", "7999999bit/s is less than 8Mbit/s"}),
    testing::PrintToStringParamName());

}  // namespace
}  // namespace steward::config
