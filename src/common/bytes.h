// Byte strings. `Bytes` owns, `BytesView` borrows; neither implies text. std::string is the
// representation because it is also protobuf's, so that payloads move without a copy.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace steward {

using Bytes = std::string;
using BytesView = std::string_view;

// Lower-case hexadecimal, two digits a byte.
std::string to_hex(BytesView bytes);

// The inverse of to_hex; either case accepted. nullopt for odd lengths and other characters.
std::optional<Bytes> from_hex(std::string_view hex);

// Appends `value` in big-endian order; the fixed-width integers of every hand-made encoding.
void append_u8(Bytes& out, std::uint8_t value);
void append_u32(Bytes& out, std::uint32_t value);
void append_u64(Bytes& out, std::uint64_t value);

// Appends a 32-bit length, then the bytes: makes a concatenation of fields unambiguous.
void append_framed(Bytes& out, BytesView field);

// Big-endian read at `offset`; the caller has checked that the bytes are there.
std::uint32_t read_u32(BytesView in, std::size_t offset);
std::uint64_t read_u64(BytesView in, std::size_t offset);

}  // namespace steward
