#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/exit_code.h"

namespace {

constexpr const char* kDescription =
    "Steward: a replicated service that stays right and available although some of its\n"
    "servers have been broken into, over wide-area networks.\n\n"
    "A cluster is described by one TOML file (--cluster). From nothing to a running one:\n"
    "  steward keygen  --cluster c.toml --out keys        all keys, once, offline\n"
    "  steward keys    --help                             look at them, check, protect, renew "
    "them\n"
    "  steward server  --cluster c.toml --keys keys --site 0 --server 0 --data d00   …each server\n"
    "  steward gateway --cluster c.toml --keys keys --site 0 --client gateway-NAME   …each site\n"
    "  redis-cli -p PORT                                  talk to it\n"
    "  steward status  --cluster c.toml --keys keys       how it is\n\n"
    "Exit codes: 0 fine, 1 error, 2 no connection, 3 bad input, 5 cluster unhealthy,\n"
    "128 bad arguments.";

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(kDescription, "steward");
  app.set_version_flag("--version", std::string("steward ") + STEWARD_VERSION);
  app.require_subcommand(1);
  int exit_code = steward::cli::kExitOk;
  steward::cli::add_keygen(app, exit_code);
  steward::cli::add_keys(app, exit_code);
  steward::cli::add_server(app, exit_code);
  steward::cli::add_gateway(app, exit_code);
  steward::cli::add_status(app, exit_code);
  steward::cli::add_cut(app, exit_code);
  steward::cli::add_sim(app, exit_code);
  steward::cli::add_graph(app, exit_code);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? steward::cli::kExitOk : steward::cli::kExitBadArguments;
  }
  return exit_code;
}
