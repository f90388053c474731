// Durations only. No core ever sees a time of day (docs/architecture.md, "two worlds").
#pragma once

#include <chrono>

namespace steward {

using Duration = std::chrono::microseconds;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using std::chrono_literals::operator""us;

inline double to_ms(Duration d) { return static_cast<double>(d.count()) / 1000.0; }

}  // namespace steward
