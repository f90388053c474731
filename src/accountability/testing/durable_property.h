// What a DurableGraph must hold on any Archive: the answers of the form in memory, after marks,
// withdrawals and crashes at any time.
#pragma once

#include <functional>

#include "accountability/archive.h"

namespace steward::accountability::testing {

// Feeds one graph, drawn from `seed`, to both forms, and compares them at each step. A crash calls
// `reopen`, which gives the archive as it is after one; it is called first of all, too. Failures
// are those of gtest.
void expect_durable_equals_memory(std::uint64_t seed, const std::function<Archive&()>& reopen);

}  // namespace steward::accountability::testing
