// What the gateway tells about itself: COMMAND and its subcommands, CLIENT LIST, INFO.
#pragma once

#include <string>

#include "gateway/local_commands.h"

namespace steward::gateway {

void run_command(Shared& shared, Session& session, const kv::Command& command, kv::Value& reply);
void run_command_count(Shared& shared, Session& session, const kv::Command& command,
                       kv::Value& reply);
void run_command_docs(Shared& shared, Session& session, const kv::Command& command,
                      kv::Value& reply);
void run_command_getkeys(Shared& shared, Session& session, const kv::Command& command,
                         kv::Value& reply);
void run_command_info(Shared& shared, Session& session, const kv::Command& command,
                      kv::Value& reply);
void run_command_list(Shared& shared, Session& session, const kv::Command& command,
                      kv::Value& reply);

// One line of CLIENT LIST, without its end.
std::string describe_session(const Session& session);

// What INFO shows, without the keyspace, which only the service knows.
struct InfoText {
  std::string text;
  bool wants_keyspace = false;
};
InfoText describe_gateway(const Shared& shared, const kv::Command& command);

// The section of the keyspace, as it follows `before`.
std::string describe_keyspace(const std::string& before, std::int64_t keys);

}  // namespace steward::gateway
