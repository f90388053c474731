#include <CLI/CLI.hpp>

#include "cli/commands.h"

namespace steward::cli {

void add_cluster_option(CLI::App& verb, std::string& path) {
  verb.add_option("--cluster", path, "The cluster file (TOML; docs/configuration.md)")
      ->envname("STEWARD_CLUSTER")
      ->required();
}

void add_keys_option(CLI::App& verb, std::string& directory) {
  verb.add_option("--keys", directory, "Folder with cluster.pub and this process's secret key")
      ->envname("STEWARD_KEYS")
      ->required();
}

}  // namespace steward::cli
