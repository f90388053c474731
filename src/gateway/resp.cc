#include "gateway/resp.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "service/kv/reply.h"
#include "wire/limits.h"

namespace steward::gateway {
namespace {

constexpr std::size_t kMaxLine = 64 << 10;  // of an inline request or a header
constexpr std::int64_t kMaxAnnouncedBulk = 512 << 20;
constexpr std::size_t kFieldOverhead = 6;     // tag and length of a field of up to 2^28 bytes
constexpr std::size_t kMinArgumentCost = 32;  // because a short one takes more memory than bytes
constexpr std::string_view kCommandTooLarge = "ERR command exceeds 2031616 bytes";
static_assert(kMaxRequestCost == 2031616);

bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

char unescape(char c) {
  switch (c) {
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'b':
      return '\b';
    case 'a':
      return '\a';
    default:
      return c;
  }
}

// Reads the inside of "…" from `at` on. False when the quote does not close before a blank.
bool take_double_quoted(std::string_view line, std::size_t& at, Bytes& out) {
  while (at < line.size()) {
    const char c = line[at];
    if (c == '\\' && at + 3 < line.size() && line[at + 1] == 'x' && hex_digit(line[at + 2]) >= 0 &&
        hex_digit(line[at + 3]) >= 0) {
      out += static_cast<char>(hex_digit(line[at + 2]) * 16 + hex_digit(line[at + 3]));
      at += 4;
    } else if (c == '\\' && at + 1 < line.size()) {
      out += unescape(line[at + 1]);
      at += 2;
    } else if (c == '"') {
      ++at;
      return at == line.size() || is_blank(line[at]);
    } else {
      out += c;
      ++at;
    }
  }
  return false;
}

bool take_single_quoted(std::string_view line, std::size_t& at, Bytes& out) {
  while (at < line.size()) {
    if (line[at] == '\\' && at + 1 < line.size() && line[at + 1] == '\'') {
      out += '\'';
      at += 2;
    } else if (line[at] == '\'') {
      ++at;
      return at == line.size() || is_blank(line[at]);
    } else {
      out += line[at++];
    }
  }
  return false;
}

}  // namespace

std::optional<std::vector<Bytes>> split_inline(std::string_view line) {
  std::vector<Bytes> words;
  std::size_t at = 0;
  while (true) {
    while (at < line.size() && is_blank(line[at])) ++at;
    if (at == line.size()) return words;
    Bytes& word = words.emplace_back();
    while (at < line.size() && !is_blank(line[at])) {
      const char c = line[at++];
      if (c == '"') {
        if (!take_double_quoted(line, at, word)) return std::nullopt;
        break;
      }
      if (c == '\'') {
        if (!take_single_quoted(line, at, word)) return std::nullopt;
        break;
      }
      word += c;
    }
  }
}

std::optional<ParsedCommand> RequestParser::next(BytesView& input) {
  while (error_.empty()) {
    const std::size_t skipped = std::min(skip_, input.size());
    input.remove_prefix(skipped);
    skip_ -= skipped;
    if (skip_ > 0) return std::nullopt;
    if (state_ == State::kStart && arguments_left_ == 0 && parsed_.command.args_size() > 0) {
      return std::exchange(parsed_, {});
    }
    if (input.empty()) return std::nullopt;
    switch (state_) {
      case State::kStart:
        state_ = input.front() == '*' ? State::kCount : State::kInline;
        break;
      case State::kInline:
        if (!take_line(input, '\n', "too big inline request")) return std::nullopt;
        if (!parse_inline()) fail("unbalanced quotes in request");
        break;
      case State::kCount:
        if (!take_line(input, '\r', "too big mbulk count string")) return std::nullopt;
        start_multibulk();
        break;
      case State::kLength:
        if (!take_line(input, '\r', "too big bulk count string")) return std::nullopt;
        start_argument();
        break;
      case State::kData:
        if (!take_data(input)) return std::nullopt;
        break;
    }
  }
  return std::nullopt;
}

// Collects a line in partial_, without its end. A header's end is two bytes, "\r" and one that
// Redis does not look at.
bool RequestParser::take_line(BytesView& input, char end, std::string_view too_long) {
  const std::size_t found = input.find(end);
  const std::size_t taken = std::min(found, input.size());
  if (partial_.size() + taken > kMaxLine) {
    fail(std::string(too_long));
    return false;
  }
  partial_.append(input.substr(0, taken));
  input.remove_prefix(taken);
  if (found == BytesView::npos) return false;
  input.remove_prefix(1);
  if (end == '\r') skip_ = 1;
  return true;
}

bool RequestParser::take_data(BytesView& input) {
  const std::size_t taken = std::min(data_left_, input.size());
  if (parsed_.refusal.empty()) partial_.append(input.substr(0, taken));
  input.remove_prefix(taken);
  data_left_ -= taken;
  if (data_left_ > 0) return false;
  skip_ = 2;
  add_argument(std::exchange(partial_, {}), argument_size_);
  --arguments_left_;
  start_next();
  return true;
}

void RequestParser::start_next() { state_ = arguments_left_ > 0 ? State::kLength : State::kStart; }

void RequestParser::start_multibulk() {
  const auto count = kv::parse_integer(std::exchange(partial_, {}).substr(1));
  if (!count || *count > std::numeric_limits<std::int32_t>::max()) {
    return fail("invalid multibulk length");
  }
  arguments_left_ = std::max<std::int64_t>(*count, 0);
  parsed_.cost = kFieldOverhead;
  start_next();
}

void RequestParser::start_argument() {
  const Bytes header = std::exchange(partial_, {});
  if (header.empty() || header.front() != '$') {
    return fail(std::string("expected '$', got '") + (header.empty() ? '\r' : header.front()) +
                "'");
  }
  const auto size = kv::parse_integer(std::string_view(header).substr(1));
  if (!size || *size < 0 || *size > kMaxAnnouncedBulk) return fail("invalid bulk length");
  argument_size_ = data_left_ = static_cast<std::size_t>(*size);
  if (argument_size_ > limits::kMaxValueBytes && parsed_.refusal.empty()) {
    parsed_.refusal = kv::kValueTooLarge;
  }
  state_ = State::kData;
}

void RequestParser::add_argument(Bytes argument, std::size_t size) {
  parsed_.cost += std::max(size + kFieldOverhead, kMinArgumentCost);
  if (parsed_.cost > kMaxRequestCost && parsed_.refusal.empty()) parsed_.refusal = kCommandTooLarge;
  if (!parsed_.refusal.empty()) argument.clear();
  // Nobody counts the arguments of a command that is refused beyond this many.
  constexpr int kMaxArguments = kMaxRequestCost / kMinArgumentCost;
  if (parsed_.command.args_size() < kMaxArguments) {
    parsed_.command.add_args(std::move(argument));
  }
}

bool RequestParser::parse_inline() {
  const Bytes line = std::exchange(partial_, {});
  state_ = State::kStart;
  auto words = split_inline(line);
  if (!words) return false;
  parsed_.cost = kFieldOverhead;
  for (Bytes& word : *words) {
    const std::size_t size = word.size();
    add_argument(std::move(word), size);
  }
  return true;
}

namespace {

void write_line(char type, std::string_view text, Bytes& out) {
  out += type;
  for (const char c : text) out += c == '\r' || c == '\n' ? ' ' : c;
  out += "\r\n";
}

void write_number(char type, std::int64_t number, Bytes& out) {
  out += type;
  out += std::to_string(number);
  out += "\r\n";
}

void write_blob(char type, std::string_view prefix, std::string_view text, Bytes& out) {
  write_number(type, static_cast<std::int64_t>(prefix.size() + text.size()), out);
  out += prefix;
  out += text;
  out += "\r\n";
}

void write_all(char type, int size, const kv::Values& values, Protocol protocol, Bytes& out) {
  write_number(type, size, out);
  for (const kv::Value& value : values.values()) write_value(value, protocol, out);
}

}  // namespace

void write_array_header(std::size_t size, Bytes& out) {
  write_number('*', static_cast<std::int64_t>(size), out);
}

void write_value(const kv::Value& value, Protocol protocol, Bytes& out) {
  const bool resp3 = protocol == Protocol::kResp3;
  switch (value.kind_case()) {
    case kv::Value::kSimple:
      return write_line('+', value.simple(), out);
    case kv::Value::kError:
      return write_line('-', value.error(), out);
    case kv::Value::kInteger:
      return write_number(':', value.integer(), out);
    case kv::Value::kBulk:
      return write_blob('$', "", value.bulk(), out);
    case kv::Value::kArray:
      return write_all('*', value.array().values_size(), value.array(), protocol, out);
    case kv::Value::kMap: {
      const int entries = value.map().values_size();
      return write_all(resp3 ? '%' : '*', resp3 ? entries / 2 : entries, value.map(), protocol,
                       out);
    }
    case kv::Value::kSet:
      return write_all(resp3 ? '~' : '*', value.set().values_size(), value.set(), protocol, out);
    case kv::Value::kVerbatim:
      return write_blob(resp3 ? '=' : '$', resp3 ? "txt:" : "", value.verbatim().text(), out);
    case kv::Value::kNull:
    case kv::Value::KIND_NOT_SET:
      out += resp3 ? "_\r\n" : "$-1\r\n";
      return;
  }
}

}  // namespace steward::gateway
