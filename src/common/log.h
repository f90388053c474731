// Logging for the real world only: protocol cores count and return, they do not log.
// Thread-safe. Lines go to standard error, or to a file when a server is given one.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

namespace steward::log {

enum class Level { kDebug, kInfo, kWarning, kError };

// `prefix` names the process in each line ("server 1.2"). An empty file means standard error.
void configure(Level level, const std::string& prefix, const std::string& file = {});

void write(Level level, std::string_view line);
bool enabled(Level level);

template <class... Args>
void debug(fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(Level::kDebug))
    write(Level::kDebug, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(Level::kInfo)) write(Level::kInfo, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void warning(fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(Level::kWarning)) {
    write(Level::kWarning, fmt::format(format, std::forward<Args>(args)...));
  }
}
template <class... Args>
void error(fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(Level::kError))
    write(Level::kError, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace steward::log
