// What long-running verbs share.
#pragma once

#include <functional>

namespace steward::cli {

// SIGTERM and SIGINT are kept from every thread started after this; call it first.
void block_stop_signals();

// Waits for SIGTERM or SIGINT, or until `stop_waiting` was called from any thread.
void wait_for_stop_signal();
void stop_waiting();

}  // namespace steward::cli
