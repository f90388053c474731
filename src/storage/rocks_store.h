// The Store of real servers, on RocksDB. One directory, one process: a second opener is refused.
//
// RocksDB finds damaged blocks by their checksums. What it cannot see is found here: a lost file of
// which nothing else speaks, above all the log or the table of contents, the lost end of a log, an
// old file in the place of a newer one, a block in another's place. For that, with each write a sum
// over all that the store holds is stored (content_sum.h), and a file of our own says that there is
// a store and how many writes it holds at least (store_marker.h). open() reads and checks all of
// it, before anything is changed. What it cannot find is an old copy of the whole directory, and,
// after a power failure, that the very last writes are gone: see docs/protocols.md, section 11.
#pragma once

#include <memory>
#include <string>

#include "storage/store.h"

namespace rocksdb {
class Env;
}

namespace steward::storage {

// Thread-safe. Keeps memory small (a few megabytes of write buffers and cache, and some bytes for
// each key), because several servers may share a machine.
class RocksStore final : public Store {
 public:
  // Opens, or creates with mode 0700, the directory `path`. An empty directory becomes a new store.
  // Fails with
  //   kUnavailable  another process, or another RocksStore of this one, has it open;
  //   kCorrupt      what is stored is not what was written: damaged, lost, or old in part. The
  //                 files are left as they are. A record that is cut off at the very end of the log
  //                 is no corruption where it was never reported as durable.
  //   kPermission, kIo  as the operating system says.
  // `env` for tests that break it; it outlives the store.
  static Result<std::unique_ptr<RocksStore>> open(const std::string& path,
                                                  rocksdb::Env* env = nullptr);

  // Renames the directory of a store that is refused, so that the next open() makes a new one. The
  // new name. Fails with kUnavailable where it is in use.
  static Result<std::string> set_aside(const std::string& path);

  ~RocksStore() override;
  RocksStore(const RocksStore&) = delete;
  RocksStore& operator=(const RocksStore&) = delete;

  // Once a write has failed, every later one fails with the same error: what the disk holds is
  // uncertain from then on, until the next open() reads it back.
  Status write(const WriteBatch& batch, bool sync) override;

  Result<std::vector<std::pair<Bytes, Bytes>>> scan(BytesView prefix) const override;

 private:
  struct Impl;
  explicit RocksStore(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace steward::storage
