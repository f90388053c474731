// Short ways to fill a Value.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "service/kv/kv.pb.h"

namespace steward::kv {

void set_ok(Value& reply);
void set_error(Value& reply, std::string_view message);  // `message` starts with its code
void set_integer(Value& reply, std::int64_t value);
void set_null(Value& reply);

// The reply to a lookup: a bulk string, or null.
void set_bulk_or_null(Value& reply, const std::string* value);

// Decimal exactly as Redis writes it: no blanks, plus sign, leading zeros or "-0".
std::optional<std::int64_t> parse_integer(std::string_view text);

inline constexpr std::string_view kSyntaxError = "ERR syntax error";
inline constexpr std::string_view kNotAnInteger = "ERR value is not an integer or out of range";
inline constexpr std::string_view kKeyTooLarge = "ERR key exceeds 1024 bytes";
inline constexpr std::string_view kValueTooLarge = "ERR value exceeds 524288 bytes";

}  // namespace steward::kv
