#include "service/kv/reply.h"

#include <charconv>
#include <string>

namespace steward::kv {

void set_ok(Value& reply) { reply.set_simple("OK"); }

void set_error(Value& reply, std::string_view message) {
  reply.set_error(message.data(), message.size());
}

void set_integer(Value& reply, std::int64_t value) { reply.set_integer(value); }

void set_null(Value& reply) { reply.mutable_null(); }

void set_bulk_or_null(Value& reply, const std::string* value) {
  if (value == nullptr) {
    set_null(reply);
  } else {
    reply.set_bulk(*value);
  }
}

std::optional<std::int64_t> parse_integer(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  // from_chars is more lenient than Redis; only the one canonical spelling counts.
  if (std::to_string(value) != text) return std::nullopt;
  return value;
}

}  // namespace steward::kv
