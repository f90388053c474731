#include "gateway/local_commands.h"

#include <algorithm>
#include <limits>

#include "gateway/describe.h"
#include "service/kv/command_table.h"
#include "service/kv/glob.h"
#include "service/kv/reply.h"

namespace steward::gateway {
namespace {

using kv::lower_case;

void run_ping(Shared& /*shared*/, Session& /*session*/, const kv::Command& command,
              kv::Value& reply) {
  if (command.args_size() > 2) {
    kv::set_error(reply, "ERR wrong number of arguments for 'ping' command");
  } else if (command.args_size() == 2) {
    reply.set_bulk(command.args(1));
  } else {
    reply.set_simple("PONG");
  }
}

void run_echo(Shared& /*shared*/, Session& /*session*/, const kv::Command& command,
              kv::Value& reply) {
  reply.set_bulk(command.args(1));
}

void run_select(Shared& /*shared*/, Session& /*session*/, const kv::Command& command,
                kv::Value& reply) {
  const auto index = kv::parse_integer(command.args(1));
  if (!index) return kv::set_error(reply, kv::kNotAnInteger);
  if (*index < std::numeric_limits<int>::min() || *index > std::numeric_limits<int>::max()) {
    return kv::set_error(
        reply, "ERR value is out of range, value must between -2147483648 and 2147483647");
  }
  if (*index != 0) return kv::set_error(reply, "ERR DB index is out of range");
  kv::set_ok(reply);
}

// What may stand in names that CLIENT LIST shows in one line.
bool printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '!' && c <= '~'; });
}

bool set_name(Session& session, const std::string& name, kv::Value& reply) {
  if (!printable(name)) {
    kv::set_error(reply, "ERR Client names cannot contain spaces, newlines or special characters.");
    return false;
  }
  session.name = name;
  return true;
}

void run_client_setname(Shared& /*shared*/, Session& session, const kv::Command& command,
                        kv::Value& reply) {
  if (set_name(session, command.args(2), reply)) kv::set_ok(reply);
}

void run_client_getname(Shared& /*shared*/, Session& session, const kv::Command& /*command*/,
                        kv::Value& reply) {
  kv::set_bulk_or_null(reply, session.name.empty() ? nullptr : &session.name);
}

void run_client_id(Shared& /*shared*/, Session& session, const kv::Command& /*command*/,
                   kv::Value& reply) {
  kv::set_integer(reply, static_cast<std::int64_t>(session.id));
}

void run_client_setinfo(Shared& /*shared*/, Session& session, const kv::Command& command,
                        kv::Value& reply) {
  const std::string option = lower_case(command.args(2));
  const std::string& text = command.args(3);
  if (option != "lib-name" && option != "lib-ver") {
    return kv::set_error(reply, "ERR Unrecognized option '" + command.args(2) + "'");
  }
  if (!printable(text)) {
    return kv::set_error(
        reply, "ERR " + option + " cannot contain spaces, newlines or special characters.");
  }
  (option == "lib-name" ? session.library_name : session.library_version) = text;
  kv::set_ok(reply);
}

void run_client_info(Shared& /*shared*/, Session& session, const kv::Command& /*command*/,
                     kv::Value& reply) {
  reply.mutable_verbatim()->set_text(describe_session(session) + "\n");
}

void run_client_list(Shared& shared, Session& /*session*/, const kv::Command& command,
                     kv::Value& reply) {
  if (command.args_size() > 2) return kv::set_error(reply, kv::kSyntaxError);
  std::string lines;
  for (const auto& [id, session] : shared.sessions) lines += describe_session(*session) + "\n";
  reply.mutable_verbatim()->set_text(lines);
}

// Nothing is ever evicted here, so either answer is the truth.
void run_client_no_evict(Shared& /*shared*/, Session& /*session*/, const kv::Command& command,
                         kv::Value& reply) {
  const std::string mode = lower_case(command.args(2));
  if (mode != "on" && mode != "off") return kv::set_error(reply, kv::kSyntaxError);
  kv::set_ok(reply);
}

// No password is configured, so the default user may come with any, as in Redis.
bool skip_hello_auth(const kv::Command& command, int& at, kv::Value& reply) {
  if (command.args(at + 1) != "default") {
    kv::set_error(reply, "WRONGPASS invalid username-password pair or user is disabled.");
    return false;
  }
  at += 2;
  return true;
}

bool parse_hello(Session& session, const kv::Command& command, kv::Value& reply) {
  Protocol protocol = session.protocol;
  if (command.args_size() >= 2) {
    const auto version = kv::parse_integer(command.args(1));
    if (!version) {
      kv::set_error(reply, "ERR Protocol version is not an integer or out of range");
      return false;
    }
    if (*version != 2 && *version != 3) {
      kv::set_error(reply, "NOPROTO unsupported protocol version");
      return false;
    }
    protocol = *version == 3 ? Protocol::kResp3 : Protocol::kResp2;
  }
  for (int i = 2; i < command.args_size(); ++i) {
    const std::string option = lower_case(command.args(i));
    const int operands = command.args_size() - 1 - i;
    if (option == "auth" && operands >= 2) {
      if (!skip_hello_auth(command, i, reply)) return false;
    } else if (option == "setname" && operands >= 1) {
      if (!set_name(session, command.args(++i), reply)) return false;
    } else {
      kv::set_error(reply, "ERR Syntax error in HELLO option '" + command.args(i) + "'");
      return false;
    }
  }
  session.protocol = protocol;
  return true;
}

void run_hello(Shared& /*shared*/, Session& session, const kv::Command& command, kv::Value& reply) {
  if (!parse_hello(session, command, reply)) return;
  kv::Values& map = *reply.mutable_map();
  const auto add = [&map](std::string_view key) -> kv::Value& {
    map.add_values()->set_bulk(std::string(key));
    return *map.add_values();
  };
  add("server").set_bulk("redis");
  add("version").set_bulk(std::string(kRedisVersion));
  add("proto").set_integer(static_cast<int>(session.protocol));
  add("id").set_integer(static_cast<std::int64_t>(session.id));
  add("mode").set_bulk("standalone");
  add("role").set_bulk("master");
  add("modules").mutable_array();
}

struct Parameter {
  std::string_view name;
  std::string_view value;  // fixed
};
constexpr std::string_view kReadParameter = "steward-read";
// What tools ask for before they start; true of this service, and not to be changed.
constexpr Parameter kFixedParameters[] = {{"appendonly", "no"},
                                          {"databases", "1"},
                                          {"maxmemory", "0"},
                                          {"proto-max-bulk-len", "524288"},
                                          {"save", ""}};

void run_config_get(Shared& shared, Session& /*session*/, const kv::Command& command,
                    kv::Value& reply) {
  kv::Values& map = *reply.mutable_map();
  const auto add_if_wanted = [&](std::string_view name, std::string_view value) {
    for (int i = 2; i < command.args_size(); ++i) {
      const std::string pattern = lower_case(command.args(i).substr(0, 256));
      if (!kv::glob_match(pattern, name)) continue;
      map.add_values()->set_bulk(std::string(name));
      map.add_values()->set_bulk(std::string(value));
      return;
    }
  };
  for (const auto& [name, value] : kFixedParameters) add_if_wanted(name, value);
  add_if_wanted(kReadParameter, shared.linearizable_reads ? "linearizable" : "local");
}

void config_error(kv::Value& reply, const std::string& parameter, std::string_view reason) {
  kv::set_error(reply, "ERR CONFIG SET failed (possibly related to argument '" + parameter +
                           "') - " + std::string(reason));
}

// All or nothing, as in Redis.
void run_config_set(Shared& shared, Session& /*session*/, const kv::Command& command,
                    kv::Value& reply) {
  if (command.args_size() % 2 != 0) return kv::set_error(reply, kv::kSyntaxError);
  std::optional<bool> linearizable;
  for (int i = 2; i < command.args_size(); i += 2) {
    const std::string name = lower_case(command.args(i));
    const std::string value = lower_case(command.args(i + 1));
    const bool fixed = std::any_of(std::begin(kFixedParameters), std::end(kFixedParameters),
                                   [&](const Parameter& p) { return p.name == name; });
    if (fixed) return config_error(reply, command.args(i), "can't set immutable config");
    if (name != kReadParameter) {
      return kv::set_error(reply, "ERR Unknown option or number of arguments for CONFIG SET - '" +
                                      command.args(i) + "'");
    }
    if (linearizable) return config_error(reply, command.args(i), "duplicate parameter");
    if (value != "local" && value != "linearizable") {
      return config_error(reply, command.args(i),
                          "argument(s) must be one of the following: local, linearizable");
    }
    linearizable = value == "linearizable";
  }
  if (linearizable) shared.linearizable_reads = *linearizable;
  kv::set_ok(reply);
}

constexpr std::string_view kConnectionFlags = "noscript loading stale";
constexpr std::string_view kControlFlags = "noscript loading stale fast allow_busy";
constexpr std::string_view kSlowConnection = "slow connection";

constexpr LocalCommand local(std::string_view name, int arity, std::string_view flags,
                             std::string_view categories, std::string_view group,
                             std::string_view since, std::string_view summary,
                             LocalHandler handler) {
  return {{.name = name,
           .arity = arity,
           .flags = flags,
           .categories = categories,
           .group = group,
           .since = since,
           .summary = summary,
           .complexity = "O(1)"},
          handler};
}

constexpr LocalCommand kLocalCommands[] = {
    local("client", -2, "", "slow", "connection", "2.4.0",
          "A container for commands on connections", nullptr),
    local("client|getname", 2, kConnectionFlags, kSlowConnection, "connection", "2.6.9",
          "Returns the name of the connection", run_client_getname),
    local("client|id", 2, kConnectionFlags, kSlowConnection, "connection", "5.0.0",
          "Returns the number of the connection", run_client_id),
    local("client|info", 2, kConnectionFlags, kSlowConnection, "connection", "6.2.0",
          "Describes the connection", run_client_info),
    local("client|list", -2, "admin noscript loading stale", "admin slow dangerous connection",
          "connection", "2.4.0", "Describes every connection of this gateway", run_client_list),
    local("client|no-evict", 3, "admin noscript loading stale", "admin slow dangerous connection",
          "connection", "7.0.0", "Protects the connection from eviction, which never happens here",
          run_client_no_evict),
    local("client|setinfo", 4, kConnectionFlags, kSlowConnection, "connection", "7.2.0",
          "Notes the client library's name or version", run_client_setinfo),
    local("client|setname", 3, kConnectionFlags, kSlowConnection, "connection", "2.6.9",
          "Names the connection", run_client_setname),
    local("command", -1, "loading stale", kSlowConnection, "server", "2.8.13",
          "Describes every command", run_command),
    local("command|count", 2, "loading stale", kSlowConnection, "server", "2.8.13",
          "Counts the commands", run_command_count),
    local("command|docs", -2, "loading stale", kSlowConnection, "server", "7.0.0",
          "Documents commands", run_command_docs),
    local("command|getkeys", -3, "loading stale", kSlowConnection, "server", "2.8.13",
          "Returns the keys in a command", run_command_getkeys),
    local("command|info", -2, "loading stale", kSlowConnection, "server", "2.8.13",
          "Describes some commands", run_command_info),
    local("command|list", -2, "loading stale", kSlowConnection, "server", "7.0.0",
          "Lists the names of the commands", run_command_list),
    local("config", -2, "", "slow", "server", "2.0.0", "A container for commands on settings",
          nullptr),
    local("config|get", -3, "admin noscript loading stale", "admin slow dangerous", "server",
          "2.0.0", "Returns settings of the gateway", run_config_get),
    local("config|set", -4, "admin noscript loading stale", "admin slow dangerous", "server",
          "2.0.0", "Changes settings of the gateway", run_config_set),
    local("discard", 1, kControlFlags, "fast transaction", "transactions", "2.0.0",
          "Forgets a transaction", nullptr),
    local("echo", 2, "loading stale fast", "fast connection", "connection", "1.0.0",
          "Returns its argument", run_echo),
    local("exec", 1, "noscript loading stale skip_slowlog", "slow transaction", "transactions",
          "1.2.0", "Executes a transaction, as one update", nullptr),
    local("hello", -1, "noscript loading stale fast no_auth allow_busy", "fast connection",
          "connection", "6.0.0", "Chooses the version of the protocol", run_hello),
    local("info", -1, "loading stale", "slow dangerous", "server", "1.0.0",
          "Describes the gateway and the cluster behind it", nullptr),
    local("multi", 1, kControlFlags, "fast transaction", "transactions", "1.2.0",
          "Begins a transaction", nullptr),
    local("ping", -1, "fast", "fast connection", "connection", "1.0.0",
          "Returns PONG or its argument", run_ping),
    local("quit", -1, "noscript loading stale fast no_auth allow_busy", "fast connection",
          "connection", "1.0.0", "Closes the connection", nullptr),
    local("reset", 1, "noscript loading stale fast no_auth allow_busy", "fast connection",
          "connection", "6.2.0", "Makes the connection as if it were new", nullptr),
    local("select", 2, "loading stale fast", "fast connection", "connection", "1.0.0",
          "Selects a database; there is only 0", run_select),
};

const LocalCommand* find_row(std::string_view name) {
  const auto it = std::find_if(std::begin(kLocalCommands), std::end(kLocalCommands),
                               [&](const LocalCommand& row) { return row.spec.name == name; });
  return it == std::end(kLocalCommands) ? nullptr : &*it;
}

bool is_container(const LocalCommand& row) {
  const std::string prefix = std::string(row.spec.name) + "|";
  return std::any_of(
      std::begin(kLocalCommands), std::end(kLocalCommands),
      [&](const LocalCommand& other) { return other.spec.name.starts_with(prefix); });
}

// As Redis quotes it in the error.
std::string unknown_subcommand_error(const LocalCommand& container, std::string_view subcommand) {
  std::string name(container.spec.name);
  for (char& c : name) c = static_cast<char>(c - 'a' + 'A');
  const std::string_view quoted =
      subcommand.substr(0, std::min<std::size_t>(128, subcommand.find('\0')));
  return "ERR unknown subcommand '" + std::string(quoted) + "'. Try " + name + " HELP.";
}

}  // namespace

std::span<const LocalCommand> local_commands() { return kLocalCommands; }

const LocalCommand* find_local(const kv::Command& command) {
  const std::string name = lower_case(command.args(0));
  const LocalCommand* row = name.find('|') == std::string::npos ? find_row(name) : nullptr;
  if (row == nullptr || command.args_size() == 1 || !is_container(*row)) return row;
  return find_row(name + "|" + lower_case(command.args(1)));
}

std::optional<std::string> check_command(const kv::Command& command) {
  if (kv::find_command(command.args(0)) != nullptr) return kv::check_call(command);
  const LocalCommand* row = find_local(command);
  if (row == nullptr) {
    const kv::CommandSpec* container = find_any(command.args(0));
    if (container == nullptr) return "ERR " + kv::unknown_command_error(command);
    return unknown_subcommand_error(*find_row(container->name), command.args(1));
  }
  if (!row->spec.accepts(command.args_size())) return "ERR " + kv::arity_error(row->spec);
  return std::nullopt;
}

std::vector<const kv::CommandSpec*> all_commands() {
  std::vector<const kv::CommandSpec*> specs;
  for (const kv::CommandSpec& spec : kv::commands()) specs.push_back(&spec);
  for (const LocalCommand& row : kLocalCommands) {
    if (row.spec.name.find('|') == std::string_view::npos) specs.push_back(&row.spec);
  }
  return specs;
}

const kv::CommandSpec* find_any(std::string_view name) {
  if (const kv::CommandSpec* spec = kv::find_command(name)) return spec;
  const std::string lower = lower_case(name);
  const LocalCommand* row = lower.find('|') == std::string::npos ? find_row(lower) : nullptr;
  return row == nullptr ? nullptr : &row->spec;
}

}  // namespace steward::gateway
