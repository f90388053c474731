// The state of one client's connection and what all connections of a gateway share. Plain values,
// one thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "gateway/resp.h"

namespace steward::gateway {

// What clients and their libraries take this gateway for.
inline constexpr std::string_view kRedisVersion = "7.0.15";

using Clock = std::chrono::steady_clock;

struct Session {
  std::uint64_t id = 0;
  std::string address;
  std::string local_address;
  Protocol protocol = Protocol::kResp2;
  std::string name;
  std::string library_name;
  std::string library_version;
  std::string last_command;
  bool in_transaction = false;
  bool transaction_failed = false;
  std::vector<ParsedCommand> queued;  // by MULTI
  Clock::time_point connected{};
  Clock::time_point active{};
};

struct Shared {
  bool linearizable_reads = false;  // CONFIG SET steward-read
  std::uint32_t max_connections = 10'000;
  std::uint16_t port = 0;
  std::uint64_t next_id = 1;
  std::uint64_t connections_received = 0;
  std::uint64_t commands_processed = 0;
  Clock::time_point started = Clock::now();
  std::map<std::uint64_t, const Session*> sessions;
  std::function<std::vector<std::pair<std::string, std::string>>()> backend_facts;
};

}  // namespace steward::gateway
