#include "storage/rocks_store.h"

#include <fcntl.h>
#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <mutex>
#include <random>
#include <system_error>

#include "storage/content_sum.h"
#include "storage/store_marker.h"

namespace steward::storage {
namespace {

// The first letter of every key of RocksDB: what was written by our caller, and the seal.
constexpr char kData = 'd';
const Bytes kSealKey = "s";
constexpr std::size_t kSealBytes = 32;

// The marker of a store that is being made, of which nothing was said yet.
const std::string kNewMarker = std::string(StoreMarker::kName) + ".new";

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

Error damaged(const std::string& path, const std::string& what) {
  return {ErrorCode::kCorrupt,
          "the stored data in " + path + " is damaged and must not be trusted (" + what + ")"};
}

Error to_error(const rocksdb::Status& status, const std::string& path) {
  if (status.IsCorruption()) return damaged(path, status.ToString());
  if (status.IsNoSpace()) {
    return {ErrorCode::kIo,
            "the disk that holds " + path + " is full; make room, then start the server again"};
  }
  return {ErrorCode::kIo,
          "cannot read or write the data in " + path + " (" + status.ToString() + ")"};
}

// Where the files must be there and make sense, since we have made them.
Error to_open_error(const rocksdb::Status& status, const std::string& path) {
  const bool missing = status.IsNotFound() || status.IsPathNotFound();
  if (missing || status.IsInvalidArgument() || status.IsNotSupported()) {
    return damaged(path, status.ToString());
  }
  return to_error(status, path);
}

// Without a slash at its end.
std::filesystem::path absolute(const std::string& path) {
  auto directory = std::filesystem::absolute(path).lexically_normal();
  return directory.has_filename() ? directory : directory.parent_path();
}

Status sync_directory(const std::string& path) {
  const Fd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.get() < 0 || ::fsync(directory.get()) != 0) {
    return system_error("cannot make the directory " + path + " durable", errno);
  }
  return {};
}

// Makes the directory durable too: a power failure that took it away whole would let a server
// forget its promises without noticing.
Status create_directory(const std::string& path) {
  const std::filesystem::path directory = absolute(path);
  std::error_code failed;
  std::filesystem::create_directories(directory.parent_path(), failed);
  if (failed) return system_error("cannot create the directories above " + path, failed.value());
  if (::mkdir(directory.c_str(), 0700) != 0) {
    if (errno == EEXIST) return {};
    return system_error("cannot create the directory " + path, errno);
  }
  return sync_directory(directory.parent_path());
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

rocksdb::Options make_options(rocksdb::Env* env) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(8 << 20);
  table.cache_index_and_filter_blocks = true;

  rocksdb::Options options;
  options.env = env;
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

// The newest of what is stored: which store, how many writes went into it, what it holds.
struct Seal {
  StoreMarker::Content of;
  ContentSum content;
};

Bytes encode(const Seal& seal) {
  Bytes out;
  append_u64(out, seal.of.store);
  append_u64(out, seal.of.writes);
  append_u64(out, seal.content.pairs);
  append_u64(out, seal.content.sum);
  return out;
}

std::optional<Seal> decode(BytesView in) {
  if (in.size() != kSealBytes) return std::nullopt;
  return Seal{{read_u64(in, 0), read_u64(in, 8)}, {read_u64(in, 16), read_u64(in, 24)}};
}

Bytes data_key(BytesView key) { return kData + Bytes(key); }

rocksdb::Status fill(const WriteBatch& batch, ContentTracker& tracker, rocksdb::WriteBatch& out) {
  for (const auto& [first, last] : batch.erase_ranges) {
    if (first >= last) continue;  // empty
    tracker.erase_range(first, last);
    auto added = out.DeleteRange(data_key(first), data_key(last));
    if (!added.ok()) return added;
  }
  for (const auto& [key, value] : batch.puts) {
    if (value) {
      tracker.put(key, *value);
    } else {
      tracker.erase(key);
    }
    auto added = value ? out.Put(data_key(key), *value) : out.Delete(data_key(key));
    if (!added.ok()) return added;
  }
  return rocksdb::Status::OK();
}

// The first key after all keys with this prefix, which is not empty.
Bytes end_of_prefix(BytesView prefix) {
  Bytes end(prefix);
  while (end.back() == '\xff') end.pop_back();  // kData is none
  end.back() = static_cast<char>(static_cast<unsigned char>(end.back()) + 1);
  return end;
}

// What is in the directory, but for what a file system puts at its root.
Result<std::vector<std::string>> list(rocksdb::Env& env, const std::string& path) {
  std::vector<std::string> names;
  if (const auto read = env.GetChildren(path, &names); !read.ok()) return to_error(read, path);
  std::erase_if(names, [](const std::string& name) {
    return name == "." || name == ".." || name == "lost+found";
  });
  return names;
}

std::uint64_t draw_store_id() {
  std::random_device random;
  return (std::uint64_t{random()} << 32) | random();
}

}  // namespace

struct RocksStore::Impl {
  std::string path;
  rocksdb::Env* env;
  Fd lock;
  std::unique_ptr<rocksdb::DB> db;  // closed before the lock is given back
  StoreMarker marker;
  std::mutex mutex;  // guards what follows, and the marker
  Seal seal;
  ContentTracker tracker;
  std::optional<Error> failed;

  std::string file(const std::string& name) const { return path + "/" + name; }

  Status open();
  Result<bool> find_marker(StoreMarker::Content& content) const;
  Status create();
  Status open_database(bool create);
  Status check(const StoreMarker::Content& marked);
  Status read_all(rocksdb::DB& from, std::optional<Seal>& found);
  rocksdb::Status write(const WriteBatch& batch, bool sync);
  rocksdb::Status sync_names() const;
};

Status RocksStore::Impl::open() {
  StoreMarker::Content marked;
  const auto found = find_marker(marked);
  if (!found) return found.error();
  if (!*found) {
    if (Status created = create(); !created) return created;
    db.reset();
    marked = seal.of;
  }
  if (Status sound = check(marked); !sound) return sound;
  if (Status opened = open_database(false); !opened) return opened;
  // Opening has made durable what was found, so that from now on it is what there is at least.
  const auto status = marker.open(*env, file(StoreMarker::kName), seal.of);
  return status.ok() ? Status() : to_error(status, path);
}

// False: there is nothing here yet.
Result<bool> RocksStore::Impl::find_marker(StoreMarker::Content& content) const {
  const auto read = StoreMarker::read(*env, file(StoreMarker::kName), content);
  if (read.ok()) return true;
  if (!read.IsNotFound()) return to_error(read, path);
  const auto names = list(*env, path);
  if (!names) return names.error();
  const bool begun = std::find(names->begin(), names->end(), kNewMarker) != names->end();
  if (names->empty() || begun) return false;
  return damaged(path, std::string("it holds files, but not the file ") + StoreMarker::kName +
                           " that every store has: that one is lost, or these are not a store's");
}

// Nobody has heard of the store before the marker has its name, so that a server that is killed in
// here just begins again.
Status RocksStore::Impl::create() {
  StoreMarker::Content begun;
  if (StoreMarker::read(*env, file(kNewMarker), begun).ok() && begun.writes > 0) {
    return damaged(path, "the file " + std::string(StoreMarker::kName) +
                             " has the name again that it had at first");
  }
  seal.of = {draw_store_id(), 0};
  const auto made = StoreMarker::create(*env, file(kNewMarker), seal.of);
  if (!made.ok()) return to_error(made, path);
  // Before RocksDB's files: those without it are those of a store that lost it.
  if (const auto durable = sync_names(); !durable.ok()) return to_error(durable, path);
  if (Status opened = open_database(true); !opened) return opened;
  std::optional<Seal> found;
  if (Status read = read_all(*db, found); !read) return read;
  if (tracker.sum().pairs > 0) {
    return damaged(path, "it holds records, but not the file " + std::string(StoreMarker::kName) +
                             " that every store has");
  }
  auto status = write({}, true);
  if (status.ok()) status = env->RenameFile(file(kNewMarker), file(StoreMarker::kName));
  if (status.ok()) status = sync_names();
  return status.ok() ? Status() : to_error(status, path);
}

rocksdb::Status RocksStore::Impl::sync_names() const {
  std::unique_ptr<rocksdb::Directory> directory;
  const auto opened = env->NewDirectory(path, &directory);
  return opened.ok() ? directory->Fsync() : opened;
}

Status RocksStore::Impl::open_database(bool create) {
  rocksdb::Options options = make_options(env);
  options.create_if_missing = create;
  rocksdb::DB* opened = nullptr;
  const auto status = rocksdb::DB::Open(options, path, &opened);
  if (!status.ok()) return to_open_error(status, path);
  db.reset(opened);
  return {};
}

// Reads everything, and changes nothing.
Status RocksStore::Impl::check(const StoreMarker::Content& marked) {
  rocksdb::DB* opened = nullptr;
  const auto status = rocksdb::DB::OpenForReadOnly(make_options(env), path, &opened);
  if (!status.ok()) return to_open_error(status, path);
  const std::unique_ptr<rocksdb::DB> readable(opened);
  std::optional<Seal> found;
  if (Status read = read_all(*readable, found); !read) return read;
  if (!found) return damaged(path, "the record of what it should hold is lost");
  if (found->of.store != marked.store) return damaged(path, "it holds files of another store");
  if (found->of.writes < marked.writes) {
    return damaged(path, "its newest writes are lost: " + std::to_string(found->of.writes) +
                             " of at least " + std::to_string(marked.writes) + " are there");
  }
  if (!(found->content == tracker.sum())) {
    return damaged(path, "some of its records are lost, old, or in another's place: " +
                             std::to_string(tracker.sum().pairs) + " are there, of " +
                             std::to_string(found->content.pairs));
  }
  seal = *found;
  return {};
}

// Fills the tracker.
Status RocksStore::Impl::read_all(rocksdb::DB& from, std::optional<Seal>& found) {
  tracker = {};
  rocksdb::ReadOptions options;
  options.verify_checksums = true;
  options.fill_cache = false;
  const std::unique_ptr<rocksdb::Iterator> it(from.NewIterator(options));
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    const BytesView key(it->key().data(), it->key().size());
    const BytesView value(it->value().data(), it->value().size());
    if (key.starts_with(kData)) {
      tracker.put(key.substr(1), value);
    } else if (key == kSealKey) {
      found = decode(value);
    } else {
      return damaged(path, "it holds a record that no server writes");
    }
  }
  return it->status().ok() ? Status() : to_open_error(it->status(), path);
}

rocksdb::Status RocksStore::Impl::write(const WriteBatch& batch, bool sync) {
  rocksdb::WriteBatch encoded;
  auto status = fill(batch, tracker, encoded);
  ++seal.of.writes;
  seal.content = tracker.sum();
  if (status.ok()) status = encoded.Put(kSealKey, encode(seal));
  rocksdb::WriteOptions options;
  options.sync = sync;
  return status.ok() ? db->Write(options, &encoded) : status;
}

RocksStore::RocksStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

// Best effort: the marker may always lag behind.
RocksStore::~RocksStore() {
  if (impl_->db && !impl_->failed) (void)impl_->marker.sync();
}

Result<std::unique_ptr<RocksStore>> RocksStore::open(const std::string& path, rocksdb::Env* env) {
  if (auto created = create_directory(path); !created) return created.error();
  auto lock = lock_directory(path);
  if (!lock) return lock.error();
  if (env == nullptr) env = rocksdb::Env::Default();
  auto impl = std::unique_ptr<Impl>(new Impl{path, env, std::move(*lock), {}, {}, {}, {}, {}, {}});
  if (Status opened = impl->open(); !opened) return opened.error();
  return std::unique_ptr<RocksStore>(new RocksStore(std::move(impl)));
}

Result<std::string> RocksStore::set_aside(const std::string& path) {
  const auto lock = lock_directory(path);
  if (!lock) return lock.error();
  const std::filesystem::path directory = absolute(path);
  for (int number = 1;; ++number) {
    const std::string aside = directory.string() + ".damaged-" + std::to_string(number);
    // Nothing that exists is written over; `path` is ours alone, thus nobody races for the name.
    if (std::error_code failed; std::filesystem::exists(aside, failed) || failed) {
      if (failed) return system_error("cannot look at " + aside, failed.value());
      continue;
    }
    if (::rename(directory.c_str(), aside.c_str()) != 0) {
      return system_error("cannot move " + path + " aside to " + aside, errno);
    }
    if (Status durable = sync_directory(directory.parent_path()); !durable) return durable.error();
    return aside;
  }
}

Status RocksStore::write(const WriteBatch& batch, bool sync) {
  const std::lock_guard guard(impl_->mutex);
  if (impl_->failed) return *impl_->failed;
  auto status = impl_->write(batch, sync);
  if (status.ok() && sync) status = impl_->marker.advance(impl_->seal.of.writes);
  if (status.ok()) return {};
  impl_->failed = to_error(status, impl_->path);
  return *impl_->failed;
}

Result<std::vector<std::pair<Bytes, Bytes>>> RocksStore::scan(BytesView prefix) const {
  const Bytes first = data_key(prefix);
  const Bytes end = end_of_prefix(first);
  const rocksdb::Slice upper_bound = end;
  rocksdb::ReadOptions options;
  options.verify_checksums = true;
  options.fill_cache = false;  // scans are for start-up; each pair is read once
  options.iterate_upper_bound = &upper_bound;

  std::vector<std::pair<Bytes, Bytes>> found;
  const std::unique_ptr<rocksdb::Iterator> it(impl_->db->NewIterator(options));
  for (it->Seek(first); it->Valid(); it->Next()) {
    found.emplace_back(it->key().ToString().substr(1), it->value().ToString());
  }
  if (!it->status().ok()) return to_error(it->status(), impl_->path);
  return found;
}

}  // namespace steward::storage
