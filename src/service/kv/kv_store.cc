#include "service/kv/kv_store.h"

#include <algorithm>

#include "service/kv/command_table.h"
#include "service/kv/reply.h"
#include "wire/limits.h"

namespace steward::kv {
namespace {

constexpr std::string_view kReplyTooLarge = "ERR reply would exceed the result limit";
// Kept free for each command still to come, so that it can at least be told that error.
constexpr std::size_t kReservePerCommand = 64;
// No write replies with more than one value or a short line.
constexpr std::size_t kMaxWriteReply = limits::kMaxValueBytes + 1024;
constexpr std::size_t kFramingBytes = 8;  // tag and length of a value within a response

Bytes only_error(std::string_view message) {
  Response response;
  set_error(*response.add_values(), message);
  return response.SerializeAsString();
}

// Runs one command that passed check_call. `map` is a const map for queries.
template <class Map>
void run_command(Map& map, const Call& call, Value& reply) {
  const CommandSpec& spec = *find_command(call.command.args(0));
  if (spec.read != nullptr) {
    spec.read(map, call, reply);
  } else if constexpr (std::is_const_v<Map>) {
    set_error(reply, "ERR this query contains a command that writes");
  } else if (call.reply_budget < kMaxWriteReply) {
    set_error(reply, kReplyTooLarge);  // refused before it changes anything
  } else {
    spec.write(map, call, reply);
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
  std::size_t used = 0;
  std::size_t reserved = static_cast<std::size_t>(request.commands_size()) * kReservePerCommand;
  for (const Command& command : request.commands()) {
    reserved -= kReservePerCommand;
    const std::size_t budget = limits::kMaxResultBytes - used - reserved - kFramingBytes;
    Value& reply = *response.add_values();
    if (const auto problem = check_call(command)) {
      set_error(reply, *problem);
    } else {
      run_command(map, {command, budget}, reply);
    }
    if (reply.ByteSizeLong() > budget) set_error(reply, kReplyTooLarge);
    used += reply.ByteSizeLong() + kFramingBytes;
  }
  return response.SerializeAsString();
}

}  // namespace

Bytes KvStore::apply(BytesView payload) { return run_request(map_, payload); }

Bytes KvStore::query(BytesView payload) const { return run_request(map_, payload); }

}  // namespace steward::kv
