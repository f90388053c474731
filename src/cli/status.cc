#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/health.h"
#include "cli/operator_client.h"
#include "common/bytes.h"
#include "wire/offence.h"

namespace steward::cli {
namespace {

struct Flags {
  OperatorOptions connection;
  bool json = false;
  bool counters = false;
};

struct WideBytes {
  std::uint64_t in = 0;
  std::uint64_t out = 0;
};

WideBytes wide_bytes(const wire::StatusReply& status) {
  WideBytes sum;
  for (const wire::PeerStatus& peer : status.peers()) {
    if (peer.site() == status.site()) continue;
    sum.in += peer.bytes_in();
    sum.out += peer.bytes_out();
  }
  return sum;
}

nlohmann::json to_json(const wire::StatusReply& status) {
  nlohmann::json out = {{"site", status.site()},
                        {"server", status.server()},
                        {"reachable", true},
                        {"local_view", status.local_view()},
                        {"local_leader", status.local_leader()},
                        {"local_changing", status.local_changing()},
                        {"silent", status.silent()},
                        {"local_committed", status.local_committed()},
                        {"local_stable", status.local_stable()},
                        {"wide_view", status.wide_view()},
                        {"wide_changing", status.wide_changing()},
                        {"leader_site", status.leader_site()},
                        {"sequence", status.sequence()},
                        {"state_digest", to_hex(status.state_digest())},
                        {"updates_executed", status.updates_executed()},
                        {"keys", status.keys()},
                        {"sessions", status.sessions()},
                        {"queued_events", status.queued_events()},
                        {"resident_bytes", status.resident_bytes()}};
  const wire::TransferStatus& transfer = status.transfer();
  out["transfer"] = {{"sequence", transfer.sequence()},
                     {"pages", transfer.pages()},
                     {"missing", transfer.missing()},
                     {"all_known", transfer.all_known()},
                     {"fetched_bytes", transfer.fetched_bytes()},
                     {"given_bytes", transfer.given_bytes()}};
  out["peers"] = nlohmann::json::array();
  for (const wire::PeerStatus& peer : status.peers()) {
    out["peers"].push_back({{"site", peer.site()},
                            {"server", peer.server()},
                            {"connected", peer.connected()},
                            {"bytes_in", peer.bytes_in()},
                            {"bytes_out", peer.bytes_out()},
                            {"queue_bytes", peer.queue_bytes()}});
  }
  out["links"] = nlohmann::json::array();
  for (const wire::LinkStatus& link : status.links()) {
    out["links"].push_back({{"site", link.site()},
                            {"forwarder", link.forwarder()},
                            {"peer", link.peer()},
                            {"next_out", link.next_out()},
                            {"acknowledged", link.acked()},
                            {"next_in", link.next_in()},
                            {"failures", link.failures()}});
  }
  out["site_key"] = {{"scheme", status.site_key_scheme()},
                     {"share_epoch", status.share_epoch()},
                     {"own_share_epoch", status.own_share_epoch()},
                     {"refresh", status.refresh_phase()}};
  out["evidence"] = nlohmann::json::array();
  for (const wire::Evidence& evidence : status.evidence()) {
    out["evidence"].push_back({{"server", evidence.server()},
                               {"reason", wire::to_string(evidence.offence())},
                               {"signed_header", to_hex(evidence.header())}});
  }
  out["counters"] = nlohmann::json::object();
  for (const wire::Counter& counter : status.counters()) {
    out["counters"][counter.name()] = counter.value();
  }
  return out;
}

void print_json(const ClusterConfig& config, const Statuses& statuses, const Health& health) {
  nlohmann::json out = {{"cluster", config.name},
                        {"healthy", health.healthy},
                        {"can_lose", health.can_lose},
                        {"problems", health.problems}};
  out["servers"] = nlohmann::json::array();
  for (const ServerId id : all_servers(config)) {
    const auto status = statuses.find(id);
    if (status != statuses.end()) {
      out["servers"].push_back(to_json(status->second));
    } else {
      out["servers"].push_back({{"site", id.site}, {"server", id.server}, {"reachable", false}});
    }
  }
  fmt::print("{}\n", out.dump(2));
}

void print_row(const ClusterConfig& config, const wire::StatusReply& status) {
  const WideBytes wide = wide_bytes(status);
  const auto connected =
      std::count_if(status.peers().begin(), status.peers().end(),
                    [](const wire::PeerStatus& peer) { return peer.connected(); });
  std::uint64_t queued = 0;
  for (const wire::PeerStatus& peer : status.peers()) queued += peer.queue_bytes();
  fmt::print(
      "{:<12} {:>4}.{:<2} {:>5} {:>5} {:>5} {:>9} {:>9}  {:<8} {:>8} {:>4}/{:<3} {:>6} {:>7.1f} "
      "{:>8.2f} "
      "{:>8.2f} {:>7.1f}\n",
      config.sites[status.site()].name, status.site(), status.server(), status.local_view(),
      status.local_changing() ? "none" : std::to_string(status.local_leader()), status.wide_view(),
      status.local_committed(), status.sequence(), to_hex(status.state_digest()).substr(0, 8),
      status.keys(), connected, status.peers_size(), status.queued_events(),
      static_cast<double>(queued) / 1024.0, static_cast<double>(wide.in) / 1e6,
      static_cast<double>(wide.out) / 1e6, static_cast<double>(status.resident_bytes()) / 1e6);
}

// Who leads the cluster, as the servers in the highest wide view see it.
std::string leader_site_line(const ClusterConfig& config, const Statuses& statuses) {
  const wire::StatusReply* highest = foremost(statuses);
  if (config.sites.size() == 1 || highest == nullptr) return "";
  const auto site = static_cast<std::size_t>(highest->wide_view() % config.sites.size());
  return fmt::format("{} {} (wide view {}).\n", config.sites[site].name,
                     highest->wide_changing() ? "is to lead the sites" : "leads the sites",
                     highest->wide_view());
}

// A snapshot that a server is fetching: how far it is.
void print_transfer(ServerId id, const wire::TransferStatus& transfer) {
  if (transfer.sequence() == 0) return;
  const std::uint64_t here = transfer.pages() - std::min(transfer.missing(), transfer.pages());
  const std::uint64_t percent = transfer.pages() == 0 ? 0 : 100 * here / transfer.pages();
  fmt::print("server {} fetches the state at event {}: {} of {}{} pages ({}%), {:.1f} MB so far\n",
             to_string(id), transfer.sequence(), here, transfer.pages(),
             transfer.all_known() ? "" : " or more", percent,
             static_cast<double>(transfer.fetched_bytes()) / 1e6);
}

void print_table(const ClusterConfig& config, const Statuses& statuses, const Health& health,
                 bool counters) {
  fmt::print(
      "{:<12} {:>7} {:>5} {:>5} {:>5} {:>9} {:>9}  {:<8} {:>8} {:>8} {:>6} {:>7} {:>8} {:>8} "
      "{:>7}\n",
      "site", "server ", "view", "led", "wide", "events", "sequence", "digest", "keys", "peers ",
      "queued", "out KiB", "WAN in", "WAN out", "mem MB");
  for (const ServerId id : all_servers(config)) {
    const auto status = statuses.find(id);
    if (status != statuses.end()) {
      print_row(config, status->second);
    } else {
      fmt::print("{:<12} {:>4}.{:<2} does not answer\n", config.sites[id.site].name, id.site,
                 id.server);
    }
  }
  fmt::print("\n{}", leader_site_line(config, statuses));
  for (const auto& [id, status] : statuses) print_transfer(id, status.transfer());
  for (const std::string& problem : health.problems) fmt::print("! {}\n", problem);
  fmt::print("{} {}\n", health.healthy ? "The cluster works." : "The cluster is unhealthy.",
             health.can_lose);
  if (!counters) return;
  for (const auto& [id, status] : statuses) {
    fmt::print("\ncounters of {}\n", to_string(id));
    for (const wire::Counter& counter : status.counters()) {
      fmt::print("  {:<48} {:>12}\n", counter.name(), counter.value());
    }
  }
}

int run(const Flags& flags) {
  const auto config = load_cluster_config(flags.connection.cluster);
  if (!config) return report(config.error());
  wire::ClientMessage request;
  request.mutable_status_request()->set_id(1);
  auto answers = ask_servers(flags.connection, *config, all_servers(*config), request,
                             [](const auto& message) { return message.has_status_reply(); });
  if (!answers) return report(answers.error());
  Statuses statuses;
  for (auto& [id, message] : *answers) statuses[id] = std::move(*message.mutable_status_reply());
  const Health health = judge(*config, statuses);
  if (flags.json) {
    print_json(*config, statuses, health);
  } else {
    print_table(*config, statuses, health, flags.counters);
  }
  if (statuses.empty()) return report({ErrorCode::kUnavailable, "no server answers"});
  return health.healthy ? kExitOk : kExitUnhealthy;
}

}  // namespace

void add_status(CLI::App& app, int& exit_code) {
  auto flags = std::make_shared<Flags>();
  CLI::App* verb = app.add_subcommand(
      "status",
      "Ask every server how it is: views, sequence, digest of the state, peers, queues, bytes;\n"
      "and say what the cluster can still lose without harm. Digests at the same sequence must be\n"
      "equal. Exit code 0 when it works, 2 when nobody answers, 5 when it is unhealthy.");
  add_operator_options(*verb, flags->connection);
  verb->add_flag("--json", flags->json, "All that the servers say, as JSON");
  verb->add_flag("--counters", flags->counters, "Also every server's counters");
  verb->callback([flags, &exit_code] { exit_code = run(*flags); });
}

}  // namespace steward::cli
