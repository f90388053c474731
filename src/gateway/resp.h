// The Redis serialization protocol without any I/O: requests in, replies out. Texts of protocol
// errors are those of Redis 7.0.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/bytes.h"
#include "service/kv/kv.pb.h"
#include "wire/limits.h"

namespace steward::gateway {

// What one kv::Request may cost, leaving room in an update for what is signed with it.
inline constexpr std::size_t kMaxRequestCost = limits::kMaxUpdateBytes - (64 << 10);

// One request of a client. When it is beyond our limits its arguments are incomplete (their number
// is right) and `refusal` is the error to answer.
struct ParsedCommand {
  kv::Command command;
  std::size_t cost = 0;      // at least the bytes it takes within a kv::Request, and its memory
  std::string_view refusal;  // static text
};

// Takes requests, multibulk or inline, from a stream cut anywhere. Holds at most one partial
// request within the limits; bytes of an oversized one are counted and dropped.
class RequestParser {
 public:
  // Takes bytes off the front of `input`. nullopt: all of it was taken and more is needed, or the
  // stream is broken and error() says how.
  std::optional<ParsedCommand> next(BytesView& input);

  // Empty as long as all is well. Ends the connection: nothing more can be parsed.
  const std::string& error() const { return error_; }

 private:
  enum class State { kStart, kInline, kCount, kLength, kData };

  bool take_line(BytesView& input, char end, std::string_view too_long);
  bool take_data(BytesView& input);
  void start_multibulk();
  void start_argument();
  void start_next();
  void add_argument(Bytes argument, std::size_t size);
  bool parse_inline();
  void fail(const std::string& message) { error_ = "ERR Protocol error: " + message; }

  State state_ = State::kStart;
  std::size_t skip_ = 0;  // bytes to drop before anything else: line ends
  Bytes partial_;         // of the line or argument being read
  std::int64_t arguments_left_ = 0;
  std::size_t argument_size_ = 0;  // as announced
  std::size_t data_left_ = 0;
  ParsedCommand parsed_;
  std::string error_;
};

// Splits an inline request as Redis does, with "…" and '…' quoting. nullopt: quotes do not close.
std::optional<std::vector<Bytes>> split_inline(std::string_view line);

enum class Protocol { kResp2 = 2, kResp3 = 3 };

// Appends the reply as the wire wants it.
void write_value(const kv::Value& value, Protocol protocol, Bytes& out);
void write_array_header(std::size_t size, Bytes& out);

}  // namespace steward::gateway
