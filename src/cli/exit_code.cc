#include "cli/exit_code.h"

#include <fmt/core.h>

#include <cstdio>

namespace steward::cli {
namespace {

int code_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kBadInput:
    case ErrorCode::kNotFound:
    case ErrorCode::kPermission:
    case ErrorCode::kTooLarge:
      return kExitBadInput;
    case ErrorCode::kUnavailable:
      return kExitNoConnection;
    case ErrorCode::kUnhealthy:
      return kExitUnhealthy;
    case ErrorCode::kCorrupt:
    case ErrorCode::kIo:
      return kExitError;
  }
  return kExitError;
}

}  // namespace

int report(const Error& error) {
  fmt::print(stderr, "steward: {}\n", error.message);
  return code_of(error.code);
}

}  // namespace steward::cli
