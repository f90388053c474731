#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "steward/cluster_config.h"

namespace steward {
namespace {

constexpr const char* kSites = R"(
[[site]]
name = "a"
protocol = "pbft"
faults = 1
servers = 4
host = "10.0.0.1"
base_port = 7000
gateway_port = 6379
[[site]]
name = "b"
protocol = "single"
servers = ["[::1]:7100"]
gateway_host = "gate.b"
gateway_port = 6380
[[site]]
name = "c"
protocol = "paxos"
servers = ["c1:7200", "c2:7201", "c3:7202"]
)";

// Line 1 is the name; what follows `head` is kSites.
std::string cluster(const std::string& head = "") {
  return "name = \"x\"\nwide = \"paxos\"\nsite_faults = 1\n" + head + kSites;
}

ClusterConfig parsed(const std::string& text) {
  const auto result = parse_cluster_config(text, "c.toml");
  EXPECT_TRUE(result.ok()) << (result.ok() ? "" : result.error().message);
  return result.ok() ? *result : ClusterConfig{};
}

std::string error_of(const std::string& text) {
  const auto result = parse_cluster_config(text, "c.toml");
  return result.ok() ? "no error" : result.error().message;
}

std::string without(std::string text, const std::string& part) {
  const auto at = text.find(part);
  EXPECT_NE(at, std::string::npos) << part;
  return text.erase(at, part.size());
}

std::string replaced(std::string text, const std::string& part, const std::string& by) {
  const auto at = text.find(part);
  EXPECT_NE(at, std::string::npos) << part;
  return text.replace(at, part.size(), by);
}

TEST(Parse, SitesCompactAndListed) {
  const ClusterConfig config = parsed(cluster());
  ASSERT_EQ(config.sites.size(), 3U);
  EXPECT_EQ(config.name, "x");
  EXPECT_EQ(config.wide, WideProtocol::kPaxos);
  EXPECT_EQ(config.site_faults, 1U);
  EXPECT_EQ(config.sites[0].protocol, LocalProtocol::kPbft);
  EXPECT_EQ(config.sites[0].servers.size(), 4U);
  EXPECT_EQ(config.sites[0].servers[3].host, "10.0.0.1");
  EXPECT_EQ(config.sites[0].servers[3].port, 7003);
  EXPECT_EQ(config.sites[0].gateway_host, "10.0.0.1");
  EXPECT_EQ(config.sites[1].faults, 0U);
  EXPECT_EQ(config.sites[1].servers[0].host, "::1");
  EXPECT_EQ(config.sites[1].gateway_host, "gate.b");
  EXPECT_EQ(config.sites[1].gateway_port, 6380);
  EXPECT_EQ(config.sites[2].servers[2].host, "c3");
  EXPECT_EQ(config.sites[2].servers[2].port, 7202);
  EXPECT_EQ(config.sites[2].gateway_port, 0);
}

TEST(Parse, WhatIsNotSaidHasItsDefault) {
  const ClusterConfig config = parsed(cluster());
  const ClusterConfig defaults;
  EXPECT_EQ(to_toml(config).substr(to_toml(config).find("[topology]")),
            to_toml(defaults).substr(to_toml(defaults).find("[topology]")));
}

TEST(Parse, NamedTopologySwitchesShapingOn) {
  const ClusterConfig config = parsed(cluster("topology = \"symmetric-100ms-2.5mbps\"\n"));
  EXPECT_TRUE(config.topology.shape);
  EXPECT_EQ(config.topology.between(0, 2).latency, Duration(100'000));
  EXPECT_EQ(config.topology.between(2, 0).rate_bits_per_s, 2'500'000U);
  EXPECT_EQ(config.topology.between(1, 1).latency, Duration(100));
}

TEST(Parse, TopologyTableRefinesItsPreset) {
  const ClusterConfig config =
      parsed(cluster() +
             "[topology]\npreset = \"symmetric-50ms-10mbps\"\nshape = false\nwide_loss = 0.01\n"
             "local_rate = \"unlimited\"\n"
             "[[link]]\nfrom = \"c\"\nto = \"a\"\nlatency = \"7ms\"\n");
  EXPECT_FALSE(config.topology.shape);
  EXPECT_EQ(config.topology.wide.latency, Duration(50'000));
  EXPECT_DOUBLE_EQ(config.topology.wide.loss, 0.01);
  EXPECT_EQ(config.topology.local.rate_bits_per_s, 0U);
  EXPECT_EQ(config.topology.between(2, 0).latency, Duration(7'000));
  EXPECT_DOUBLE_EQ(config.topology.between(2, 0).loss, 0.01);
  EXPECT_EQ(config.topology.between(0, 2).latency, Duration(50'000));
}

TEST(Parse, TuningIsRead) {
  const ClusterConfig config = parsed(cluster() +
                                      "[crypto]\nrsa_bits = 2048\nscheme = \"bls12-381\"\n"
                                      "refresh_interval = \"12h\"\n"
                                      "[timeouts]\nlink = \"5s\"\nacknowledge = \"150ms\"\n"
                                      "[ordering]\nwide_window = 32\nmax_batch_bytes = \"1MiB\"\n");
  EXPECT_EQ(config.crypto.rsa_bits, 2048U);
  EXPECT_EQ(config.crypto.scheme, "bls12-381");
  EXPECT_EQ(config.crypto.refresh_interval, Duration(43'200'000'000));
  EXPECT_EQ(config.timeouts.link, Duration(5'000'000));
  EXPECT_EQ(config.timeouts.acknowledge, Duration(150'000));
  EXPECT_EQ(config.ordering.wide_window, 32U);
  EXPECT_EQ(config.ordering.max_batch_bytes, 1U << 20);
}

TEST(Parse, WhatIsWrittenIsReadBackTheSame) {
  ClusterConfig config = parsed(cluster("epoch = 7\ntopology = \"symmetric-50ms-5mbps\"\n"));
  config.topology.overrides.push_back({1, 2, {Duration(1'234), 56'789, 0.125}});
  config.ordering.link_queue_bytes = (64 << 20) + 1;
  config.ordering.transfer_rate_bits_per_s = 12'345'678;
  config.timeouts.status_interval = Duration(1'500);
  config.timeouts.wide_view_change = Duration(7'000'000);
  config.sites[0].scheme = "bls12-381";
  config.crypto.refresh_interval = Duration(90'000'000);
  const std::string text = to_toml(config);
  const ClusterConfig again = parsed(text);
  EXPECT_EQ(to_toml(again), text);
  EXPECT_EQ(again.epoch, 7U);
  EXPECT_EQ(again.sites[0].scheme, "bls12-381");
  EXPECT_EQ(again.sites[1].scheme, "");
  EXPECT_EQ(again.crypto.refresh_interval, Duration(90'000'000));
  EXPECT_EQ(again.topology.between(1, 2).latency, Duration(1'234));
  EXPECT_EQ(again.topology.between(1, 2).rate_bits_per_s, 56'789U);
  EXPECT_DOUBLE_EQ(again.topology.between(1, 2).loss, 0.125);
  EXPECT_EQ(again.ordering.link_queue_bytes, (64U << 20) + 1);
  EXPECT_EQ(again.ordering.transfer_rate_bits_per_s, 12'345'678U);
  EXPECT_EQ(again.timeouts.status_interval, Duration(1'500));
  EXPECT_EQ(again.timeouts.wide_view_change, Duration(7'000'000));
  EXPECT_EQ(again.timeouts.wide_view_change_cap, Duration(60'000'000));
  EXPECT_EQ(again.sites[1].servers[0].host, "::1");
}

TEST(ParseErrors, SyntaxNamesTheLine) {
  EXPECT_EQ(error_of("name = \"x\"\nwide = \n").rfind("c.toml:2: not valid TOML: ", 0), 0U);
  EXPECT_EQ(error_of("a = 1\na = 2\n").rfind("c.toml:2: ", 0), 0U);
}

TEST(ParseErrors, UnknownKeysAreNamedWithTheKnownOnes) {
  EXPECT_EQ(error_of(cluster("wobble = 1\n")),
            "c.toml:4: key 'wobble': not known; the keys here are crypto, epoch, link, name, "
            "ordering, site, site_faults, timeouts, topology, wide");
  EXPECT_EQ(
      error_of(cluster() + "colour = \"red\"\n").rfind("c.toml:23: key 'site[2].colour': not", 0),
      0U);
  EXPECT_EQ(error_of(cluster() + "[timeouts]\nlnik = \"3s\"\n")
                .rfind("c.toml:24: key 'timeouts.lnik': not known; the keys here are ", 0),
            0U);
}

TEST(ParseErrors, WrongTypesSayWhatIsExpected) {
  EXPECT_EQ(error_of(replaced(cluster(), "\"x\"", "5")),
            "c.toml:1: key 'name': must be a text, not a whole number");
  EXPECT_EQ(error_of(cluster("epoch = \"1\"\n")),
            "c.toml:4: key 'epoch': must be a whole number, not a text");
  EXPECT_EQ(error_of(cluster("epoch = -1\n")).rfind("c.toml:4: key 'epoch': -1 is not in 0", 0),
            0U);
  EXPECT_EQ(error_of(cluster("crypto = 1\n")),
            "c.toml:4: key 'crypto': must be a table, not a whole number");
  EXPECT_EQ(error_of(cluster("link = 1\n")),
            "c.toml:4: key 'link': must be written as [[link]] tables");
  EXPECT_EQ(error_of(cluster() + "[topology]\nshape = 1\n"),
            "c.toml:24: key 'topology.shape': must be true or false, not a whole number");
  EXPECT_EQ(error_of(cluster() + "[topology]\nwide_loss = \"1%\"\n"),
            "c.toml:24: key 'topology.wide_loss': must be a number, not a text");
  EXPECT_EQ(error_of(cluster() + "[timeouts]\nlink = 3\n"),
            "c.toml:24: key 'timeouts.link': must be a text with a unit such as \"50ms\", not a "
            "whole number");
}

TEST(ParseErrors, QuantitiesWithoutOrWithWrongUnits) {
  EXPECT_EQ(error_of(cluster() + "[timeouts]\nlink = \"3\"\n"),
            "c.toml:24: key 'timeouts.link': '3' is not a time such as \"50ms\" or \"2s\"");
  EXPECT_EQ(error_of(cluster() + "[topology]\nwide_rate = \"10MB\"\n"),
            "c.toml:24: key 'topology.wide_rate': '10MB' is not a rate such as \"10Mbit/s\" or "
            "\"unlimited\"");
  EXPECT_EQ(error_of(cluster() + "[ordering]\nmax_batch_bytes = \"5GiB\"\n"),
            "c.toml:24: key 'ordering.max_batch_bytes': '5GiB' is not a size such as \"256KiB\" or "
            "\"64MiB\"");
}

TEST(ParseErrors, MissingKeys) {
  EXPECT_EQ(error_of(without(cluster(), "name = \"x\"\n")), "c.toml:1: key 'name': missing");
  EXPECT_EQ(error_of(without(cluster(), "wide = \"paxos\"\n")),
            "c.toml:1: key 'wide': must be \"paxos\" or \"pbft\"");
  EXPECT_EQ(error_of(without(cluster(), "site_faults = 1\n")),
            "c.toml:1: key 'site_faults': missing: how many sites may fail");
  EXPECT_EQ(error_of("name = \"x\"\nwide = \"pbft\"\nsite_faults = 0\n"),
            "c.toml:1: key 'site': missing: one [[site]] for each site");
  EXPECT_EQ(error_of(without(cluster(), "protocol = \"pbft\"\n")),
            "c.toml:5: key 'site[0].protocol': must be \"single\", \"paxos\" or \"pbft\"");
  EXPECT_EQ(error_of(without(cluster(), "base_port = 7000\n")),
            "c.toml:5: key 'site[0].base_port': missing: the port of the site's first server");
  EXPECT_EQ(error_of(without(cluster(), "servers = 4\n")),
            "c.toml:5: key 'site[0].servers': missing: a number, or a list of addresses");
}

TEST(ParseErrors, ServerLists) {
  EXPECT_EQ(error_of(replaced(cluster(), "servers = 4", "servers = 0")),
            "c.toml:9: key 'site[0].servers': must be a number in 1 to 64, or a list of addresses");
  EXPECT_EQ(error_of(replaced(cluster(), "base_port = 7000", "base_port = 65534")),
            "c.toml:11: key 'site[0].base_port': 4 servers from port 65534 on end beyond 65535");
  EXPECT_EQ(error_of(replaced(cluster(), "servers = 4", "servers = [\"h:1\"]")),
            "c.toml:9: key 'site[0].servers': a list of addresses goes without host and base_port");
  for (const char* bad : {"c1", "c1:", ":7200", "c1:70000", "c1:7x", "::1:7200"}) {
    EXPECT_EQ(error_of(replaced(cluster(), "c1:7200", bad)),
              "c.toml:22: key 'site[2].servers': each entry must be a text such as "
              "\"10.0.0.1:7000\"");
  }
}

TEST(ParseErrors, RulesAreReportedWhereTheKeyStands) {
  EXPECT_EQ(error_of(replaced(cluster(), "servers = 4", "servers = 3")),
            "c.toml:9: key 'site[0].servers': 3 servers cannot tolerate 1 that lie: a pbft site "
            "needs at least 3f+1 = 4");
  EXPECT_EQ(error_of(replaced(cluster(), "c2:7201", "c1:7200")),
            "c.toml:22: key 'site[2].servers[1]': server 1 of site 'c' would listen on c1:7200, "
            "which is the address of server 0 of site 'c' already");
  EXPECT_EQ(error_of(replaced(cluster(), "wide = \"paxos\"", "wide = \"pbft\"")),
            "c.toml:3: key 'site_faults': 3 sites cannot tolerate 1 that lie: wide pbft needs at "
            "least 3F+1 = 4");
  EXPECT_EQ(error_of(cluster() + "[crypto]\nrsa_bits = 512\n"),
            "c.toml:24: key 'crypto.rsa_bits': 512 is not 2048, 3072 or 4096");
}

TEST(ParseErrors, TopologiesAndLinks) {
  EXPECT_EQ(error_of(cluster("topology = \"moon\"\n"))
                .rfind("c.toml:4: key 'topology': no topology is called 'moon'; there are "
                       "symmetric-50ms-10mbps, ",
                       0),
            0U);
  EXPECT_EQ(error_of(cluster("topology = 5\n")),
            "c.toml:4: key 'topology': must be a topology's name or a table");
  EXPECT_EQ(error_of(cluster() + "[[link]]\nfrom = \"a\"\nto = \"z\"\n"),
            "c.toml:25: key 'link[0].to': no site is called 'z'");
  EXPECT_EQ(error_of(cluster() + "[[link]]\nfrom = \"a\"\n"),
            "c.toml:23: key 'link[0].to': missing: the name of a site");
  EXPECT_EQ(error_of(cluster() + "[[link]]\nfrom = \"a\"\nto = \"a\"\n"),
            "c.toml:25: key 'link[0].to': a wide link joins two different sites");
}

TEST(Load, EveryExampleIsValidAndNamedAsItsFile) {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(STEWARD_EXAMPLES)) {
    if (entry.path().extension() != ".toml") continue;
    const auto config = load_cluster_config(entry.path().string());
    ASSERT_TRUE(config.ok()) << config.error().message;
    EXPECT_EQ(config->name, entry.path().stem().string());
    EXPECT_EQ(parsed(to_toml(*config)).sites.size(), config->sites.size());
    ++count;
  }
  EXPECT_GE(count, 5);
}

TEST(Load, AFileThatIsNotThereOrTooLargeIsOneLine) {
  const auto missing = load_cluster_config("/nonexistent/c.toml");
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
  EXPECT_EQ(missing.error().message, "/nonexistent/c.toml: cannot be opened for reading");

  const std::string path = testing::TempDir() + "/steward_large.toml";
  std::ofstream(path) << std::string((1 << 20) + 1, '#');
  const auto large = load_cluster_config(path);
  ASSERT_FALSE(large.ok());
  EXPECT_EQ(large.error().message, path + ": larger than a cluster file may be (1 MiB)");
  std::filesystem::remove(path);
}

TEST(Load, ADirectoryIsNotAClusterFile) {
  EXPECT_FALSE(load_cluster_config(testing::TempDir()).ok());
}

}  // namespace
}  // namespace steward
