// From what the servers say: is the cluster well, and what can it still lose?
#pragma once

#include <map>
#include <string>
#include <vector>

#include "common/ids.h"
#include "steward/cluster_config.h"
#include "wire/client.pb.h"

namespace steward::cli {

using Statuses = std::map<ServerId, wire::StatusReply>;

// Of the servers in the highest wide view, one that has it installed where there is one: who leads
// the sites, as far as anybody knows. Null when none answered.
const wire::StatusReply* foremost(const Statuses& statuses);

struct Health {
  bool healthy = false;               // every site and the wide area can order updates
  std::vector<std::string> problems;  // a line each
  std::string can_lose;               // one sentence
};

Health judge(const ClusterConfig& config, const Statuses& statuses);

}  // namespace steward::cli
