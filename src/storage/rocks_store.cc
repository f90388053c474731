#include "storage/rocks_store.h"

#include <fcntl.h>
#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <mutex>
#include <system_error>

namespace steward::storage {
namespace {

// A file descriptor that closes itself; -1 is none.
class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&&) = delete;
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

Error system_error(const std::string& what, int error) {
  const auto code = error == EACCES || error == EPERM ? ErrorCode::kPermission : ErrorCode::kIo;
  return {code, what + ": " + std::generic_category().message(error)};
}

Error to_error(const rocksdb::Status& status, const std::string& path) {
  if (status.IsCorruption()) {
    return {ErrorCode::kCorrupt, "the stored data in " + path +
                                     " is damaged and must not be trusted (" + status.ToString() +
                                     ")"};
  }
  if (status.IsNoSpace()) {
    return {ErrorCode::kIo,
            "the disk that holds " + path + " is full; make room, then start the server again"};
  }
  return {ErrorCode::kIo,
          "cannot read or write the data in " + path + " (" + status.ToString() + ")"};
}

// Makes the directory durable too: a power failure that took it away whole would let a server
// forget its promises without noticing.
Status create_directory(const std::string& path) {
  const std::filesystem::path directory = std::filesystem::absolute(path).lexically_normal();
  std::error_code failed;
  std::filesystem::create_directories(directory.parent_path(), failed);
  if (failed) return system_error("cannot create the directories above " + path, failed.value());
  if (::mkdir(directory.c_str(), 0700) != 0) {
    if (errno == EEXIST) return {};
    return system_error("cannot create the directory " + path, errno);
  }
  const Fd parent(::open(directory.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (parent.get() < 0 || ::fsync(parent.get()) != 0) {
    return system_error("cannot make the new directory " + path + " durable", errno);
  }
  return {};
}

// RocksDB has a lock of its own, but tells its failure apart from others only in prose.
Result<Fd> lock_directory(const std::string& path) {
  Fd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.get() < 0) return system_error("cannot open the directory " + path, errno);
  if (::flock(directory.get(), LOCK_EX | LOCK_NB) == 0) return directory;
  if (errno == EWOULDBLOCK) {
    return Error{ErrorCode::kUnavailable,
                 "the directory " + path + " is in use by another running server"};
  }
  return system_error("cannot lock the directory " + path, errno);
}

rocksdb::Options make_options() {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(8 << 20);
  table.cache_index_and_filter_blocks = true;

  rocksdb::Options options;
  options.create_if_missing = true;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  options.write_buffer_size = 8 << 20;
  options.max_write_buffer_number = 2;
  options.max_background_jobs = 2;
  options.max_open_files = 128;
  options.compression = rocksdb::kNoCompression;  // signatures and digests do not compress
  options.paranoid_checks = true;
  // Damage in the middle of the log is an error. The default mode would open with everything from
  // there on silently gone, and the server would break promises it has made.
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  options.track_and_verify_wals_in_manifest = true;
  options.max_bgerror_resume_count = 0;  // never resume after an error: see write()
  options.info_log_level = rocksdb::WARN_LEVEL;
  options.max_log_file_size = 1 << 20;
  options.keep_log_file_num = 2;
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  return options;
}

rocksdb::Slice slice(BytesView bytes) { return {bytes.data(), bytes.size()}; }

rocksdb::Status fill(const WriteBatch& batch, rocksdb::WriteBatch& out) {
  for (const auto& [first, last] : batch.erase_ranges) {
    if (first >= last) continue;  // empty
    if (auto added = out.DeleteRange(slice(first), slice(last)); !added.ok()) return added;
  }
  for (const auto& [key, value] : batch.puts) {
    auto added = value ? out.Put(slice(key), slice(*value)) : out.Delete(slice(key));
    if (!added.ok()) return added;
  }
  return rocksdb::Status::OK();
}

// The first key after all keys with this prefix; empty when there is none.
Bytes end_of_prefix(BytesView prefix) {
  Bytes end(prefix);
  while (!end.empty() && end.back() == '\xff') end.pop_back();
  if (!end.empty()) end.back() = static_cast<char>(static_cast<unsigned char>(end.back()) + 1);
  return end;
}

}  // namespace

struct RocksStore::Impl {
  std::string path;
  Fd lock;
  std::unique_ptr<rocksdb::DB> db;  // closed before the lock is given back
  std::mutex mutex;                 // guards failed
  std::optional<Error> failed;
};

RocksStore::RocksStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RocksStore::~RocksStore() = default;

Result<std::unique_ptr<RocksStore>> RocksStore::open(const std::string& path) {
  if (auto created = create_directory(path); !created) return created.error();
  auto lock = lock_directory(path);
  if (!lock) return lock.error();
  rocksdb::DB* db = nullptr;
  const auto opened = rocksdb::DB::Open(make_options(), path, &db);
  if (!opened.ok()) return to_error(opened, path);
  auto impl = std::unique_ptr<Impl>(
      new Impl{path, std::move(*lock), std::unique_ptr<rocksdb::DB>(db), {}, {}});
  return std::unique_ptr<RocksStore>(new RocksStore(std::move(impl)));
}

Status RocksStore::write(const WriteBatch& batch, bool sync) {
  const std::lock_guard guard(impl_->mutex);
  if (impl_->failed) return *impl_->failed;
  rocksdb::WriteBatch encoded;
  auto status = fill(batch, encoded);
  if (status.ok()) {
    rocksdb::WriteOptions options;
    options.sync = sync;
    status = impl_->db->Write(options, &encoded);
  }
  if (status.ok()) return {};
  impl_->failed = to_error(status, impl_->path);
  return *impl_->failed;
}

Result<std::vector<std::pair<Bytes, Bytes>>> RocksStore::scan(BytesView prefix) const {
  const Bytes end = end_of_prefix(prefix);
  const rocksdb::Slice upper_bound = slice(end);
  rocksdb::ReadOptions options;
  options.verify_checksums = true;
  options.fill_cache = false;  // scans are for start-up; each pair is read once
  if (!end.empty()) options.iterate_upper_bound = &upper_bound;

  std::vector<std::pair<Bytes, Bytes>> found;
  const std::unique_ptr<rocksdb::Iterator> it(impl_->db->NewIterator(options));
  for (it->Seek(slice(prefix)); it->Valid(); it->Next()) {
    found.emplace_back(it->key().ToString(), it->value().ToString());
  }
  if (!it->status().ok()) return to_error(it->status(), impl_->path);
  return found;
}

}  // namespace steward::storage
