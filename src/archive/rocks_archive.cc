#include "archive/rocks_archive.h"

#include "storage/rocks_store.h"

namespace steward::archive {

Result<std::unique_ptr<RocksArchive>> RocksArchive::open(const std::string& path) {
  auto store = storage::RocksStore::open(path);
  if (!store) return store.error();
  return std::unique_ptr<RocksArchive>(new RocksArchive(std::move(*store)));
}

Status RocksArchive::write(const Records& records) {
  storage::WriteBatch batch;
  for (const auto& [key, value] : records) batch.puts.emplace_back(key, value);
  return store_->write(batch, true);
}

Result<std::optional<Bytes>> RocksArchive::read(BytesView key) const {
  auto found = store_->scan(key);
  if (!found) return found.error();
  for (auto& [stored, value] : *found) {
    if (stored == key) return std::optional<Bytes>(std::move(value));
  }
  return std::optional<Bytes>();
}

}  // namespace steward::archive
