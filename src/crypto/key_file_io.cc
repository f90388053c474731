#include "crypto/key_file_io.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

namespace steward::crypto {
namespace {

constexpr std::size_t kMaxKeyFileBytes = 8 << 20;

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }

 private:
  int fd_;
};

Error system_error(const std::string& what, const std::string& path, int error) {
  const ErrorCode code = error == ENOENT                      ? ErrorCode::kNotFound
                         : error == EACCES || error == EEXIST ? ErrorCode::kPermission
                                                              : ErrorCode::kIo;
  return {code, what + " " + path + ": " + std::strerror(error)};
}

bool write_all(int fd, BytesView content) {
  while (!content.empty()) {
    const ssize_t written = ::write(fd, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  return ::fsync(fd) == 0;
}

std::string octal(unsigned mode) {
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "%04o", mode);
  return text.data();
}

Result<SecretBytes> read_file(const std::string& path, unsigned forbidden_mode) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.valid()) return system_error("cannot open", path, errno);
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) return system_error("cannot read", path, errno);
  if (!S_ISREG(info.st_mode)) return bad_input(path + " is not a regular file");
  const unsigned mode = info.st_mode & 07777;
  if ((mode & forbidden_mode) != 0) {
    return Error{ErrorCode::kPermission, path +
                                             " holds a secret key but others can access it (mode " +
                                             octal(mode) + "): run `chmod 600 " + path + "`"};
  }
  if (info.st_size < 0 || static_cast<std::size_t>(info.st_size) > kMaxKeyFileBytes) {
    return bad_input(path + " is too large for a key file");
  }
  SecretBytes content = SecretBytes::zeros(static_cast<std::size_t>(info.st_size));
  for (std::size_t at = 0; at < content.size();) {
    const ssize_t got = ::read(file.get(), content.data() + at, content.size() - at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error("cannot read", path, errno);
    if (got == 0) return bad_input(path + " became shorter while it was read");
    at += static_cast<std::size_t>(got);
  }
  return content;
}

Status sync_directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string parent = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const Descriptor directory(::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.valid() || ::fsync(directory.get()) != 0) {
    return system_error("cannot make durable", path, errno);
  }
  return {};
}

std::string temporary_of(const std::string& path) { return path + ".new"; }

Status write_temporary(const std::string& temporary, BytesView content, unsigned mode) {
  const Descriptor file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
  if (!file.valid()) return system_error("cannot create", temporary, errno);
  if (::fchmod(file.get(), mode) == 0 && write_all(file.get(), content)) return {};
  const int error = errno;
  ::unlink(temporary.c_str());
  return system_error("cannot write", temporary, error);
}

// What stood in the file is gone from the disk, as far as its file system and hardware write in
// place.
void overwrite_with_zeros(int fd) {
  struct stat info {};
  if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode) || info.st_size < 0) return;
  if (static_cast<std::size_t>(info.st_size) > kMaxKeyFileBytes) return;
  if (::lseek(fd, 0, SEEK_SET) != 0) return;
  (void)write_all(fd, Bytes(static_cast<std::size_t>(info.st_size), '\0'));
}

}  // namespace

Status make_new_directory(const std::string& path) {
  std::filesystem::path wanted(path);
  if (!wanted.has_filename()) wanted = wanted.parent_path();  // "keys/"
  const std::filesystem::path above = wanted.parent_path();
  std::error_code failed;
  if (!above.empty()) std::filesystem::create_directories(above, failed);
  if (!failed && ::mkdir(wanted.c_str(), 0700) == 0) return {};
  return system_error("cannot create the directory", path, failed ? failed.value() : errno);
}

Status write_new_file(const std::string& path, BytesView content, unsigned mode) {
  const std::string temporary = temporary_of(path);
  if (Status status = write_temporary(temporary, content, mode); !status) return status;
  // A link, unlike a rename, does not replace what is there.
  const int linked = ::link(temporary.c_str(), path.c_str());
  const int error = errno;
  ::unlink(temporary.c_str());
  if (linked != 0) return system_error("cannot create", path, error);
  return sync_directory_of(path);
}

Status replace_secret_file(const std::string& path, BytesView content) {
  const Descriptor old(::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!old.valid()) return system_error("cannot open for writing", path, errno);
  const std::string temporary = temporary_of(path);
  remove_interrupted_replacement(path);
  if (Status status = write_temporary(temporary, content, kSecretFileMode); !status) return status;
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    const int error = errno;
    ::unlink(temporary.c_str());
    return system_error("cannot replace", path, error);
  }
  if (Status status = sync_directory_of(path); !status) return status;
  overwrite_with_zeros(old.get());
  return {};
}

void remove_interrupted_replacement(const std::string& path) {
  const std::string temporary = temporary_of(path);
  const Descriptor file(::open(temporary.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (file.valid()) overwrite_with_zeros(file.get());
  ::unlink(temporary.c_str());
}

Result<SecretBytes> read_public_file(const std::string& path) { return read_file(path, 0); }
Result<SecretBytes> read_secret_file(const std::string& path) { return read_file(path, 0077); }

}  // namespace steward::crypto
