#include "service/kv/handlers.h"

#include <cerrno>
#include <cstdlib>
#include <limits>
#include <string>
#include <vector>

#include "service/kv/command_table.h"
#include "service/kv/glob.h"
#include "service/kv/paged_map.h"
#include "service/kv/reply.h"
#include "wire/limits.h"

namespace steward::kv {
namespace {

constexpr std::string_view kPatternTooLarge = "ERR pattern exceeds 1024 bytes";
constexpr std::string_view kPageFull =
    "ERR the bucket that this key falls into is full (7340032 bytes)";

// One call of SCAN returns no more keys than this many bytes hold, or one bucket.
constexpr std::size_t kScanBytes = 256 << 10;

const std::string& key_of(const Call& call) { return call.command.args(1); }

// Stores one value; on failure the reply says why.
bool store(PagedMap& map, BytesView key, BytesView value, Value& reply) {
  const PagedMap::Pair pair{key, value};
  if (map.put({&pair, 1})) return true;
  set_error(reply, kPageFull);
  return false;
}

void add_bulk(Values& values, const std::string& text) { values.add_values()->set_bulk(text); }

// INCR and its family: adds `change` to the integer at the key.
void change_integer(PagedMap& map, const Call& call, std::int64_t change, Value& reply) {
  const Bytes* old_text = map.find(key_of(call));
  const auto old_value = old_text == nullptr ? 0 : parse_integer(*old_text);
  if (!old_value) return set_error(reply, kNotAnInteger);
  std::int64_t value = 0;
  if (__builtin_add_overflow(*old_value, change, &value)) {
    return set_error(reply, "ERR increment or decrement would overflow");
  }
  if (store(map, key_of(call), std::to_string(value), reply)) set_integer(reply, value);
}

struct SetOptions {
  bool only_new = false;
  bool only_present = false;
  bool get = false;
};

// Expiry options are refused like any other unknown word: nothing here ever expires.
std::optional<SetOptions> parse_set_options(const Command& command) {
  SetOptions options;
  for (int i = 3; i < command.args_size(); ++i) {
    const std::string word = lower_case(command.args(i));
    if (word == "nx" && !options.only_present) {
      options.only_new = true;
    } else if (word == "xx" && !options.only_new) {
      options.only_present = true;
    } else if (word == "get") {
      options.get = true;
    } else {
      return std::nullopt;
    }
  }
  return options;
}

struct ScanOptions {
  std::string_view pattern = "*";
  std::string type = "string";
  std::int64_t count = 10;
};

// False with the error in `reply`.
bool parse_scan_options(const Command& command, ScanOptions& options, Value& reply) {
  for (int i = 2; i < command.args_size(); i += 2) {
    const std::string word = lower_case(command.args(i));
    const bool has_operand = i + 1 < command.args_size();
    if (word == "count" && has_operand) {
      const auto count = parse_integer(command.args(i + 1));
      if (!count) return set_error(reply, kNotAnInteger), false;
      if (*count < 1) return set_error(reply, kSyntaxError), false;
      options.count = *count;
    } else if (word == "match" && has_operand) {
      options.pattern = command.args(i + 1);
      if (options.pattern.size() > limits::kMaxKeyBytes) {
        return set_error(reply, kPatternTooLarge), false;
      }
    } else if (word == "type" && has_operand) {
      options.type = lower_case(command.args(i + 1));
    } else {
      return set_error(reply, kSyntaxError), false;
    }
  }
  return true;
}

// Unsigned decimal in the way of strtoul as Redis uses it for cursors.
std::optional<std::uint64_t> parse_cursor(const std::string& text) {
  const bool blank =
      !text.empty() && std::string_view(" \t\n\v\f\r").find(text[0]) != std::string_view::npos;
  if (blank) return std::nullopt;
  char* end = nullptr;
  errno = 0;
  const std::uint64_t cursor = std::strtoull(text.c_str(), &end, 10);
  if (*end != '\0' || errno == ERANGE) return std::nullopt;
  return cursor;
}

}  // namespace

void run_get(const PagedMap& map, const Call& call, Value& reply) {
  set_bulk_or_null(reply, map.find(key_of(call)));
}

void run_exists(const PagedMap& map, const Call& call, Value& reply) {
  std::int64_t found = 0;
  for (int i = 1; i < call.command.args_size(); ++i) {
    if (map.find(call.command.args(i)) != nullptr) ++found;
  }
  set_integer(reply, found);
}

void run_mget(const PagedMap& map, const Call& call, Value& reply) {
  Values& values = *reply.mutable_array();
  std::size_t bytes = 0;
  for (int i = 1; i < call.command.args_size() && bytes <= call.reply_budget; ++i) {
    const Bytes* value = map.find(call.command.args(i));
    set_bulk_or_null(*values.add_values(), value);
    bytes += value == nullptr ? 0 : value->size();
  }
}

void run_strlen(const PagedMap& map, const Call& call, Value& reply) {
  const Bytes* value = map.find(key_of(call));
  set_integer(reply, value == nullptr ? 0 : static_cast<std::int64_t>(value->size()));
}

void run_type(const PagedMap& map, const Call& call, Value& reply) {
  reply.set_simple(map.find(key_of(call)) == nullptr ? "none" : "string");
}

void run_dbsize(const PagedMap& map, const Call& /*call*/, Value& reply) {
  set_integer(reply, static_cast<std::int64_t>(map.size()));
}

// The cursor is the number of the next bucket. Buckets are returned whole and keys never move
// between them, so a full iteration sees every key that stays.
void run_scan(const PagedMap& map, const Call& call, Value& reply) {
  const auto cursor = parse_cursor(call.command.args(1));
  if (!cursor) return set_error(reply, "ERR invalid cursor");
  ScanOptions options;
  if (!parse_scan_options(call.command, options, reply)) return;
  Values& parts = *reply.mutable_array();
  Value& next = *parts.add_values();
  Values& keys = *parts.add_values()->mutable_array();
  std::uint64_t page = *cursor;
  std::int64_t seen = 0;
  std::size_t bytes = 0;
  for (; page < PagedMap::kPages && seen < options.count && bytes < kScanBytes; ++page) {
    for (const auto& [key, value] : map.page(static_cast<PageKey>(page))) {
      ++seen;
      if (options.type != "string" || !glob_match(options.pattern, key)) continue;
      add_bulk(keys, key);
      bytes += key.size();
    }
  }
  next.set_bulk(page < PagedMap::kPages ? std::to_string(page) : "0");
}

void run_keys(const PagedMap& map, const Call& call, Value& reply) {
  if (call.command.args(1).size() > limits::kMaxKeyBytes) {
    return set_error(reply, kPatternTooLarge);
  }
  Values& keys = *reply.mutable_array();
  std::size_t bytes = 0;
  for (PageKey page = 0; page < PagedMap::kPages && bytes <= call.reply_budget; ++page) {
    for (const auto& [key, value] : map.page(page)) {
      if (!glob_match(call.command.args(1), key)) continue;
      add_bulk(keys, key);
      bytes += key.size();
    }
  }
}

void run_set(PagedMap& map, const Call& call, Value& reply) {
  const auto options = parse_set_options(call.command);
  if (!options) return set_error(reply, kSyntaxError);
  const Bytes* old_value = map.find(key_of(call));
  const bool present = old_value != nullptr;
  const bool refused = options->only_new ? present : options->only_present && !present;
  if (options->get || refused) set_bulk_or_null(reply, options->get ? old_value : nullptr);
  if (refused) return;
  if (store(map, key_of(call), call.command.args(2), reply) && !options->get) set_ok(reply);
}

void run_del(PagedMap& map, const Call& call, Value& reply) {
  std::int64_t erased = 0;
  for (int i = 1; i < call.command.args_size(); ++i) {
    if (map.erase(call.command.args(i))) ++erased;
  }
  set_integer(reply, erased);
}

void run_mset(PagedMap& map, const Call& call, Value& reply) {
  if (call.command.args_size() % 2 == 0) {
    return set_error(reply, "ERR wrong number of arguments for 'mset' command");
  }
  std::vector<PagedMap::Pair> pairs;
  for (int i = 1; i < call.command.args_size(); i += 2) {
    pairs.emplace_back(call.command.args(i), call.command.args(i + 1));
  }
  if (!map.put(pairs)) return set_error(reply, kPageFull);
  set_ok(reply);
}

void run_incr(PagedMap& map, const Call& call, Value& reply) {
  change_integer(map, call, 1, reply);
}

void run_decr(PagedMap& map, const Call& call, Value& reply) {
  change_integer(map, call, -1, reply);
}

void run_incrby(PagedMap& map, const Call& call, Value& reply) {
  const auto change = parse_integer(call.command.args(2));
  if (!change) return set_error(reply, kNotAnInteger);
  change_integer(map, call, *change, reply);
}

void run_decrby(PagedMap& map, const Call& call, Value& reply) {
  const auto change = parse_integer(call.command.args(2));
  if (!change) return set_error(reply, kNotAnInteger);
  if (*change == std::numeric_limits<std::int64_t>::min()) {
    return set_error(reply, "ERR decrement would overflow");
  }
  change_integer(map, call, -*change, reply);
}

void run_append(PagedMap& map, const Call& call, Value& reply) {
  const Bytes* old_value = map.find(key_of(call));
  const Bytes& suffix = call.command.args(2);
  const std::size_t size = (old_value == nullptr ? 0 : old_value->size()) + suffix.size();
  if (size > limits::kMaxValueBytes) return set_error(reply, kValueTooLarge);
  const Bytes value = old_value == nullptr ? suffix : *old_value + suffix;
  if (store(map, key_of(call), value, reply)) {
    set_integer(reply, static_cast<std::int64_t>(size));
  }
}

void run_getset(PagedMap& map, const Call& call, Value& reply) {
  set_bulk_or_null(reply, map.find(key_of(call)));
  store(map, key_of(call), call.command.args(2), reply);
}

void run_getdel(PagedMap& map, const Call& call, Value& reply) {
  set_bulk_or_null(reply, map.find(key_of(call)));
  map.erase(key_of(call));
}

void run_setnx(PagedMap& map, const Call& call, Value& reply) {
  if (map.find(key_of(call)) != nullptr) return set_integer(reply, 0);
  if (store(map, key_of(call), call.command.args(2), reply)) set_integer(reply, 1);
}

void run_flushall(PagedMap& map, const Call& call, Value& reply) {
  const Command& command = call.command;
  const std::string mode = command.args_size() == 2 ? lower_case(command.args(1)) : "";
  if (command.args_size() > 2 || (command.args_size() == 2 && mode != "sync" && mode != "async")) {
    return set_error(reply, kSyntaxError);
  }
  map.clear();
  set_ok(reply);
}

}  // namespace steward::kv
