// Durable bytes: an ordered map with atomic, optionally synced write batches. The real one is on
// RocksDB (rocks_store.h); the simulator has its own with faults. What keys mean is replica's.
#pragma once

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "common/bytes.h"
#include "common/result.h"

namespace steward::storage {

struct WriteBatch {
  std::vector<std::pair<Bytes, std::optional<Bytes>>> puts;  // nullopt erases the key
  std::vector<std::pair<Bytes, Bytes>> erase_ranges;         // [first, last), applied before puts

  bool empty() const { return puts.empty() && erase_ranges.empty(); }
};

class Store {
 public:
  virtual ~Store() = default;

  // Atomic. With `sync`, durable when it returns ok, together with every write before it. An error
  // is final: the caller stops the server, it never goes on after a failed sync.
  virtual Status write(const WriteBatch& batch, bool sync) = 0;

  // All pairs whose key starts with `prefix`, in key order. Fails with kCorrupt where stored bytes
  // do not match their checksums.
  virtual Result<std::vector<std::pair<Bytes, Bytes>>> scan(BytesView prefix) const = 0;
};

}  // namespace steward::storage
