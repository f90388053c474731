// Timers of a logical machine: class in the upper half, a number in the lower.
#pragma once

#include "site/logical_machine.h"

namespace steward::site {

inline constexpr LmTimerId kWideTimer = 1ULL << 32;
inline constexpr std::uint32_t kMaxWideTimer = 15;
inline constexpr LmTimerId kAckTimer = 2ULL << 32;
inline constexpr LmTimerId kLinkTimer = 3ULL << 32;
inline constexpr LmTimerId kRefreshPhaseTimer = 4ULL << 32;
inline constexpr LmTimerId kRefreshIntervalTimer = 5ULL << 32;
inline constexpr LmTimerId kPendingTimer = 6ULL << 32;

}  // namespace steward::site
