#include "common/check.h"

#include <cstdio>
#include <cstdlib>

namespace steward {

void check_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "steward: invariant violated: %s (%s:%d)\n", condition, file, line);
  std::abort();
}

}  // namespace steward
