// The file that says that there is a store here, which one, and how many of its writes are durable
// at least. It stands beside the files of RocksDB and is written after them, so it never claims too
// much: a store that lost its newest writes, or all of its files, does not fit it.
//
// Two slots, one of them written at a time: <magic:16> <store:8> <writes:8> <crc32c:4>, a page
// apart. A torn write leaves the other slot, which is one write older. The file is not synced with
// each write, which would cost as much again: a power failure may leave a smaller number, or the
// other slot.
//
// Not thread-safe.
#pragma once

#include <rocksdb/env.h>

#include <memory>
#include <optional>
#include <string>

namespace steward::storage {

class StoreMarker {
 public:
  struct Content {
    std::uint64_t store = 0;   // drawn when the store was made
    std::uint64_t writes = 0;  // durable
  };

  static constexpr const char* kName = "STEWARD";

  // Creates the file, with both slots, and makes it durable.
  static rocksdb::Status create(rocksdb::Env& env, const std::string& file, const Content& content);

  // NotFound: there is no such file. Corruption: neither slot is sound.
  static rocksdb::Status read(rocksdb::Env& env, const std::string& file, Content& content);

  // Of an existing file. Makes both slots sound, and durable.
  rocksdb::Status open(rocksdb::Env& env, const std::string& file, const Content& content);

  rocksdb::Status advance(std::uint64_t writes);
  rocksdb::Status sync() { return file_->Sync(); }

 private:
  rocksdb::Status write_slot();

  std::unique_ptr<rocksdb::RandomRWFile> file_;
  Content content_;
  std::uint64_t next_slot_ = 0;
};

}  // namespace steward::storage
