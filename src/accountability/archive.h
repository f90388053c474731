// Where a DurableGraph keeps its records: an ordered map on something durable. On RocksDB it is in
// archive/, in memory in tests. What keys mean is the graph's.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "common/bytes.h"
#include "common/result.h"

namespace steward::accountability {

class Archive {
 public:
  using Records = std::vector<std::pair<Bytes, Bytes>>;  // keys and values

  virtual ~Archive() = default;

  // All or nothing, and durable when it returns ok; replaces what was there. An error is final.
  virtual Status write(const Records& records) = 0;

  // nullopt: there is no such record. kCorrupt for bytes that are not what was written.
  virtual Result<std::optional<Bytes>> read(BytesView key) const = 0;
};

}  // namespace steward::accountability
