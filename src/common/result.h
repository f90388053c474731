// Errors as values. A function that can fail for a reason outside the program returns Result<T>
// (or Status); exceptions of libraries are turned into these where they enter.
#pragma once

#include <string>
#include <utility>
#include <variant>

#include "common/check.h"

namespace steward {

enum class ErrorCode {
  kBadInput,     // a file, flag, message or request that breaks the rules; trying again won't help
  kNotFound,     // the named thing does not exist
  kPermission,   // it exists, and may not be used as it is
  kUnavailable,  // nobody answered, or not enough of them
  kCorrupt,      // stored bytes fail their checksum or make no sense
  kIo,           // the operating system refused
  kTooLarge,     // beyond a limit of wire/limits.h
  kUnhealthy,    // the cluster answered, and is not well
};

struct Error {
  ErrorCode code;
  std::string message;  // one sentence for a person: what is wrong and, where known, what to do
};

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}      // NOLINT(google-explicit-constructor)
  Result(Error error) : value_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return std::holds_alternative<T>(value_); }
  explicit operator bool() const { return ok(); }

  // Checked: asking a failed result for its value is a mistake of the caller.
  T& value() & {
    STEWARD_CHECK(ok());
    return *std::get_if<T>(&value_);
  }
  const T& value() const& {
    STEWARD_CHECK(ok());
    return *std::get_if<T>(&value_);
  }
  T&& value() && {
    STEWARD_CHECK(ok());
    return std::move(*std::get_if<T>(&value_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  const Error& error() const {
    STEWARD_CHECK(!ok());
    return *std::get_if<Error>(&value_);
  }

 private:
  std::variant<T, Error> value_;
};

class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Error error)
      : error_(std::move(error)), ok_(false) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return ok_; }
  explicit operator bool() const { return ok_; }
  const Error& error() const {
    STEWARD_CHECK(!ok_);
    return error_;
  }

 private:
  Error error_{};
  bool ok_ = true;
};

inline Error bad_input(std::string message) { return {ErrorCode::kBadInput, std::move(message)}; }

}  // namespace steward
