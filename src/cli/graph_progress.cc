#include "cli/graph_progress.h"

#include <fmt/core.h>
#include <unistd.h>

#include <cstdio>
#include <memory>

namespace steward::cli {

using accountability::ImportProgress;

ImportProgress show_graph_progress(const std::string& what) {
  if (isatty(STDERR_FILENO) == 0) return {};
  struct Line {
    ~Line() {
      if (percent >= 0) fmt::print(stderr, "\r\x1b[K");
    }
    int percent = -1;
  };
  return [what, line = std::make_shared<Line>()](std::uint64_t done, std::uint64_t total) {
    const int percent =
        total == 0
            ? 100
            : static_cast<int>(100.0 * static_cast<double>(done) / static_cast<double>(total));
    if (percent == line->percent) return;
    line->percent = percent;
    const int filled = percent * 40 / 100;
    fmt::print(stderr, "\r{} [{:=<{}}{:<{}}] {:3} %", what, "", filled, "", 40 - filled, percent);
    std::fflush(stderr);
  };
}

}  // namespace steward::cli
