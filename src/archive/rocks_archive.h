// The Archive of a DurableGraph on RocksDB, by way of the store that servers use, with all that
// this finds of damage and of lost files (storage/rocks_store.h). It reads everything when it is
// opened; so does the graph.
#pragma once

#include <memory>
#include <string>

#include "accountability/archive.h"
#include "storage/store.h"

namespace steward::archive {

class RocksArchive final : public accountability::Archive {
 public:
  // Opens, or creates, the directory `path`; fails as storage::RocksStore::open() does.
  static Result<std::unique_ptr<RocksArchive>> open(const std::string& path);

  Status write(const Records& records) override;
  Result<std::optional<Bytes>> read(BytesView key) const override;

 private:
  explicit RocksArchive(std::unique_ptr<storage::Store> store) : store_(std::move(store)) {}

  std::unique_ptr<storage::Store> store_;
};

}  // namespace steward::archive
