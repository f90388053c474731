#include "service/kv/command_table.h"

#include <algorithm>
#include <iterator>

#include "service/kv/handlers.h"
#include "service/kv/reply.h"
#include "wire/limits.h"

namespace steward::kv {
namespace {

// Rows that touch one key at position 1; the common shape.
constexpr CommandSpec one_key(CommandSpec spec) {
  spec.first_key = spec.last_key = spec.key_step = 1;
  return spec;
}
constexpr CommandSpec many_keys(CommandSpec spec, int step) {
  spec.first_key = 1;
  spec.last_key = -1;
  spec.key_step = step;
  return spec;
}

constexpr std::string_view kFastRead = "readonly fast";
constexpr std::string_view kFastWrite = "write denyoom fast";
constexpr std::string_view kReadString = "read string fast";
constexpr std::string_view kWriteString = "write string fast";

constexpr CommandSpec kCommands[] = {
    one_key({.name = "append",
             .arity = 3,
             .flags = kFastWrite,
             .categories = kWriteString,
             .key_access = "RW insert",
             .group = "string",
             .since = "2.0.0",
             .summary = "Adds bytes to the end of a value; a missing key counts as empty",
             .complexity = "O(N) in the length of the value",
             .write = run_append}),
    {.name = "dbsize",
     .arity = 1,
     .flags = kFastRead,
     .categories = "keyspace read fast",
     .group = "server",
     .since = "1.0.0",
     .summary = "Counts the keys",
     .complexity = "O(1)",
     .read = run_dbsize},
    one_key({.name = "decr",
             .arity = 2,
             .flags = kFastWrite,
             .categories = kWriteString,
             .key_access = "RW access update",
             .group = "string",
             .since = "1.0.0",
             .summary = "Subtracts one from an integer value",
             .complexity = "O(log N)",
             .write = run_decr}),
    one_key({.name = "decrby",
             .arity = 3,
             .flags = kFastWrite,
             .categories = kWriteString,
             .key_access = "RW access update",
             .group = "string",
             .since = "1.0.0",
             .summary = "Subtracts a number from an integer value",
             .complexity = "O(log N)",
             .write = run_decrby}),
    many_keys({.name = "del",
               .arity = -2,
               .flags = "write",
               .categories = "keyspace write slow",
               .key_access = "RM delete",
               .group = "generic",
               .since = "1.0.0",
               .summary = "Deletes keys",
               .complexity = "O(M log N) for M keys",
               .write = run_del},
              1),
    many_keys({.name = "exists",
               .arity = -2,
               .flags = kFastRead,
               .categories = "keyspace read fast",
               .key_access = "RO",
               .group = "generic",
               .since = "1.0.0",
               .summary = "Counts how many of the given keys exist",
               .complexity = "O(M log N) for M keys",
               .read = run_exists},
              1),
    {.name = "flushall",
     .arity = -1,
     .flags = "write",
     .categories = "keyspace write slow dangerous",
     .group = "server",
     .since = "1.0.0",
     .summary = "Deletes every key",
     .complexity = "O(N) in the number of keys",
     .write = run_flushall},
    one_key({.name = "get",
             .arity = 2,
             .flags = kFastRead,
             .categories = kReadString,
             .key_access = "RO access",
             .group = "string",
             .since = "1.0.0",
             .summary = "Returns the value of a key",
             .complexity = "O(log N)",
             .read = run_get}),
    one_key({.name = "getdel",
             .arity = 2,
             .flags = "write fast",
             .categories = kWriteString,
             .key_access = "RW access delete",
             .group = "string",
             .since = "6.2.0",
             .summary = "Returns the value of a key and deletes the key",
             .complexity = "O(log N)",
             .write = run_getdel}),
    one_key({.name = "getset",
             .arity = 3,
             .flags = kFastWrite,
             .categories = kWriteString,
             .key_access = "RW access update",
             .group = "string",
             .since = "1.0.0",
             .summary = "Sets a value and returns the one before it",
             .complexity = "O(log N)",
             .write = run_getset}),
    one_key({.name = "incr",
             .arity = 2,
             .flags = kFastWrite,
             .categories = kWriteString,
             .key_access = "RW access update",
             .group = "string",
             .since = "1.0.0",
             .summary = "Adds one to an integer value",
             .complexity = "O(log N)",
             .write = run_incr}),
    one_key({.name = "incrby",
             .arity = 3,
             .flags = kFastWrite,
             .categories = kWriteString,
             .key_access = "RW access update",
             .group = "string",
             .since = "1.0.0",
             .summary = "Adds a number to an integer value",
             .complexity = "O(log N)",
             .write = run_incrby}),
    {.name = "keys",
     .arity = 2,
     .flags = "readonly",
     .categories = "keyspace read slow dangerous",
     .group = "generic",
     .since = "1.0.0",
     .summary = "Returns every key that matches a pattern",
     .complexity = "O(N) in the number of keys",
     .read = run_keys},
    many_keys({.name = "mget",
               .arity = -2,
               .flags = kFastRead,
               .categories = kReadString,
               .key_access = "RO access",
               .group = "string",
               .since = "1.0.0",
               .summary = "Returns the values of several keys",
               .complexity = "O(M log N) for M keys",
               .read = run_mget},
              1),
    many_keys({.name = "mset",
               .arity = -3,
               .flags = "write denyoom",
               .categories = "write string slow",
               .key_access = "OW update",
               .group = "string",
               .since = "1.0.1",
               .summary = "Sets several keys at once",
               .complexity = "O(M log N) for M keys",
               .write = run_mset},
              2),
    {.name = "scan",
     .arity = -2,
     .flags = "readonly",
     .categories = "keyspace read slow",
     .group = "generic",
     .since = "2.8.0",
     .summary = "Returns the keys, a part with each call",
     .complexity = "O(N) for a whole iteration",
     .read = run_scan},
    one_key({.name = "set",
             .arity = -3,
             .flags = "write denyoom",
             .categories = "write string slow",
             .key_access = "RW access update variable_flags",
             .group = "string",
             .since = "1.0.0",
             .summary = "Sets the value of a key",
             .complexity = "O(log N)",
             .write = run_set}),
    one_key({.name = "setnx",
             .arity = 3,
             .flags = kFastWrite,
             .categories = kWriteString,
             .key_access = "OW insert",
             .group = "string",
             .since = "1.0.0",
             .summary = "Sets a value only if the key does not exist",
             .complexity = "O(log N)",
             .write = run_setnx}),
    one_key({.name = "strlen",
             .arity = 2,
             .flags = kFastRead,
             .categories = kReadString,
             .key_access = "RO",
             .group = "string",
             .since = "2.2.0",
             .summary = "Returns the length of a value",
             .complexity = "O(log N)",
             .read = run_strlen}),
    one_key({.name = "type",
             .arity = 2,
             .flags = kFastRead,
             .categories = "keyspace read fast",
             .key_access = "RO",
             .group = "generic",
             .since = "1.0.0",
             .summary = "Returns the type of a value: string, or none",
             .complexity = "O(log N)",
             .read = run_type}),
};
static_assert(std::is_sorted(std::begin(kCommands), std::end(kCommands),
                             [](const auto& a, const auto& b) { return a.name < b.name; }));

// As much of an argument as Redis quotes: up to `max` bytes or its first NUL, on one line.
std::string quotable(std::string_view text, std::size_t max) {
  std::string quoted(text.substr(0, std::min(max, text.find('\0'))));
  std::replace(quoted.begin(), quoted.end(), '\r', ' ');
  std::replace(quoted.begin(), quoted.end(), '\n', ' ');
  return quoted;
}

}  // namespace

std::span<const CommandSpec> commands() { return kCommands; }

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

const CommandSpec* find_command(std::string_view name) {
  const std::string lower = lower_case(name);
  const auto it = std::lower_bound(std::begin(kCommands), std::end(kCommands), lower,
                                   [](const auto& spec, const auto& n) { return spec.name < n; });
  return it == std::end(kCommands) || it->name != lower ? nullptr : &*it;
}

std::string unknown_command_error(const Command& command) {
  constexpr std::size_t kQuoted = 128;
  std::string quoted;
  for (int i = 1; i < command.args_size() && quoted.size() < kQuoted; ++i) {
    quoted += "'" + quotable(command.args(i), kQuoted - quoted.size()) + "' ";
  }
  const std::string name = command.args_size() == 0 ? "" : quotable(command.args(0), kQuoted);
  return "unknown command '" + name + "', with args beginning with: " + quoted;
}

std::string arity_error(const CommandSpec& spec) {
  return "wrong number of arguments for '" + std::string(spec.name) + "' command";
}

std::optional<std::string> check_call(const Command& command) {
  const CommandSpec* spec = command.args_size() == 0 ? nullptr : find_command(command.args(0));
  if (spec == nullptr) return "ERR " + unknown_command_error(command);
  if (!spec->accepts(command.args_size())) return "ERR " + arity_error(*spec);
  bool keys_fit = true;
  for_each_key(*spec, command,
               [&](const Bytes& key) { keys_fit &= key.size() <= limits::kMaxKeyBytes; });
  if (!keys_fit) return std::string(kKeyTooLarge);
  for (const Bytes& argument : command.args()) {
    if (argument.size() > limits::kMaxValueBytes) return std::string(kValueTooLarge);
  }
  return std::nullopt;
}

}  // namespace steward::kv
