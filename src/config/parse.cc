// From the text of a cluster file to a ClusterConfig. Types are checked while reading, what the
// values mean (rules.h) afterwards, with the lines looked up again by key.
#include <fmt/format.h>
#include <toml++/toml.h>

#include <fstream>

#include "config/rules.h"
#include "config/table_reader.h"
#include "steward/cluster_config.h"
#include "wire/limits.h"

namespace steward {
namespace {

using config::Mistakes;
using config::TableReader;

constexpr std::size_t kMaxFileBytes = 1 << 20;

struct NamedTopology {
  const char* name;
  LinkConfig wide;
};

// The emulated networks of the papers' experiments that are the same for every pair of sites.
constexpr NamedTopology kTopologies[] = {
    {"symmetric-50ms-10mbps", {50ms, 10'000'000, 0}},
    {"symmetric-50ms-5mbps", {50ms, 5'000'000, 0}},
    {"symmetric-50ms-2.5mbps", {50ms, 2'500'000, 0}},
    {"symmetric-100ms-10mbps", {100ms, 10'000'000, 0}},
    {"symmetric-100ms-5mbps", {100ms, 5'000'000, 0}},
    {"symmetric-100ms-2.5mbps", {100ms, 2'500'000, 0}},
};

// A named topology is there to be emulated, so it switches shaping on.
void use_topology(TableReader& reader, const std::string& key, const std::string& name,
                  TopologyConfig& out) {
  std::string names;
  for (const NamedTopology& topology : kTopologies) {
    if (topology.name == name) {
      out.wide = topology.wide;
      out.shape = true;
      return;
    }
    names += (names.empty() ? "" : ", ") + std::string(topology.name);
  }
  reader.fail(key, fmt::format("no topology is called '{}'; there are {}", name, names));
}

void read_link(TableReader& reader, const std::string& prefix, LinkConfig& link) {
  reader.duration(prefix + "latency", link.latency);
  reader.rate(prefix + "rate", link.rate_bits_per_s);
  reader.fraction(prefix + "loss", link.loss);
}

void read_topology(TableReader& root, Mistakes& mistakes, TopologyConfig& out) {
  const toml::node* node = root.any("topology");
  if (node == nullptr) return;
  if (const auto* name = node->as_string()) {
    return use_topology(root, "topology", name->get(), out);
  }
  const toml::table* table = node->as_table();
  if (table == nullptr) return root.fail("topology", "must be a topology's name or a table");
  TableReader reader(*table, "topology.", mistakes);
  std::string preset;
  reader.text("preset", preset);
  if (reader.has("preset")) use_topology(reader, "preset", preset, out);
  reader.boolean("shape", out.shape);
  read_link(reader, "wide_", out.wide);
  read_link(reader, "local_", out.local);
  reader.finish();
}

void read_site_name(TableReader& reader, const std::string& key,
                    const std::vector<SiteConfig>& sites, SiteId& out) {
  std::string name;
  reader.text(key, name);
  if (!reader.has(key)) return reader.fail(key, "missing: the name of a site");
  for (SiteId id = 0; id < sites.size(); ++id) {
    if (sites[id].name == name) {
      out = id;
      return;
    }
  }
  reader.fail(key, fmt::format("no site is called '{}'", name));
}

// What an override does not mention is as on every other wide link.
void read_overrides(TableReader& root, Mistakes& mistakes, ClusterConfig& config) {
  const toml::array* links = root.tables("link");
  if (links == nullptr) return;
  for (std::size_t i = 0; i < links->size(); ++i) {
    TableReader reader(*links->get(i)->as_table(), fmt::format("link[{}].", i), mistakes);
    LinkOverride link{0, 0, config.topology.wide};
    read_site_name(reader, "from", config.sites, link.from);
    read_site_name(reader, "to", config.sites, link.to);
    read_link(reader, "", link.link);
    reader.finish();
    config.topology.overrides.push_back(link);
  }
}

// "host:port" or "[v6 address]:port".
std::optional<ServerConfig> parse_endpoint(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0) return std::nullopt;
  const std::string digits = text.substr(colon + 1);
  if (digits.empty() || digits.size() > 5 ||
      digits.find_first_not_of("0123456789") != std::string::npos) {
    return std::nullopt;
  }
  const unsigned long port = std::stoul(digits);
  if (port > 65535) return std::nullopt;
  std::string host = text.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string::npos) {
    return std::nullopt;
  }
  return ServerConfig{host, static_cast<std::uint16_t>(port)};
}

void read_server_list(TableReader& reader, const toml::array& list, SiteConfig& site) {
  for (const toml::node& node : list) {
    const auto* text = node.as_string();
    const auto server = text == nullptr ? std::nullopt : parse_endpoint(text->get());
    if (!server) {
      return reader.fail("servers", "each entry must be a text such as \"10.0.0.1:7000\"");
    }
    site.servers.push_back(*server);
  }
}

// servers = 4 with host and base_port, or servers = ["host:port", …].
void read_servers(TableReader& reader, SiteConfig& site) {
  std::string host = "127.0.0.1";
  std::uint16_t base_port = 0;
  reader.text("host", host);
  reader.integer("base_port", base_port);
  const toml::node* node = reader.any("servers");
  if (node == nullptr) return reader.fail("servers", "missing: a number, or a list of addresses");
  if (const toml::array* list = node->as_array()) {
    if (reader.has("host") || reader.has("base_port")) {
      return reader.fail("servers", "a list of addresses goes without host and base_port");
    }
    return read_server_list(reader, *list, site);
  }
  std::uint16_t count = 0;
  reader.integer("servers", count);
  if (count == 0 || count > limits::kMaxServersPerSite) {
    return reader.fail("servers", fmt::format("must be a number in 1 to {}, or a list of addresses",
                                              limits::kMaxServersPerSite));
  }
  if (!reader.has("base_port") || base_port == 0) {
    return reader.fail("base_port", "missing: the port of the site's first server");
  }
  if (base_port + count - 1 > 65535) {
    return reader.fail(
        "base_port", fmt::format("{} servers from port {} on end beyond 65535", count, base_port));
  }
  for (std::uint16_t i = 0; i < count; ++i) {
    site.servers.push_back({host, static_cast<std::uint16_t>(base_port + i)});
  }
}

SiteConfig read_site(TableReader& reader) {
  SiteConfig site;
  reader.text("name", site.name);
  if (!reader.has("name")) reader.fail("name", "missing");
  std::string protocol;
  reader.text("protocol", protocol);
  if (protocol == "single") {
    site.protocol = LocalProtocol::kSingle;
    site.faults = 0;
  } else if (protocol == "paxos") {
    site.protocol = LocalProtocol::kPaxos;
  } else if (protocol == "pbft") {
    site.protocol = LocalProtocol::kPbft;
  } else {
    reader.fail("protocol", "must be \"single\", \"paxos\" or \"pbft\"");
  }
  reader.integer("faults", site.faults);
  read_servers(reader, site);
  // Where the servers are, unless it is said otherwise.
  if (!site.servers.empty()) site.gateway_host = site.servers.front().host;
  reader.text("gateway_host", site.gateway_host);
  reader.integer("gateway_port", site.gateway_port);
  reader.text("scheme", site.scheme);
  if (site.scheme.empty() && reader.has("scheme")) reader.fail("scheme", "names no scheme");
  reader.finish();
  return site;
}

void read_sites(TableReader& root, Mistakes& mistakes, ClusterConfig& config) {
  const toml::array* sites = root.tables("site");
  if (sites == nullptr) return root.fail("site", "missing: one [[site]] for each site");
  for (std::size_t i = 0; i < sites->size(); ++i) {
    TableReader reader(*sites->get(i)->as_table(), fmt::format("site[{}].", i), mistakes);
    config.sites.push_back(read_site(reader));
  }
}

void read_tuning(TableReader& root, Mistakes& mistakes, ClusterConfig& config) {
  if (const toml::table* table = root.sub_table("crypto")) {
    TableReader reader(*table, "crypto.", mistakes);
    reader.text("scheme", config.crypto.scheme);
    reader.integer("rsa_bits", config.crypto.rsa_bits);
    reader.duration("refresh_interval", config.crypto.refresh_interval);
    reader.finish();
  }
  if (const toml::table* table = root.sub_table("timeouts")) {
    TableReader reader(*table, "timeouts.", mistakes);
    reader.duration("status_interval", config.timeouts.status_interval);
    reader.duration("idle_status_interval", config.timeouts.idle_status_interval);
    reader.duration("acknowledge", config.timeouts.acknowledge);
    reader.duration("link", config.timeouts.link);
    reader.duration("retransmit", config.timeouts.retransmit);
    reader.duration("client_retry", config.timeouts.client_retry);
    reader.duration("view_change", config.timeouts.view_change);
    reader.duration("view_change_cap", config.timeouts.view_change_cap);
    reader.duration("fair", config.timeouts.fair);
    reader.duration("wide_view_change", config.timeouts.wide_view_change);
    reader.duration("wide_view_change_cap", config.timeouts.wide_view_change_cap);
    reader.finish();
  }
  if (const toml::table* table = root.sub_table("ordering")) {
    TableReader reader(*table, "ordering.", mistakes);
    OrderingConfig& ordering = config.ordering;
    reader.integer("local_window", ordering.local_window);
    reader.integer("wide_window", ordering.wide_window);
    reader.integer("max_batch_items", ordering.max_batch_items);
    reader.size("max_batch_bytes", ordering.max_batch_bytes);
    reader.integer("checkpoint_interval", ordering.checkpoint_interval);
    reader.integer("wide_checkpoint_interval", ordering.wide_checkpoint_interval);
    reader.integer("link_window", ordering.link_window);
    reader.size("link_queue_bytes", ordering.link_queue_bytes);
    reader.rate("transfer_rate", ordering.transfer_rate_bits_per_s);
    reader.finish();
  }
}

ClusterConfig read_cluster(const toml::table& table, Mistakes& mistakes) {
  ClusterConfig config;
  TableReader root(table, "", mistakes);
  root.text("name", config.name);
  if (!root.has("name")) root.fail("name", "missing");
  root.integer("epoch", config.epoch);
  std::string wide;
  root.text("wide", wide);
  if (wide == "pbft") {
    config.wide = WideProtocol::kPbft;
  } else if (wide != "paxos") {
    root.fail("wide", "must be \"paxos\" or \"pbft\"");
  }
  root.integer("site_faults", config.site_faults);
  if (!root.has("site_faults")) root.fail("site_faults", "missing: how many sites may fail");
  read_sites(root, mistakes, config);
  read_topology(root, mistakes, config.topology);
  read_overrides(root, mistakes, config);
  read_tuning(root, mistakes, config);
  root.finish();
  return config;
}

// The node that a rule's key speaks of, or the nearest one around it that the file has.
toml::source_region locate(const toml::table& root, std::string key) {
  while (true) {
    const auto found = toml::at_path(root, key);
    if (found) return found.node()->source();
    const std::size_t cut = key.find_last_of(".[");
    if (cut == std::string::npos) return root.source();
    key.resize(cut);
  }
}

}  // namespace

Result<ClusterConfig> parse_cluster_config(const std::string& toml,
                                           const std::string& source_name) {
  toml::table table;
  try {
    table = toml::parse(toml, source_name);
  } catch (const toml::parse_error& error) {
    return bad_input(fmt::format("{}:{}: not valid TOML: {}", source_name,
                                 error.source().begin.line, error.description()));
  }
  Mistakes mistakes(source_name);
  ClusterConfig config = read_cluster(table, mistakes);
  if (mistakes.any()) return mistakes.first();
  if (const auto violation = config::find_violation(config)) {
    mistakes.add(locate(table, violation->key), violation->key, violation->reason);
    return mistakes.first();
  }
  return config;
}

Result<ClusterConfig> load_cluster_config(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    return Error{ErrorCode::kNotFound, fmt::format("{}: cannot be opened for reading", path)};
  }
  std::string text(kMaxFileBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (file.bad()) return Error{ErrorCode::kIo, fmt::format("{}: cannot be read", path)};
  if (text.size() > kMaxFileBytes) {
    return bad_input(fmt::format("{}: larger than a cluster file may be (1 MiB)", path));
  }
  return parse_cluster_config(text, path);
}

}  // namespace steward
