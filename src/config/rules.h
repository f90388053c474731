// What makes a cluster impossible or senseless, whatever file it came from.
#pragma once

#include <optional>
#include <string>

#include "steward/cluster_config.h"

namespace steward::config {

struct Violation {
  std::string key;     // as a path in the cluster file: "site[1].faults"
  std::string reason;  // reads on after "key 'x': "
};

// The first rule that `config` breaks, in the order of the file's sections.
std::optional<Violation> find_violation(const ClusterConfig& config);

}  // namespace steward::config
