#include "steward/cluster_config.h"

#include <fmt/format.h>

#include "config/rules.h"
#include "config/units.h"

namespace steward {
namespace {

using config::format_duration;
using config::format_rate;
using config::format_size;

std::string endpoint(const ServerConfig& server) {
  const bool v6 = server.host.find(':') != std::string::npos;
  return fmt::format("{}{}{}:{}", v6 ? "[" : "", server.host, v6 ? "]" : "", server.port);
}

std::string link_toml(const std::string& prefix, const LinkConfig& link) {
  return fmt::format("{0}latency = \"{1}\"\n{0}rate = \"{2}\"\n{0}loss = {3}\n", prefix,
                     format_duration(link.latency), format_rate(link.rate_bits_per_s), link.loss);
}

std::string site_toml(const SiteConfig& site) {
  std::string servers;
  for (const ServerConfig& server : site.servers) {
    servers += fmt::format("  \"{}\",\n", endpoint(server));
  }
  return fmt::format(
      "\n[[site]]\nname = \"{}\"\nprotocol = \"{}\"\nfaults = {}\nservers = [\n{}]\n"
      "gateway_host = \"{}\"\ngateway_port = {}\n{}",
      site.name, to_string(site.protocol), site.faults, servers, site.gateway_host,
      site.gateway_port, site.scheme.empty() ? "" : fmt::format("scheme = \"{}\"\n", site.scheme));
}

std::string topology_toml(const ClusterConfig& config) {
  std::string out = fmt::format("\n[topology]\nshape = {}\n", config.topology.shape);
  out += link_toml("wide_", config.topology.wide);
  out += link_toml("local_", config.topology.local);
  for (const LinkOverride& link : config.topology.overrides) {
    out += fmt::format("\n[[link]]\nfrom = \"{}\"\nto = \"{}\"\n", config.sites[link.from].name,
                       config.sites[link.to].name);
    out += link_toml("", link.link);
  }
  return out;
}

std::string tuning_toml(const ClusterConfig& config) {
  const TimeoutConfig& t = config.timeouts;
  const OrderingConfig& o = config.ordering;
  return fmt::format("\n[crypto]\nscheme = \"{}\"\nrsa_bits = {}\nrefresh_interval = \"{}\"\n",
                     config.crypto.scheme, config.crypto.rsa_bits,
                     format_duration(config.crypto.refresh_interval)) +
         fmt::format(
             "\n[timeouts]\nstatus_interval = \"{}\"\nidle_status_interval = \"{}\"\n"
             "acknowledge = \"{}\"\nlink = \"{}\"\nretransmit = \"{}\"\nclient_retry = \"{}\"\n"
             "view_change = \"{}\"\nview_change_cap = \"{}\"\nfair = \"{}\"\n"
             "wide_view_change = \"{}\"\nwide_view_change_cap = \"{}\"\n",
             format_duration(t.status_interval), format_duration(t.idle_status_interval),
             format_duration(t.acknowledge), format_duration(t.link), format_duration(t.retransmit),
             format_duration(t.client_retry), format_duration(t.view_change),
             format_duration(t.view_change_cap), format_duration(t.fair),
             format_duration(t.wide_view_change), format_duration(t.wide_view_change_cap)) +
         fmt::format(
             "\n[ordering]\nlocal_window = {}\nwide_window = {}\nmax_batch_items = {}\n"
             "max_batch_bytes = \"{}\"\ncheckpoint_interval = {}\nwide_checkpoint_interval = {}\n"
             "link_window = {}\nlink_queue_bytes = \"{}\"\ntransfer_rate = \"{}\"\n",
             o.local_window, o.wide_window, o.max_batch_items, format_size(o.max_batch_bytes),
             o.checkpoint_interval, o.wide_checkpoint_interval, o.link_window,
             format_size(o.link_queue_bytes), format_rate(o.transfer_rate_bits_per_s));
}

}  // namespace

const LinkConfig& TopologyConfig::between(SiteId from, SiteId to) const {
  if (from == to) return local;
  for (const LinkOverride& link : overrides) {
    if (link.from == from && link.to == to) return link.link;
  }
  return wide;
}

std::string site_scheme(const ClusterConfig& config, SiteId site) {
  const SiteConfig& at = config.sites[site];
  if (at.protocol != LocalProtocol::kPbft) return "plain";
  const std::string& scheme = at.scheme.empty() ? config.crypto.scheme : at.scheme;
  if (scheme != "auto") return scheme;
  // A list of signatures is the quickest to make and check while it is short; it grows with the
  // site, a BLS signature does not.
  constexpr std::uint32_t kMostFaultsOfList = 2;
  return at.faults <= kMostFaultsOfList ? "ed25519-multi" : "bls12-381";
}

const char* to_string(LocalProtocol protocol) {
  switch (protocol) {
    case LocalProtocol::kSingle:
      return "single";
    case LocalProtocol::kPaxos:
      return "paxos";
    case LocalProtocol::kPbft:
      return "pbft";
  }
  return "unknown";
}

const char* to_string(WideProtocol protocol) {
  switch (protocol) {
    case WideProtocol::kPaxos:
      return "paxos";
    case WideProtocol::kPbft:
      return "pbft";
  }
  return "unknown";
}

Status check_cluster_config(const ClusterConfig& config) {
  const auto violation = config::find_violation(config);
  if (!violation) return {};
  return bad_input(fmt::format("key '{}': {}", violation->key, violation->reason));
}

std::string to_toml(const ClusterConfig& config) {
  std::string out =
      fmt::format("name = \"{}\"\nepoch = {}\nwide = \"{}\"\nsite_faults = {}\n", config.name,
                  config.epoch, to_string(config.wide), config.site_faults);
  for (const SiteConfig& site : config.sites) out += site_toml(site);
  return out + topology_toml(config) + tuning_toml(config);
}

}  // namespace steward
