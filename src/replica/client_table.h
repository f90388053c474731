// Exactly-once execution (PROTOCOLS 2.1): what the last update of each session was, and what it
// answered. Replicated state: every decision is a function of the ordered history.
//
// Timestamps of a session are consecutive from 1. A client keeps at most
// limits::kMaxSessionsPerClient sessions and limits::kMaxClientResultBytes of results; more expires
// the session used longest ago, and sessions with ids up to the highest expired one cannot be
// opened again, so an old update cannot come back to life.
#pragma once

#include <cstdint>
#include <map>
#include <set>

#include "common/bytes.h"
#include "common/ids.h"
#include "site/application.h"
#include "steward/state_machine.h"

namespace steward::replica {

class ClientTable {
 public:
  struct Session {
    std::uint64_t timestamp = 0;  // of the last executed update
    Sequence sequence = 0;        // where it was executed
    Bytes result;
  };
  enum class Verdict { kExecute, kDuplicate, kGap, kExpired };

  // May this update be executed now? kExecute only for the next timestamp of a session.
  Verdict judge(const site::UpdateKey& key) const;

  // Records the outcome of an update that judge() allowed; opens the session if it is new.
  void record(const site::UpdateKey& key, Sequence sequence, Bytes result);

  // Null when the session is not known.
  const Session* find(const Bytes& client, std::uint64_t session) const;

  std::size_t sessions() const;

  PageChanges collect();
  bool load(const std::map<PageKey, Bytes>& pages);

 private:
  struct Client {
    std::map<std::uint64_t, Session> sessions;
    std::uint64_t expired_up_to = 0;
    std::size_t result_bytes = 0;
  };

  // Of all but `kept`.
  void expire_oldest(const Bytes& client, Client& state, std::uint64_t kept);
  void touch(const Bytes& client, std::uint64_t session);

  std::map<Bytes, Client> clients_;
  std::map<PageKey, std::set<std::pair<Bytes, std::uint64_t>>> pages_;  // sessions by page
  std::set<PageKey> dirty_;
};

}  // namespace steward::replica
