// An Archive in memory, whose records tests may alter, and whose writes fail when a test wants it.
#pragma once

#include <map>

#include "accountability/archive.h"

namespace steward::accountability::testing {

class MemoryArchive final : public Archive {
 public:
  Status write(const Records& records) override {
    if (failing) return Error{ErrorCode::kIo, "the disk is full"};
    for (const auto& [key, value] : records) contents[key] = value;
    return {};
  }

  Result<std::optional<Bytes>> read(BytesView key) const override {
    ++reads;
    const auto found = contents.find(Bytes(key));
    if (found == contents.end()) return std::optional<Bytes>();
    return std::optional<Bytes>(found->second);
  }

  std::map<Bytes, Bytes> contents;
  bool failing = false;
  mutable std::size_t reads = 0;
};

}  // namespace steward::accountability::testing
