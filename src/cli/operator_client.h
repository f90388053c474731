// An operator's question to many servers at once: connects to each, asks, gathers what comes.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "cli/unlock.h"
#include "common/ids.h"
#include "common/result.h"
#include "common/time.h"
#include "steward/cluster_config.h"
#include "wire/client.pb.h"

namespace CLI {
class App;
}

namespace steward::cli {

struct OperatorOptions {
  std::string cluster;
  std::string keys;
  UnlockFlags unlock;
  std::string client = "operator";
  Duration timeout{3'000'000};
};

// Sends `request` to each server of `servers` and returns the first answer of each that
// `is_answer` accepts. Servers that do not answer within the time-out are missing.
Result<std::map<ServerId, wire::ClientMessage>> ask_servers(
    const OperatorOptions& options, const ClusterConfig& config,
    const std::vector<ServerId>& servers, const wire::ClientMessage& request,
    const std::function<bool(const wire::ClientMessage&)>& is_answer);

// --cluster, --keys, what opens them, and --client of a verb that asks servers.
void add_operator_options(CLI::App& verb, OperatorOptions& options);

// All servers of all sites.
std::vector<ServerId> all_servers(const ClusterConfig& config);

}  // namespace steward::cli
