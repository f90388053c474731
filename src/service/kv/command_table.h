// The commands of the key-value service, and the errors that every command shares.
#pragma once

#include <span>
#include <string>

#include "service/kv/command_spec.h"

namespace steward::kv {

std::span<const CommandSpec> commands();

// Lower case of ASCII letters, as command names are compared.
std::string lower_case(std::string_view text);

// In any case. nullptr when the service has no such command.
const CommandSpec* find_command(std::string_view name);

// Redis' texts, without "ERR ". The unknown-command error quotes up to 128 bytes of what came.
std::string unknown_command_error(const Command& command);
std::string arity_error(const CommandSpec& spec);

// What can be said against a command before it runs: unknown, wrong number of arguments, a key or
// value beyond limits.h. nullopt when there is nothing; the text then starts with its code.
std::optional<std::string> check_call(const Command& command);

// Calls visit(key) for every key of a command that `spec` accepts.
template <class Visit>
void for_each_key(const CommandSpec& spec, const Command& command, Visit visit) {
  if (spec.first_key == 0) return;
  const int last = spec.last_key < 0 ? command.args_size() + spec.last_key : spec.last_key;
  for (int i = spec.first_key; i <= last; i += spec.key_step) visit(command.args(i));
}

}  // namespace steward::kv
