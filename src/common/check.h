// Assertions on our own invariants. They stay on in release builds: a server that finds itself
// wrong stops before it misleads its peers. Never used on bytes from a peer or a client.
#pragma once

namespace steward {

[[noreturn]] void check_failed(const char* condition, const char* file, int line);

}  // namespace steward

#define STEWARD_CHECK(condition) \
  (static_cast<bool>(condition) ? void(0) : ::steward::check_failed(#condition, __FILE__, __LINE__))
