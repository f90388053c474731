// Persist before promise, looked at from outside: what a server's disk has to hold at the moment
// when a vote of its leaves (docs/protocols.md, section 8).
#pragma once

#include <optional>
#include <string>

#include "replica/server.h"
#include "sim/disk.h"

namespace steward::sim {

// What is missing on `disk`, were the power to fail now, for `outgoing` to be kept to after a
// restart; nullopt when nothing is, and for messages that promise nothing.
std::optional<std::string> not_durable(const replica::Outgoing& outgoing, const Disk& disk);

}  // namespace steward::sim
