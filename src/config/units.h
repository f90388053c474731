// Quantities as people write them in cluster files: "50ms", "10Mbit/s", "64MiB". A number needs its
// unit; decimals are welcome where they come out as a whole number of the smallest unit. Reading
// returns nullopt for anything else, writing picks the largest unit that needs no decimals.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/time.h"

namespace steward::config {

// us, ms, s, min, h.
std::optional<Duration> parse_duration(std::string_view text);
std::string format_duration(Duration value);

// bit/s, kbit/s, Mbit/s, Gbit/s (powers of 1000); "unlimited" is 0.
std::optional<std::uint64_t> parse_rate(std::string_view text);
std::string format_rate(std::uint64_t bits_per_s);

// B, KiB, MiB, GiB (powers of 1024).
std::optional<std::uint64_t> parse_size(std::string_view text);
std::string format_size(std::uint64_t bytes);

}  // namespace steward::config
