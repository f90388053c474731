// The service that is replicated: what a user of Steward implements. One instance per server,
// called from one thread. Everything must be a function of the calls alone: no clocks, no
// randomness, no addresses, no iteration over hash tables.
#pragma once

#include <map>
#include <memory>

#include "common/bytes.h"

namespace steward {

// The state as pages of bytes under small integer keys. A page is the unit of digests, snapshots
// and state transfer, so a change should touch few pages and pages should stay around 64 KiB or
// less. Keys are below 2^24.
using PageKey = std::uint32_t;

// Changed pages since the last collect(): new contents, or nullopt for a page that is gone.
using PageChanges = std::map<PageKey, std::optional<Bytes>>;

class StateMachine {
 public:
  virtual ~StateMachine() = default;

  // Executes one update. Never fails: a malformed payload gets a result that says so. The result
  // is at most limits::kMaxResultBytes.
  virtual Bytes apply(BytesView payload) = 0;

  // Answers a read without changing anything.
  virtual Bytes query(BytesView payload) const = 0;

  // Pages changed since the last call (after load(): none).
  virtual PageChanges collect() = 0;

  // Replaces the whole state. False when the pages make no sense; the state is then undefined.
  virtual bool load(const std::map<PageKey, Bytes>& pages) = 0;

  // Replaces some pages of the state, or drops them (nullopt), and keeps the rest; for servers that
  // were away and have most of the state. False when it did not, with the state undefined: load()
  // then follows.
  virtual bool load_changes(const PageChanges& /*pages*/) { return false; }

  // Number of records, for status displays.
  virtual std::uint64_t size() const = 0;
};

}  // namespace steward
