// The Store of real servers, on RocksDB. One directory, one process: a second opener is refused.
#pragma once

#include <memory>
#include <string>

#include "storage/store.h"

namespace steward::storage {

// Thread-safe. Keeps memory small (a few megabytes of write buffers and cache), because several
// servers may share a machine.
class RocksStore final : public Store {
 public:
  // Opens, or creates with mode 0700, the directory `path`. Fails with
  //   kUnavailable  another process, or another RocksStore of this one, has it open;
  //   kCorrupt      the log or the table of contents fails its checksums. A record that is cut off
  //                 at the very end of the log is no corruption: it was never reported as durable.
  //                 (A damaged length field in the log's last 32 KiB cannot be told from that.)
  //   kPermission, kIo  as the operating system says.
  static Result<std::unique_ptr<RocksStore>> open(const std::string& path);

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
