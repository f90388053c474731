// The service's data: keys and values hashed into 4096 buckets. A bucket is a page of the
// replicated state, held sorted, so that equal contents give equal bytes. One thread.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "common/bytes.h"
#include "steward/state_machine.h"

namespace steward::kv {

using HashKey = std::array<std::uint8_t, 16>;

class PagedMap {
 public:
  using Page = std::map<Bytes, Bytes, std::less<>>;
  using Pair = std::pair<BytesView, BytesView>;
  static constexpr PageKey kPages = 4096;
  // A page must fit into one message of a state transfer, and its keys into one reply of SCAN.
  static constexpr std::size_t kMaxPageBytes = 7 << 20;

  // The hash key is the same on all servers of a cluster; clients should not know it.
  explicit PagedMap(const HashKey& hash_key) : hash_key_(hash_key), pages_(kPages) {}

  const Bytes* find(BytesView key) const;

  // Stores all pairs, later ones winning, or nothing: false when a page would grow too large.
  [[nodiscard]] bool put(std::span<const Pair> pairs);
  bool erase(BytesView key);  // whether it was there
  void clear();

  const Page& page(PageKey key) const { return pages_[key].entries; }
  std::uint64_t size() const { return size_; }

  // As in steward::StateMachine.
  PageChanges collect();
  bool load(const std::map<PageKey, Bytes>& pages);
  bool load_changes(const PageChanges& pages);

 private:
  struct Bucket {
    Page entries;
    std::size_t bytes = 0;  // of the encoding
  };

  PageKey page_of(BytesView key) const;
  void put_one(BytesView key, BytesView value);
  bool load_page(PageKey page, BytesView encoded);

  HashKey hash_key_;
  std::vector<Bucket> pages_;
  std::set<PageKey> dirty_;
  std::uint64_t size_ = 0;
};

}  // namespace steward::kv
