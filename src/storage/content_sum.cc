#include "storage/content_sum.h"

#include <rocksdb/file_checksum.h>

#include <memory>

namespace steward::storage {
namespace {

std::unique_ptr<rocksdb::FileChecksumGenerator> new_checksum() {
  return rocksdb::GetFileChecksumGenCrc32cFactory()->CreateFileChecksumGenerator({});
}

// The last step of SplitMix64: sums of what it gives do not cancel out by accident.
std::uint64_t mix(std::uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

// Binds a value to its key: the second half covers both.
std::uint64_t checksum_of(BytesView key, BytesView value) {
  const auto both = new_checksum();
  both->Update(key.data(), key.size());
  both->Update(value.data(), value.size());
  both->Finalize();
  return mix(
      mix((std::uint64_t{read_u32(crc32c(key), 0)} << 32) | read_u32(both->GetChecksum(), 0)) +
      value.size());
}

}  // namespace

Bytes crc32c(BytesView bytes) {
  const auto checksum = new_checksum();
  checksum->Update(bytes.data(), bytes.size());
  checksum->Finalize();
  return checksum->GetChecksum();
}

void ContentTracker::put(BytesView key, BytesView value) {
  erase(key);
  const std::uint64_t checksum = checksum_of(key, value);
  checksums_.emplace(key, checksum);
  ++sum_.pairs;
  sum_.sum += checksum;
}

void ContentTracker::erase(BytesView key) {
  const auto pair = checksums_.find(key);
  if (pair != checksums_.end()) remove(pair);
}

void ContentTracker::erase_range(BytesView first, BytesView last) {
  if (first >= last) return;
  for (auto pair = checksums_.lower_bound(first); pair != checksums_.end() && pair->first < last;) {
    pair = remove(pair);
  }
}

ContentTracker::Checksums::iterator ContentTracker::remove(Checksums::iterator pair) {
  --sum_.pairs;
  sum_.sum -= pair->second;
  return checksums_.erase(pair);
}

}  // namespace steward::storage
