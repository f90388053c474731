// Redis' glob patterns: * ? [a-z] [^a] and \ to quote. Bytes, not characters.
#pragma once

#include <string_view>

namespace steward::kv {

// Work is bounded by |pattern| x |text|.
bool glob_match(std::string_view pattern, std::string_view text);

}  // namespace steward::kv
