#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <memory>
#include <thread>

#include "cli/cluster_keys.h"
#include "cli/exit_code.h"
#include "cli/keys.h"
#include "cli/operator_client.h"
#include "wire/signing.h"

namespace steward::cli {
namespace {

using Answers = std::map<ServerId, wire::ClientMessage>;

struct Flags {
  OperatorOptions connection;
  std::uint32_t site = 0;
  std::uint32_t wait_s = 60;
};

class Refresh {
 public:
  Refresh(const Flags& flags, ClusterConfig config)
      : flags_(flags), config_(std::move(config)), faults_(config_.sites[flags.site].faults) {
    const SiteConfig& site = config_.sites[flags_.site];
    for (ServerIndex server = 0; server < site.servers.size(); ++server) {
      servers_.push_back({flags_.site, server});
    }
  }

  // The epoch that f+1 servers have reached, so that one correct server has.
  Result<std::uint64_t> epoch() {
    wire::ClientMessage request;
    request.mutable_status_request()->set_id(1);
    auto answers = ask(request, [](const auto& message) { return message.has_status_reply(); });
    if (!answers) return answers.error();
    std::vector<std::uint64_t> epochs;
    renewed_ = 0;
    for (const auto& [id, answer] : *answers) {
      const wire::StatusReply& status = answer.status_reply();
      if (status.site_key_scheme() != "bls12-381") {
        return bad_input("this site's key is of the scheme '" + status.site_key_scheme() +
                         "'; its servers can renew the shares of bls12-381 keys only. For "
                         "rsa-shoup see 'steward keys redeal'");
      }
      epochs.push_back(status.share_epoch());
      phase_ = status.refresh_phase();
      if (status.own_share_epoch() == status.share_epoch()) ++renewed_;
    }
    if (epochs.size() <= faults_) {
      return Error{ErrorCode::kUnavailable, fmt::format("only {} of the site's {} servers answer",
                                                        epochs.size(), servers_.size())};
    }
    std::sort(epochs.rbegin(), epochs.rend());
    return epochs[faults_];
  }

  Status order(std::uint64_t epoch) {
    const auto own = load_client_of(config_, flags_.connection.keys, flags_.connection.client,
                                    make_unlock(flags_.connection.unlock));
    if (!own) return own.error();
    if (!own->cluster.directory.is_operator(own->key.signer->public_key())) {
      return bad_input("client '" + flags_.connection.client + "' is not an operator");
    }
    const wire::Domain domain{own->cluster.directory.cluster_id().str(), config_.epoch};
    wire::ClientMessage request;
    request.mutable_refresh_request()->set_id(1);
    wire::RefreshOrder* order = request.mutable_refresh_request()->mutable_order();
    order->set_site(flags_.site);
    order->set_share_epoch(epoch);
    order->set_client(own->key.signer->public_key());
    order->set_signature(
        own->key.signer->sign(wire::refresh_statement(domain, flags_.site, epoch)));
    auto answers = ask(request, [](const auto& message) { return message.has_refresh_reply(); });
    return answers ? Status() : Status(answers.error());
  }

  std::size_t renewed() const { return renewed_; }
  std::size_t servers() const { return servers_.size(); }
  const std::string& phase() const { return phase_; }

 private:
  Result<Answers> ask(const wire::ClientMessage& request,
                      const std::function<bool(const wire::ClientMessage&)>& is_answer) {
    return ask_servers(flags_.connection, config_, servers_, request, is_answer);
  }

  const Flags& flags_;
  const ClusterConfig config_;
  const std::uint32_t faults_;
  std::vector<ServerId> servers_;
  std::string phase_;
  std::size_t renewed_ = 0;
};

int run(const Flags& flags) {
  auto config = load_cluster_config(flags.connection.cluster);
  if (!config) return report(config.error());
  if (flags.site >= config->sites.size()) {
    return report(bad_input(fmt::format("--site {}: the cluster has sites 0 to {}", flags.site,
                                        config->sites.size() - 1)));
  }
  const std::string name = config->sites[flags.site].name;
  Refresh refresh(flags, std::move(*config));
  const auto before = refresh.epoch();
  if (!before) return report(before.error());
  if (const Status status = refresh.order(*before); !status) return report(status.error());
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(flags.wait_s);
  std::string shown;
  for (;;) {
    const auto now = refresh.epoch();
    if (!now) return report(now.error());
    if (*now > *before && refresh.renewed() == refresh.servers()) {
      fmt::print("site {}: epoch {}, all {} servers hold new shares\n", name, *now,
                 refresh.servers());
      return kExitOk;
    }
    if (std::chrono::steady_clock::now() >= deadline) {
      if (*now > *before) {
        fmt::print(
            "site {}: epoch {}, {} of {} servers hold new shares; the others follow when "
            "they are back\n",
            name, *now, refresh.renewed(), refresh.servers());
        return kExitOk;
      }
      return report({ErrorCode::kUnavailable,
                     fmt::format("the epoch is still {} after {} s (the servers are {}); the order "
                                 "stands, and 'steward status' shows what comes of it",
                                 *now, flags.wait_s, refresh.phase())});
    }
    if (std::exchange(shown, refresh.phase()) != refresh.phase()) {
      fmt::print(stderr, "site {}: {}…\n", name, refresh.phase());
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
}

}  // namespace

void add_keys_refresh(CLI::App& keys, int& exit_code) {
  auto flags = std::make_shared<Flags>();
  CLI::App* verb = keys.add_subcommand(
      "refresh",
      "Have the servers of a site give each other new shares of the site's key, while they serve.\n"
      "The key stays; shares that were stolen before and after do not add up. Each server "
      "replaces\n"
      "its file site.share and wipes the old one. Servers that are down follow when they are "
      "back,\n"
      "if they miss fewer than 16 renewals. For bls12-381; 'refresh_interval' in the cluster file\n"
      "does it by itself.");
  add_operator_options(*verb, flags->connection);
  verb->add_option("--site", flags->site, "Number of the site, from 0")->required();
  verb->add_option("--wait", flags->wait_s, "Seconds to wait for it")
      ->check(CLI::Range(1, 3600))
      ->capture_default_str();
  verb->callback([flags, &exit_code] { exit_code = run(*flags); });
}

}  // namespace steward::cli
