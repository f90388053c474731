// For tests: a store in memory that never fails, and a service that is easy to see through.
#pragma once

#include <map>

#include "steward/state_machine.h"
#include "storage/store.h"

namespace steward::replica::testing {

class MemoryStore : public storage::Store {
 public:
  Status write(const storage::WriteBatch& batch, bool /*sync*/) override {
    for (const auto& [first, last] : batch.erase_ranges) {
      pairs.erase(pairs.lower_bound(first), pairs.lower_bound(last));
    }
    for (const auto& [key, value] : batch.puts) {
      if (value) {
        pairs[key] = *value;
      } else {
        pairs.erase(key);
      }
    }
    return {};
  }
  Result<std::vector<std::pair<Bytes, Bytes>>> scan(BytesView prefix) const override {
    std::vector<std::pair<Bytes, Bytes>> found;
    for (auto it = pairs.lower_bound(Bytes(prefix)); it != pairs.end(); ++it) {
      if (it->first.substr(0, prefix.size()) != prefix) break;
      found.push_back(*it);
    }
    return found;
  }

  std::map<Bytes, Bytes> pairs;
};

// Appends each payload to the page that its first letter names; answers with the page.
class Notebook : public StateMachine {
 public:
  Bytes apply(BytesView payload) override {
    const PageKey key = payload.empty() ? 0 : static_cast<unsigned char>(payload[0]);
    dirty_[key] = pages_[key] += payload;
    return pages_[key];
  }
  Bytes query(BytesView payload) const override {
    const auto found = pages_.find(static_cast<unsigned char>(payload.at(0)));
    return found == pages_.end() ? Bytes() : found->second;
  }
  PageChanges collect() override { return std::exchange(dirty_, {}); }
  bool load(const std::map<PageKey, Bytes>& pages) override {
    pages_ = pages;
    dirty_.clear();
    return true;
  }
  std::uint64_t size() const override { return pages_.size(); }

 private:
  std::map<PageKey, Bytes> pages_;
  PageChanges dirty_;
};

}  // namespace steward::replica::testing
