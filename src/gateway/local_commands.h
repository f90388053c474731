// Commands that the gateway answers itself: about the connection, the server and the commands.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "gateway/session.h"
#include "service/kv/command_spec.h"

namespace steward::gateway {

using LocalHandler = void (*)(Shared&, Session&, const kv::Command&, kv::Value& reply);

// Without a handler: a container of subcommands, or a command that Connection treats itself.
struct LocalCommand {
  kv::CommandSpec spec;
  LocalHandler handler = nullptr;
};

std::span<const LocalCommand> local_commands();

// The row of a command or, for a container, of its subcommand.
const LocalCommand* find_local(const kv::Command& command);

// What can be said against a command, local or the service's, before it runs; starts with its code.
std::optional<std::string> check_command(const kv::Command& command);

// Service commands first, then local ones; no subcommands.
std::vector<const kv::CommandSpec*> all_commands();
const kv::CommandSpec* find_any(std::string_view name);

}  // namespace steward::gateway
