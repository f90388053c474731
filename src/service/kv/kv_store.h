// The replicated key-value service: requests of kv.proto in, responses out, over a PagedMap. One
// thread.
#pragma once

#include "service/kv/command_spec.h"
#include "service/kv/paged_map.h"
#include "steward/state_machine.h"

namespace steward::kv {

// More commands in one request are refused: the shortest replies of all must fit into one result.
inline constexpr int kMaxRequestCommands = 1 << 16;

class KvStore final : public StateMachine {
 public:
  explicit KvStore(const HashKey& hash_key) : map_(hash_key) {}

  Bytes apply(BytesView payload) override;
  Bytes query(BytesView payload) const override;
  PageChanges collect() override { return map_.collect(); }
  bool load(const std::map<PageKey, Bytes>& pages) override { return map_.load(pages); }
  bool load_changes(const PageChanges& pages) override { return map_.load_changes(pages); }
  std::uint64_t size() const override { return map_.size(); }

 private:
  PagedMap map_;
};

}  // namespace steward::kv
