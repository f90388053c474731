// What `steward` returns to the shell; docs/operations.md lists them.
#pragma once

#include "common/result.h"

namespace steward::cli {

inline constexpr int kExitOk = 0;
inline constexpr int kExitError = 1;
inline constexpr int kExitNoConnection = 2;
inline constexpr int kExitBadInput = 3;
inline constexpr int kExitUnhealthy = 5;
inline constexpr int kExitBadArguments = 128;

// Prints "steward: <message>" on standard error and returns the code for it.
int report(const Error& error);

}  // namespace steward::cli
