#include "common/bytes.h"

#include "common/check.h"

namespace steward {
namespace {

constexpr std::string_view kDigits = "0123456789abcdef";

std::optional<unsigned> digit_value(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a') + 10;
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A') + 10;
  return std::nullopt;
}

template <class Integer>
void append_big_endian(Bytes& out, Integer value) {
  for (unsigned shift = 8 * sizeof(Integer); shift > 0; shift -= 8) {
    out.push_back(static_cast<char>(value >> (shift - 8) & 0xff));
  }
}

template <class Integer>
Integer read_big_endian(BytesView in, std::size_t offset) {
  STEWARD_CHECK(offset + sizeof(Integer) <= in.size());
  Integer value = 0;
  for (std::size_t i = 0; i < sizeof(Integer); ++i) {
    value = static_cast<Integer>(value << 8 | static_cast<unsigned char>(in[offset + i]));
  }
  return value;
}

}  // namespace

std::string to_hex(BytesView bytes) {
  std::string out;
  out.reserve(2 * bytes.size());
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out.push_back(kDigits[byte >> 4]);
    out.push_back(kDigits[byte & 15]);
  }
  return out;
}

std::optional<Bytes> from_hex(std::string_view hex) {
  if (hex.size() % 2 != 0) return std::nullopt;
  Bytes out;
  out.reserve(hex.size() / 2);
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    const auto high = digit_value(hex[i]);
    const auto low = digit_value(hex[i + 1]);
    if (!high || !low) return std::nullopt;
    out.push_back(static_cast<char>(*high << 4 | *low));
  }
  return out;
}

void append_u8(Bytes& out, std::uint8_t value) { out.push_back(static_cast<char>(value)); }
void append_u32(Bytes& out, std::uint32_t value) { append_big_endian(out, value); }
void append_u64(Bytes& out, std::uint64_t value) { append_big_endian(out, value); }

void append_framed(Bytes& out, BytesView field) {
  append_u32(out, static_cast<std::uint32_t>(field.size()));
  out.append(field);
}

std::uint32_t read_u32(BytesView in, std::size_t offset) {
  return read_big_endian<std::uint32_t>(in, offset);
}
std::uint64_t read_u64(BytesView in, std::size_t offset) {
  return read_big_endian<std::uint64_t>(in, offset);
}

}  // namespace steward
