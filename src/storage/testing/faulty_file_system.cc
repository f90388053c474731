#include "storage/testing/faulty_file_system.h"

#include <filesystem>
#include <fstream>
#include <iterator>

namespace steward::storage {
namespace {

namespace fs = std::filesystem;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

std::string content(const std::string& name) {
  std::ifstream in(name, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

void set_content(const std::string& name, const std::string& bytes) {
  std::ofstream(name, std::ios::binary | std::ios::trunc) << bytes;
}

class FaultyWritable final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  FaultyWritable(std::unique_ptr<rocksdb::FSWritableFile> file, std::string name,
                 FaultyFileSystem& system)
      : FSWritableFileOwnerWrapper(std::move(file)), name_(std::move(name)), system_(system) {}

  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                  IODebugContext* debug) override {
    if (auto status = system_.operate(true); !status.ok()) return status;
    auto status = FSWritableFileOwnerWrapper::Append(data, options, debug);
    if (status.ok()) system_.wrote_end(name_, data.size());
    return status;
  }
  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                  const rocksdb::DataVerificationInfo& /*info*/, IODebugContext* debug) override {
    return Append(data, options, debug);
  }
  IOStatus Sync(const IOOptions& options, IODebugContext* debug) override {
    if (auto status = system_.operate(false); !status.ok()) return status;
    (void)options;
    (void)debug;
    system_.synced(name_);
    return IOStatus::OK();
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    return Sync(options, debug);
  }
  IOStatus RangeSync(uint64_t /*offset*/, uint64_t /*bytes*/, const IOOptions& /*options*/,
                     IODebugContext* /*debug*/) override {
    return IOStatus::OK();
  }
  bool IsSyncThreadSafe() const override { return true; }

 private:
  const std::string name_;
  FaultyFileSystem& system_;
};

class FaultyRandom final : public rocksdb::FSRandomRWFileOwnerWrapper {
 public:
  FaultyRandom(std::unique_ptr<rocksdb::FSRandomRWFile> file, std::string name,
               FaultyFileSystem& system)
      : FSRandomRWFileOwnerWrapper(std::move(file)), name_(std::move(name)), system_(system) {}

  IOStatus Write(uint64_t offset, const rocksdb::Slice& data, const IOOptions& options,
                 IODebugContext* debug) override {
    if (auto status = system_.operate(true); !status.ok()) return status;
    system_.wrote_over(name_);
    return FSRandomRWFileOwnerWrapper::Write(offset, data, options, debug);
  }
  IOStatus Sync(const IOOptions& /*options*/, IODebugContext* /*debug*/) override {
    if (auto status = system_.operate(false); !status.ok()) return status;
    system_.synced(name_);
    return IOStatus::OK();
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    return Sync(options, debug);
  }

 private:
  const std::string name_;
  FaultyFileSystem& system_;
};

class FaultyDirectory final : public rocksdb::FSDirectoryWrapper {
 public:
  FaultyDirectory(std::unique_ptr<rocksdb::FSDirectory> directory, FaultyFileSystem& system)
      : FSDirectoryWrapper(std::move(directory)), system_(system) {}

  IOStatus Fsync(const IOOptions& /*options*/, IODebugContext* /*debug*/) override {
    if (auto status = system_.operate(false); !status.ok()) return status;
    system_.synced_names();
    return IOStatus::OK();
  }
  IOStatus FsyncWithDirOptions(const IOOptions& options, IODebugContext* debug,
                               const rocksdb::DirFsyncOptions& /*what*/) override {
    return Fsync(options, debug);
  }

 private:
  FaultyFileSystem& system_;
};

}  // namespace

void FaultyFileSystem::break_at(std::uint64_t operation, Fault fault) {
  const std::lock_guard lock(mutex_);
  break_at_ = operation;
  fault_ = fault;
}

std::uint64_t FaultyFileSystem::operations() const {
  const std::lock_guard lock(mutex_);
  return operations_;
}

IOStatus FaultyFileSystem::operate(bool writes) {
  const std::lock_guard lock(mutex_);
  const std::uint64_t now = operations_++;
  if (fault_ == Fault::kError && now == break_at_) return IOStatus::IOError("injected: EIO");
  if (fault_ == Fault::kFull && writes && now >= break_at_) {
    return IOStatus::NoSpace("injected: no space left");
  }
  if (fault_ == Fault::kPowerOff && now >= break_at_) return IOStatus::IOError("no power");
  return IOStatus::OK();
}

void FaultyFileSystem::wrote_end(const std::string& name, std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  files_[name].size += bytes;
}

void FaultyFileSystem::wrote_over(const std::string& name) {
  const std::lock_guard lock(mutex_);
  File& file = files_[name];
  if (!file.over) file.before = content(name);
  file.over = true;
}

void FaultyFileSystem::synced(const std::string& name) {
  const std::lock_guard lock(mutex_);
  files_[name].synced = files_[name].size;
  files_[name].over = false;
}

void FaultyFileSystem::synced_names() {
  const std::lock_guard lock(mutex_);
  names_.clear();
}

void FaultyFileSystem::note(Renaming renaming) {
  const std::lock_guard lock(mutex_);
  names_.push_back(std::move(renaming));
}

IOStatus FaultyFileSystem::NewWritableFile(const std::string& name,
                                           const rocksdb::FileOptions& options,
                                           std::unique_ptr<rocksdb::FSWritableFile>* file,
                                           IODebugContext* debug) {
  if (auto status = operate(true); !status.ok()) return status;
  note({"", name, fs::exists(name), content(name)});
  auto status = FileSystemWrapper::NewWritableFile(name, options, file, debug);
  if (!status.ok()) return status;
  {
    const std::lock_guard lock(mutex_);
    files_[name] = {};
  }
  *file = std::make_unique<FaultyWritable>(std::move(*file), name, *this);
  return status;
}

IOStatus FaultyFileSystem::NewRandomRWFile(const std::string& name,
                                           const rocksdb::FileOptions& options,
                                           std::unique_ptr<rocksdb::FSRandomRWFile>* file,
                                           IODebugContext* debug) {
  if (auto status = operate(false); !status.ok()) return status;
  auto status = FileSystemWrapper::NewRandomRWFile(name, options, file, debug);
  if (status.ok()) *file = std::make_unique<FaultyRandom>(std::move(*file), name, *this);
  return status;
}

IOStatus FaultyFileSystem::NewDirectory(const std::string& name, const IOOptions& options,
                                        std::unique_ptr<rocksdb::FSDirectory>* directory,
                                        IODebugContext* debug) {
  auto status = FileSystemWrapper::NewDirectory(name, options, directory, debug);
  if (status.ok()) *directory = std::make_unique<FaultyDirectory>(std::move(*directory), *this);
  return status;
}

IOStatus FaultyFileSystem::RenameFile(const std::string& from, const std::string& to,
                                      const IOOptions& options, IODebugContext* debug) {
  if (auto status = operate(true); !status.ok()) return status;
  note({from, to, fs::exists(to), content(to)});
  {
    const std::lock_guard lock(mutex_);
    const auto moved = files_.find(from);
    if (moved != files_.end()) {
      files_[to] = moved->second;
      files_.erase(moved);
    }
  }
  return FileSystemWrapper::RenameFile(from, to, options, debug);
}

IOStatus FaultyFileSystem::DeleteFile(const std::string& name, const IOOptions& options,
                                      IODebugContext* debug) {
  if (auto status = operate(true); !status.ok()) return status;
  note({"", name, fs::exists(name), content(name)});
  return FileSystemWrapper::DeleteFile(name, options, debug);
}

void FaultyFileSystem::lose_unsynced(const std::function<std::uint64_t(std::uint64_t)>& draw) {
  const std::lock_guard lock(mutex_);
  for (const auto& [name, file] : files_) {
    if (!fs::exists(name)) continue;
    if (file.over && draw(2) == 0) set_content(name, file.before);
    if (file.size <= file.synced) continue;
    fs::resize_file(name, std::min<std::uint64_t>(fs::file_size(name),
                                                  file.synced + draw(file.size - file.synced + 1)));
  }
  files_.clear();
  for (std::uint64_t left = draw(names_.size() + 1); left > 0; --left) {
    const Renaming& last = names_.back();
    if (!last.from.empty() && fs::exists(last.to)) fs::rename(last.to, last.from);
    if (last.existed) {
      set_content(last.to, last.before);
    } else {
      fs::remove(last.to);
    }
    names_.pop_back();
  }
  names_.clear();
}

}  // namespace steward::storage
