// A file system that fails, or loses power, at the Nth thing that is done to it: writes, syncs,
// creations, renamings, removals. After a loss of power only what was synced is sure to be there:
// of files the bytes, of directories the names.
//
// Thread-safe. For tests.
#pragma once

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "common/bytes.h"

namespace steward::storage {

class FaultyFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  enum class Fault {
    kNone,
    kError,    // that operation fails, those after it do not
    kFull,     // no more is written from there on
    kPowerOff  // everything fails from there on
  };

  FaultyFileSystem() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}

  const char* Name() const override { return "FaultyFileSystem"; }

  void break_at(std::uint64_t operation, Fault fault);
  std::uint64_t operations() const;

  // What a loss of power does to what was not synced: of each file an end of that is gone, of
  // names those that were changed last. `draw(n)` gives a number below n.
  void lose_unsynced(const std::function<std::uint64_t(std::uint64_t)>& draw);

  rocksdb::IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus NewRandomRWFile(const std::string& name, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSRandomRWFile>* file,
                                    rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus NewDirectory(const std::string& name, const rocksdb::IOOptions& options,
                                 std::unique_ptr<rocksdb::FSDirectory>* directory,
                                 rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus RenameFile(const std::string& from, const std::string& to,
                               const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus DeleteFile(const std::string& name, const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override;

  // For the files of this file system.
  rocksdb::IOStatus operate(bool writes);
  void wrote_end(const std::string& name, std::size_t bytes);
  void wrote_over(const std::string& name);
  void synced(const std::string& name);
  void synced_names();

 private:
  // What is known of a file: bytes at its end that are not synced, and what it was when it was
  // last synced, if it is written over.
  struct File {
    std::uint64_t size = 0;
    std::uint64_t synced = 0;
    std::string before;
    bool over = false;
  };
  // A name that was changed, and how to change it back.
  struct Renaming {
    std::string from;  // empty: `to` was created or removed
    std::string to;
    bool existed = false;
    std::string before;  // the content of `to`, if it existed
  };

  void note(Renaming renaming);

  mutable std::mutex mutex_;
  std::uint64_t operations_ = 0;
  std::uint64_t break_at_ = 0;
  Fault fault_ = Fault::kNone;
  std::map<std::string, File> files_;
  std::vector<Renaming> names_;  // since they were last synced
};

}  // namespace steward::storage
