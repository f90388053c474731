// What it takes to run one server of a cluster: shared by `steward server` and by the tests'
// servers that lie.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "cli/unlock.h"
#include "steward/state_machine.h"

namespace CLI {
class App;
}

namespace steward::cli {

struct ServerFlags {
  std::string cluster;
  std::string keys;
  UnlockFlags unlock;
  std::string data;
  std::string log_file;
  std::uint32_t site = 0;
  std::uint32_t server = 0;
  std::uint32_t threads = 1;
  bool repair = false;
  bool verbose = false;
};

// Puts another state machine around the server's own.
using WrapStateMachine =
    std::function<std::unique_ptr<StateMachine>(std::unique_ptr<StateMachine>)>;

// `flags` must outlive the parsing.
void add_server_options(CLI::App& verb, ServerFlags& flags);

// Runs until SIGTERM, SIGINT or a failed disk. The exit code; what went wrong is on standard error.
int run_server(const ServerFlags& flags, const WrapStateMachine& wrap = {});

}  // namespace steward::cli
