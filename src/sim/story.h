// What servers do, in words, for the trace of a failed run that people read.
#pragma once

#include <optional>
#include <string>

#include "replica/server.h"

namespace steward::sim {

// nullopt for all that is not a step of its own towards a decision: votes, shares, repetitions.
std::optional<std::string> told(const replica::Outgoing& outgoing);
std::string told(const replica::Executed& executed);

}  // namespace steward::sim
