#include <CLI/CLI.hpp>
#include <memory>

#include "cli/commands.h"
#include "cli/server_setup.h"

namespace steward::cli {

void add_server(CLI::App& app, int& exit_code) {
  auto flags = std::make_shared<ServerFlags>();
  CLI::App* verb = app.add_subcommand(
      "server",
      "Run one server of the cluster, until SIGTERM or SIGINT.\n"
      "Started again on the same --data it recovers: it replays its log, fetches what it missed\n"
      "from its peers and takes part again. It logs to standard error unless --log-file.");
  add_server_options(*verb, *flags);
  verb->callback([flags, &exit_code] { exit_code = run_server(*flags); });
}

}  // namespace steward::cli
