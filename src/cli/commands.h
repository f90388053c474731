// The verbs of the `steward` command. Each adds its subcommand with its help to `app`; when it was
// chosen, its work runs in the callback and leaves its exit code in `exit_code`.
#pragma once

#include <string>

namespace CLI {
class App;
}

namespace steward::cli {

void add_keygen(CLI::App& app, int& exit_code);
void add_keys(CLI::App& app, int& exit_code);
void add_server(CLI::App& app, int& exit_code);
void add_gateway(CLI::App& app, int& exit_code);
void add_status(CLI::App& app, int& exit_code);
void add_cut(CLI::App& app, int& exit_code);
void add_sim(CLI::App& app, int& exit_code);
void add_graph(CLI::App& app, int& exit_code);

// Options that several verbs share. Precedence: flag, then environment, then default.
void add_cluster_option(CLI::App& verb, std::string& path);    // --cluster, STEWARD_CLUSTER
void add_keys_option(CLI::App& verb, std::string& directory);  // --keys, STEWARD_KEYS

}  // namespace steward::cli
