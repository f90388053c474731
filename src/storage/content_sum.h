// What a store should hold, in a few bytes: how many pairs, and the sum of their checksums. It
// changes with each write and is stored with it, so that whatever is lost, old, or at another's
// place shows when the store is read again. CRC-32C as RocksDB computes it: against faulty disks,
// not against people.
//
// Not thread-safe. Remembers 8 bytes a key.
#pragma once

#include <cstdint>
#include <map>

#include "common/bytes.h"

namespace steward::storage {

struct ContentSum {
  std::uint64_t pairs = 0;
  std::uint64_t sum = 0;

  friend bool operator==(const ContentSum&, const ContentSum&) = default;
};

class ContentTracker {
 public:
  void put(BytesView key, BytesView value);
  void erase(BytesView key);
  void erase_range(BytesView first, BytesView last);  // [first, last)

  const ContentSum& sum() const { return sum_; }

 private:
  using Checksums = std::map<Bytes, std::uint64_t, std::less<>>;

  Checksums::iterator remove(Checksums::iterator pair);

  Checksums checksums_;  // of each pair, by key
  ContentSum sum_;
};

// Of some bytes; 4 bytes long.
Bytes crc32c(BytesView bytes);

}  // namespace steward::storage
