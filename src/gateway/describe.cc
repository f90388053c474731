#include "gateway/describe.h"

#include <algorithm>

#include "service/kv/command_table.h"
#include "service/kv/reply.h"

namespace steward::gateway {
namespace {

// Calls visit(word) for each word of a list separated by blanks.
template <class Visit>
void for_each_word(std::string_view list, Visit visit) {
  while (!list.empty()) {
    const std::size_t end = std::min(list.find(' '), list.size());
    visit(std::string(list.substr(0, end)));
    list.remove_prefix(std::min(end + 1, list.size()));
  }
}

// Bounds what a short request can make us describe.
constexpr int kMaxDescribed = 1024;

// Whether too many names were given; the reply then says so.
bool too_many_names(const kv::Command& command, kv::Value& reply) {
  if (command.args_size() <= kMaxDescribed) return false;
  kv::set_error(reply, "ERR more than 1024 arguments");
  return true;
}

kv::Value& add_entry(kv::Values& map, std::string_view key) {
  map.add_values()->set_bulk(std::string(key));
  return *map.add_values();
}

void describe_keys(const kv::CommandSpec& spec, kv::Values& specs) {
  if (spec.first_key == 0) return;
  kv::Values& map = *specs.add_values()->mutable_map();
  kv::Values& flags = *add_entry(map, "flags").mutable_set();
  for_each_word(spec.key_access, [&](std::string word) { flags.add_values()->set_simple(word); });
  kv::Values& begin = *add_entry(map, "begin_search").mutable_map();
  add_entry(begin, "type").set_bulk("index");
  add_entry(*add_entry(begin, "spec").mutable_map(), "index").set_integer(spec.first_key);
  kv::Values& find = *add_entry(map, "find_keys").mutable_map();
  add_entry(find, "type").set_bulk("range");
  kv::Values& range = *add_entry(find, "spec").mutable_map();
  const int last = spec.last_key < 0 ? spec.last_key : spec.last_key - spec.first_key;
  add_entry(range, "lastkey").set_integer(last);
  add_entry(range, "keystep").set_integer(spec.key_step);
  add_entry(range, "limit").set_integer(0);
}

// One element of COMMAND's reply, as documented for Redis 7; no command tips.
void describe_spec(const kv::CommandSpec& spec, kv::Value& reply) {
  kv::Values& parts = *reply.mutable_array();
  parts.add_values()->set_bulk(std::string(spec.name));
  parts.add_values()->set_integer(spec.arity);
  kv::Values& flags = *parts.add_values()->mutable_set();
  for_each_word(spec.flags, [&](std::string word) { flags.add_values()->set_simple(word); });
  parts.add_values()->set_integer(spec.first_key);
  parts.add_values()->set_integer(spec.last_key);
  parts.add_values()->set_integer(spec.key_step);
  kv::Values& categories = *parts.add_values()->mutable_set();
  for_each_word(spec.categories,
                [&](std::string word) { categories.add_values()->set_simple("@" + word); });
  parts.add_values()->mutable_set();
  describe_keys(spec, *parts.add_values()->mutable_set());
  kv::Values& subcommands = *parts.add_values()->mutable_set();
  const std::string prefix = std::string(spec.name) + "|";
  for (const LocalCommand& row : local_commands()) {
    if (row.spec.name.starts_with(prefix)) describe_spec(row.spec, *subcommands.add_values());
  }
}

void document_spec(const kv::CommandSpec& spec, kv::Values& map) {
  kv::Values& entry = *add_entry(map, spec.name).mutable_map();
  add_entry(entry, "summary").set_bulk(std::string(spec.summary));
  add_entry(entry, "since").set_bulk(std::string(spec.since));
  add_entry(entry, "group").set_bulk(std::string(spec.group));
  add_entry(entry, "complexity").set_bulk(std::string(spec.complexity));
  const std::string prefix = std::string(spec.name) + "|";
  kv::Values* subcommands = nullptr;
  for (const LocalCommand& row : local_commands()) {
    if (!row.spec.name.starts_with(prefix)) continue;
    if (subcommands == nullptr) subcommands = add_entry(entry, "subcommands").mutable_map();
    document_spec(row.spec, *subcommands);
  }
}

std::int64_t seconds_since(Clock::time_point time) {
  return std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - time).count();
}

class InfoBuilder {
 public:
  explicit InfoBuilder(const kv::Command& command) {
    for (int i = 1; i < command.args_size(); ++i)
      wanted_.push_back(kv::lower_case(command.args(i)));
  }
  bool wants(std::string_view section) const {
    if (wanted_.empty()) return true;
    return std::any_of(wanted_.begin(), wanted_.end(), [&](const std::string& word) {
      return word == section || word == "all" || word == "default" || word == "everything";
    });
  }
  // Whether its lines are to follow.
  bool begin(std::string_view section, std::string_view title) {
    if (!wants(section)) return false;
    if (!text_.empty()) text_ += "\r\n";
    text_ += "# " + std::string(title) + "\r\n";
    return true;
  }
  void line(std::string_view name, std::string_view value) {
    text_ += std::string(name) + ":" + std::string(value) + "\r\n";
  }
  std::string take() { return std::move(text_); }

 private:
  std::vector<std::string> wanted_;
  std::string text_;
};

}  // namespace

void run_command(Shared& /*shared*/, Session& /*session*/, const kv::Command& /*command*/,
                 kv::Value& reply) {
  kv::Values& list = *reply.mutable_array();
  for (const kv::CommandSpec* spec : all_commands()) describe_spec(*spec, *list.add_values());
}

void run_command_count(Shared& /*shared*/, Session& /*session*/, const kv::Command& /*command*/,
                       kv::Value& reply) {
  kv::set_integer(reply, static_cast<std::int64_t>(all_commands().size()));
}

void run_command_docs(Shared& /*shared*/, Session& /*session*/, const kv::Command& command,
                      kv::Value& reply) {
  if (too_many_names(command, reply)) return;
  kv::Values& map = *reply.mutable_map();
  if (command.args_size() == 2) {
    for (const kv::CommandSpec* spec : all_commands()) document_spec(*spec, map);
  }
  for (int i = 2; i < command.args_size(); ++i) {
    if (const kv::CommandSpec* spec = find_any(command.args(i))) document_spec(*spec, map);
  }
}

void run_command_getkeys(Shared& /*shared*/, Session& /*session*/, const kv::Command& command,
                         kv::Value& reply) {
  kv::Command inner;
  for (int i = 2; i < command.args_size(); ++i) inner.add_args(command.args(i));
  const kv::CommandSpec* spec = find_any(inner.args(0));
  if (spec == nullptr) return kv::set_error(reply, "ERR Invalid command specified");
  if (spec->first_key == 0) {
    return kv::set_error(reply, "ERR The command has no key arguments");
  }
  if (!spec->accepts(inner.args_size())) {
    return kv::set_error(reply, "ERR Invalid number of arguments specified for command");
  }
  kv::Values& keys = *reply.mutable_array();
  kv::for_each_key(*spec, inner, [&](const Bytes& key) { keys.add_values()->set_bulk(key); });
}

void run_command_info(Shared& shared, Session& session, const kv::Command& command,
                      kv::Value& reply) {
  if (too_many_names(command, reply)) return;
  if (command.args_size() == 2) return run_command(shared, session, command, reply);
  kv::Values& list = *reply.mutable_array();
  for (int i = 2; i < command.args_size(); ++i) {
    kv::Value& entry = *list.add_values();
    if (const kv::CommandSpec* spec = find_any(command.args(i))) describe_spec(*spec, entry);
  }
}

void run_command_list(Shared& /*shared*/, Session& /*session*/, const kv::Command& command,
                      kv::Value& reply) {
  if (command.args_size() > 2) return kv::set_error(reply, kv::kSyntaxError);
  kv::Values& names = *reply.mutable_array();
  for (const kv::CommandSpec* spec : all_commands()) {
    names.add_values()->set_bulk(std::string(spec->name));
  }
}

// Libraries insist on every field of Redis 7.0; what is not counted here is 0.
std::string describe_session(const Session& session) {
  const std::string multi =
      session.in_transaction ? std::to_string(session.queued.size()) : std::string("-1");
  return "id=" + std::to_string(session.id) + " addr=" + session.address +
         " laddr=" + session.local_address + " fd=-1 name=" + session.name +
         " age=" + std::to_string(seconds_since(session.connected)) +
         " idle=" + std::to_string(seconds_since(session.active)) +
         " flags=" + (session.in_transaction ? "x" : "N") +
         " db=0 sub=0 psub=0 ssub=0 multi=" + multi +
         " qbuf=0 qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0 oll=0 omem=0 tot-mem=0"
         " events=r cmd=" +
         session.last_command +
         " user=default redir=-1 resp=" + std::to_string(static_cast<int>(session.protocol)) +
         " lib-name=" + session.library_name + " lib-ver=" + session.library_version;
}

InfoText describe_gateway(const Shared& shared, const kv::Command& command) {
  InfoBuilder info(command);
  if (info.begin("server", "Server")) {
    info.line("redis_version", kRedisVersion);
    info.line("redis_mode", "standalone");
    info.line("steward_version", STEWARD_VERSION);
    info.line("tcp_port", std::to_string(shared.port));
    info.line("uptime_in_seconds", std::to_string(seconds_since(shared.started)));
  }
  if (info.begin("clients", "Clients")) {
    info.line("connected_clients", std::to_string(shared.sessions.size()));
    info.line("maxclients", std::to_string(shared.max_connections));
  }
  if (info.begin("stats", "Stats")) {
    info.line("total_connections_received", std::to_string(shared.connections_received));
    info.line("total_commands_processed", std::to_string(shared.commands_processed));
  }
  if (info.begin("replication", "Replication")) {
    info.line("role", "master");
    info.line("connected_slaves", "0");
  }
  if (info.begin("steward", "Steward")) {
    info.line("steward_read", shared.linearizable_reads ? "linearizable" : "local");
    if (shared.backend_facts) {
      for (const auto& [name, value] : shared.backend_facts()) info.line(name, value);
    }
  }
  return {info.take(), info.wants("keyspace")};
}

std::string describe_keyspace(const std::string& before, std::int64_t keys) {
  std::string text = before.empty() ? "" : "\r\n";
  text += "# Keyspace\r\n";
  if (keys > 0) text += "db0:keys=" + std::to_string(keys) + ",expires=0,avg_ttl=0\r\n";
  return text;
}

}  // namespace steward::gateway
