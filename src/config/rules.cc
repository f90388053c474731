#include "config/rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "config/units.h"
#include "wire/limits.h"

namespace steward::config {
namespace {

using Check = std::optional<Violation>;

constexpr std::size_t kMaxNameBytes = 64;
constexpr std::uint64_t kMaxEpoch = (1ULL << 63) - 1;  // TOML's integers are signed
constexpr Duration kMaxLatency = 60s;
constexpr Duration kMinTimeout = 1ms;
constexpr Duration kMaxTimeout = 3600s;
constexpr std::uint64_t kMinTransferRate = 8'000'000;
constexpr Duration kMinRefreshInterval = 1s;
constexpr Duration kMaxRefreshInterval = 366 * 24 * 3600s;

// Names and hosts appear in logs, status lines and file names: plain characters only.
bool is_plain(const std::string& text, std::string_view also) {
  if (text.empty() || text.size() > kMaxNameBytes) return false;
  for (const char c : text) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!letter && also.find(c) == std::string_view::npos) return false;
  }
  return true;
}

Check check_name(std::string key, const std::string& name) {
  if (is_plain(name, "-_.")) return std::nullopt;
  return Violation{std::move(key),
                   fmt::format("must be 1 to {} letters, digits, '-', '_' or '.'", kMaxNameBytes)};
}

Check check_host(std::string key, const std::string& host) {
  if (is_plain(host, "-.:")) return std::nullopt;
  return Violation{std::move(key), fmt::format("'{}' is not a host name or address", host)};
}

template <class Number>
Check check_range(std::string key, Number value, Number low, Number high) {
  if (value >= low && value <= high) return std::nullopt;
  return Violation{std::move(key), fmt::format("{} is not in {} to {}", value, low, high)};
}

Check check_range(std::string key, Duration value, Duration low, Duration high) {
  if (value >= low && value <= high) return std::nullopt;
  const std::string shown = value < Duration(0) ? "a negative time" : format_duration(value);
  return Violation{std::move(key), fmt::format("{} is not in {} to {}", shown, format_duration(low),
                                               format_duration(high))};
}

Check check_scheme(const std::string& key, const std::string& scheme) {
  for (const char* known : {"auto", "rsa-shoup", "bls12-381", "ed25519-multi"}) {
    if (scheme == known) return std::nullopt;
  }
  return Violation{key, fmt::format("'{}' is not known; there are 'auto', 'rsa-shoup', 'bls12-381' "
                                    "and 'ed25519-multi'",
                                    scheme)};
}

Check check_site_size(const SiteConfig& site, const std::string& path) {
  const std::size_t n = site.servers.size();
  const std::size_t f = site.faults;
  if (n == 0 || n > limits::kMaxServersPerSite) {
    return check_range<std::size_t>(path + ".servers", n, 1, limits::kMaxServersPerSite);
  }
  if (site.protocol == LocalProtocol::kSingle) {
    if (n != 1) {
      return Violation{path + ".servers",
                       fmt::format("a single site is one server, this one has {}", n)};
    }
    if (f != 0) {
      return Violation{path + ".faults",
                       "a single site cannot lose its only server: faults must be 0"};
    }
    return std::nullopt;
  }
  const bool lies = site.protocol == LocalProtocol::kPbft;
  const std::size_t need = (lies ? 3 : 2) * f + 1;
  if (n >= need) return std::nullopt;
  return Violation{
      path + ".servers",
      fmt::format("{} servers cannot tolerate {} {}: a {} site needs at least {}f+1 = {}", n, f,
                  lies ? "that lie" : "that crash", to_string(site.protocol), lies ? 3 : 2, need)};
}

Check check_sites(const ClusterConfig& config) {
  const std::size_t count = config.sites.size();
  if (auto bad = check_range<std::size_t>("site", count, 1, limits::kMaxSites)) return bad;
  std::set<std::string> names;
  for (std::size_t i = 0; i < count; ++i) {
    const SiteConfig& site = config.sites[i];
    const std::string path = fmt::format("site[{}]", i);
    if (auto bad = check_name(path + ".name", site.name)) return bad;
    if (!names.insert(site.name).second) {
      return Violation{path + ".name", fmt::format("'{}' names another site already", site.name)};
    }
    if (auto bad = check_site_size(site, path)) return bad;
    if (site.scheme.empty()) continue;
    if (auto bad = check_scheme(path + ".scheme", site.scheme)) return bad;
    if (site.protocol != LocalProtocol::kPbft) {
      return Violation{path + ".scheme",
                       fmt::format("only pbft sites have one: servers of a {} site do not lie, and "
                                   "share one plain key",
                                   to_string(site.protocol))};
    }
  }
  const std::size_t faults = config.site_faults;
  const bool lies = config.wide == WideProtocol::kPbft;
  const std::size_t need = (lies ? 3 : 2) * faults + 1;
  if (count >= need) return std::nullopt;
  return Violation{"site_faults",
                   fmt::format("{} sites cannot tolerate {} {}: wide {} needs at least {}F+1 = {}",
                               count, faults, lies ? "that lie" : "that fail",
                               to_string(config.wide), lies ? 3 : 2, need)};
}

// One process listens on each address. Port 0 (a cluster that is only simulated) never clashes.
Check check_endpoints(const ClusterConfig& config) {
  std::map<std::pair<std::string, std::uint16_t>, std::string> used;
  const auto claim = [&used](const std::string& key, const std::string& host, std::uint16_t port,
                             const std::string& who) -> Check {
    if (auto bad = check_host(key, host)) return bad;
    if (port == 0) return std::nullopt;
    const auto [at, fresh] = used.emplace(std::pair(host, port), who);
    if (fresh) return std::nullopt;
    return Violation{
        key, fmt::format("{} would listen on {}:{}, which is the address of {} already", who, host,
                         port, at->second)};
  };
  for (std::size_t i = 0; i < config.sites.size(); ++i) {
    const SiteConfig& site = config.sites[i];
    const std::string path = fmt::format("site[{}]", i);
    for (std::size_t s = 0; s < site.servers.size(); ++s) {
      const ServerConfig& server = site.servers[s];
      const std::string who = fmt::format("server {} of site '{}'", s, site.name);
      if (auto bad = claim(fmt::format("{}.servers[{}]", path, s), server.host, server.port, who)) {
        return bad;
      }
    }
    const std::string who = fmt::format("the gateway of site '{}'", site.name);
    if (auto bad = claim(path + ".gateway_port", site.gateway_host, site.gateway_port, who)) {
      return bad;
    }
  }
  return std::nullopt;
}

Check check_link(const std::string& prefix, const LinkConfig& link) {
  if (auto bad = check_range(prefix + "latency", link.latency, Duration(0), kMaxLatency)) {
    return bad;
  }
  if (link.loss >= 0 && link.loss < 1) return std::nullopt;
  return Violation{prefix + "loss",
                   fmt::format("{} is not a fraction of at least 0 and below 1", link.loss)};
}

Check check_topology(const ClusterConfig& config) {
  const TopologyConfig& topology = config.topology;
  if (auto bad = check_link("topology.wide_", topology.wide)) return bad;
  if (auto bad = check_link("topology.local_", topology.local)) return bad;
  std::set<std::pair<SiteId, SiteId>> seen;
  for (std::size_t i = 0; i < topology.overrides.size(); ++i) {
    const LinkOverride& link = topology.overrides[i];
    const std::string path = fmt::format("link[{}]", i);
    if (link.from >= config.sites.size()) return Violation{path + ".from", "no such site"};
    if (link.to >= config.sites.size()) return Violation{path + ".to", "no such site"};
    if (link.from == link.to) {
      return Violation{path + ".to", "a wide link joins two different sites"};
    }
    if (!seen.emplace(link.from, link.to).second) {
      return Violation{path + ".to", "an earlier [[link]] describes this direction already"};
    }
    if (auto bad = check_link(path + ".", link.link)) return bad;
  }
  return std::nullopt;
}

// Renewing shares takes some rounds in the site, and is no help more often than servers are
// cleaned.
Check check_refresh(const ClusterConfig& config) {
  const Duration interval = config.crypto.refresh_interval;
  if (interval == Duration(0)) return std::nullopt;
  const std::string key = "crypto.refresh_interval";
  if (auto bad = check_range(key, interval, kMinRefreshInterval, kMaxRefreshInterval)) return bad;
  for (SiteId site = 0; site < config.sites.size(); ++site) {
    if (site_scheme(config, site) == "bls12-381") return std::nullopt;
  }
  return Violation{key,
                   "only shares of scheme 'bls12-381' are renewed, and no site has it: leave this "
                   "out, or set 'scheme'"};
}

Check check_crypto(const ClusterConfig& config) {
  const CryptoConfig& crypto = config.crypto;
  if (auto bad = check_scheme("crypto.scheme", crypto.scheme)) return bad;
  if (crypto.rsa_bits != 2048 && crypto.rsa_bits != 3072 && crypto.rsa_bits != 4096) {
    return Violation{"crypto.rsa_bits",
                     fmt::format("{} is not 2048, 3072 or 4096", crypto.rsa_bits)};
  }
  return check_refresh(config);
}

Check check_timeouts(const TimeoutConfig& timeouts) {
  const std::pair<const char*, Duration> all[] = {
      {"status_interval", timeouts.status_interval},
      {"idle_status_interval", timeouts.idle_status_interval},
      {"acknowledge", timeouts.acknowledge},
      {"link", timeouts.link},
      {"retransmit", timeouts.retransmit},
      {"client_retry", timeouts.client_retry},
      {"view_change", timeouts.view_change},
      {"view_change_cap", timeouts.view_change_cap},
      {"fair", timeouts.fair}};
  for (const auto& [name, value] : all) {
    const std::string key = std::string("timeouts.") + name;
    if (auto bad = check_range(key, value, kMinTimeout, kMaxTimeout)) return bad;
  }
  // What was lost is sent again within a status interval, and who is behind hears of it within an
  // idle one; before that nobody is to blame.
  const Duration least = std::max(2 * timeouts.status_interval, timeouts.idle_status_interval);
  if (auto bad = check_range("timeouts.view_change", timeouts.view_change, least, kMaxTimeout)) {
    return bad;
  }
  return check_range("timeouts.view_change_cap", timeouts.view_change_cap, timeouts.view_change,
                     kMaxTimeout);
}

// A leader site is not to blame for what three round trips take, nor for a change of its own
// leader.
Check check_wide_timeouts(const ClusterConfig& config) {
  const TimeoutConfig& timeouts = config.timeouts;
  if (timeouts.wide_view_change != Duration(0)) {
    bool leaders = false;
    for (const SiteConfig& site : config.sites) leaders = leaders || site.servers.size() > 1;
    const Duration least =
        std::max(leaders ? timeouts.view_change : kMinTimeout, 6 * longest_latency(config));
    if (auto bad = check_range("timeouts.wide_view_change", timeouts.wide_view_change, least,
                               kMaxTimeout)) {
      return bad;
    }
  }
  return check_range("timeouts.wide_view_change_cap", timeouts.wide_view_change_cap,
                     std::max(timeouts.wide_view_change, kMinTimeout), kMaxTimeout);
}

// The same among the sites: one output of a site, with signatures of sites for proofs.
Check check_wide_view_changes(const ClusterConfig& config) {
  if (config.wide != WideProtocol::kPbft) return std::nullopt;
  std::size_t signature = limits::kPlainSignatureBytes;
  for (SiteId site = 0; site < config.sites.size(); ++site) {
    const std::string scheme = site_scheme(config, site);
    const std::size_t quorum = config.sites[site].quorums().quorum();
    if (scheme == "rsa-shoup")
      signature = std::max<std::size_t>(signature, config.crypto.rsa_bits / 8);
    if (scheme == "ed25519-multi") {
      signature = std::max(signature, quorum * limits::kPlainSignatureBytes);
    }
  }
  const std::uint32_t interval = config.ordering.wide_checkpoint_interval;
  const std::size_t most =
      limits::max_wide_view_change_bytes(config.quorums().quorum(), interval, signature);
  if (most <= limits::kMaxSiteDataBytes) return std::nullopt;
  return Violation{"ordering.wide_checkpoint_interval",
                   fmt::format("{} is too long for {} sites", interval, config.sites.size())};
}

// A change of view shows what is prepared in two checkpoint intervals, in one message.
Check check_view_changes(const ClusterConfig& config) {
  for (const SiteConfig& site : config.sites) {
    if (site.protocol != LocalProtocol::kPbft) continue;
    const std::uint32_t quorum = site.quorums().quorum();
    const std::uint32_t interval = config.ordering.checkpoint_interval;
    if (limits::max_view_change_bytes(quorum, interval) <= limits::kMaxFrameBytes / 2) continue;
    return Violation{"ordering.checkpoint_interval",
                     fmt::format("{} is too long for the {} servers of site '{}'", interval,
                                 site.servers.size(), site.name)};
  }
  return std::nullopt;
}

Check check_ordering(const OrderingConfig& ordering) {
  struct Bound {
    const char* name;
    std::uint64_t value, low, high;
  };
  const Bound bounds[] = {
      {"local_window", ordering.local_window, 1, limits::kStatusWindow},
      {"wide_window", ordering.wide_window, 1, limits::kStatusWindow},
      {"max_batch_items", ordering.max_batch_items, 1, limits::kMaxBatchItems},
      {"checkpoint_interval", ordering.checkpoint_interval, 1, 1U << 20},
      {"wide_checkpoint_interval", ordering.wide_checkpoint_interval, 1, 1U << 20},
      {"link_window", ordering.link_window, 1, limits::kMaxLeavesPerBatch}};
  for (const Bound& bound : bounds) {
    const std::string key = std::string("ordering.") + bound.name;
    if (auto bad = check_range(key, bound.value, bound.low, bound.high)) return bad;
  }
  if (ordering.transfer_rate_bits_per_s != 0 &&
      ordering.transfer_rate_bits_per_s < kMinTransferRate) {
    return Violation{
        "ordering.transfer_rate",
        fmt::format("{} is less than {}", format_rate(ordering.transfer_rate_bits_per_s),
                    format_rate(kMinTransferRate))};
  }
  const Bound sizes[] = {
      {"max_batch_bytes", ordering.max_batch_bytes, 1 << 10, limits::kMaxBatchBytes},
      {"link_queue_bytes", ordering.link_queue_bytes, 1 << 20, 4ULL << 30}};
  for (const Bound& size : sizes) {
    if (size.value >= size.low && size.value <= size.high) continue;
    return Violation{std::string("ordering.") + size.name,
                     fmt::format("{} is not in {} to {}", format_size(size.value),
                                 format_size(size.low), format_size(size.high))};
  }
  return std::nullopt;
}

}  // namespace

std::optional<Violation> find_violation(const ClusterConfig& config) {
  if (auto bad = check_name("name", config.name)) return bad;
  if (auto bad = check_range<std::uint64_t>("epoch", config.epoch, 0, kMaxEpoch)) return bad;
  if (auto bad = check_sites(config)) return bad;
  if (auto bad = check_endpoints(config)) return bad;
  if (auto bad = check_topology(config)) return bad;
  if (auto bad = check_crypto(config)) return bad;
  if (auto bad = check_timeouts(config.timeouts)) return bad;
  if (auto bad = check_wide_timeouts(config)) return bad;
  if (auto bad = check_ordering(config.ordering)) return bad;
  if (auto bad = check_wide_view_changes(config)) return bad;
  return check_view_changes(config);
}

}  // namespace steward::config
