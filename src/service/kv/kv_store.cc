#include "service/kv/kv_store.h"

#include <algorithm>

#include "service/kv/command_table.h"
#include "service/kv/reply.h"
#include "wire/limits.h"

namespace steward::kv {
namespace {

constexpr std::string_view kReplyTooLarge = "ERR reply would exceed the result limit";
// Kept free for each command of a transaction still to come, so that it can be told that error.
constexpr std::size_t kReservePerCommand = 64;
// No write replies with more than one value or a short line.
constexpr std::size_t kMaxWriteReply = limits::kMaxValueBytes + 1024;
constexpr std::size_t kFramingBytes = 8;  // tag and length of a value within a response

Bytes only_error(std::string_view message) {
  Response response;
  set_error(*response.add_values(), message);
  return response.SerializeAsString();
}

// False: the reply might not fit and nothing was changed. `map` is a const map for queries.
template <class Map>
bool try_command(Map& map, const Call& call, Value& reply) {
  if (const auto problem = check_call(call.command)) {
    set_error(reply, *problem);
    return reply.ByteSizeLong() <= call.reply_budget;
  }
  const CommandSpec& spec = *find_command(call.command.args(0));
  if (spec.read != nullptr) {
    spec.read(map, call, reply);
    return reply.ByteSizeLong() <= call.reply_budget;
  }
  if constexpr (std::is_const_v<Map>) {
    set_error(reply, "ERR this query contains a command that writes");
    return reply.ByteSizeLong() <= call.reply_budget;
  } else {
    if (call.reply_budget < kMaxWriteReply) return false;
    spec.write(map, call, reply);
    return true;
  }
}

// Runs the commands as long as their replies fit into one result.
template <class Map>
void run_commands(Map& map, const Request& request, Response& response) {
  std::size_t room = limits::kMaxResultBytes;
  std::size_t left = static_cast<std::size_t>(request.commands_size());
  for (const Command& command : request.commands()) {
    --left;
    if (!request.atomic() && room < kReservePerCommand) return;
    const std::size_t reserved = request.atomic() ? left * kReservePerCommand : 0;
    const std::size_t budget = room - reserved - kFramingBytes;
    Value& reply = *response.add_values();
    if (!try_command(map, {command, budget}, reply)) {
      if (!request.atomic() && response.values_size() > 1) {
        response.mutable_values()->RemoveLast();
        return;
      }
      set_error(reply, kReplyTooLarge);
    }
    room -= reply.ByteSizeLong() + kFramingBytes;
  }
}

template <class Map>
Bytes run_request(Map& map, BytesView payload) {
  Request request;
  if (payload.size() > limits::kMaxUpdateBytes ||
      !request.ParseFromArray(payload.data(), static_cast<int>(payload.size()))) {
    return only_error("ERR malformed request");
  }
  if (request.commands_size() > kMaxRequestCommands) {
    return only_error("ERR too many commands in one request");
  }
  Response response;
  run_commands(map, request, response);
  return response.SerializeAsString();
}

}  // namespace

Bytes KvStore::apply(BytesView payload) { return run_request(map_, payload); }

Bytes KvStore::query(BytesView payload) const { return run_request(map_, payload); }

}  // namespace steward::kv
