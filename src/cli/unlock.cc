#include "cli/unlock.h"

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <memory>

namespace steward::cli {
namespace {

constexpr std::size_t kMaxLineBytes = 1024;
constexpr char kInterrupt = '\x03';

// The terminal without echo. Signals are off so that Ctrl-C cannot leave it like that; it ends the
// line instead.
class SilentTerminal {
 public:
  SilentTerminal() : fd_(::open("/dev/tty", O_RDWR | O_CLOEXEC)) {
    if (fd_ < 0 || ::tcgetattr(fd_, &before_) != 0) return;
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO | ISIG);
    silent.c_cc[VEOL] = kInterrupt;
    usable_ = ::tcsetattr(fd_, TCSAFLUSH, &silent) == 0;
  }
  ~SilentTerminal() {
    if (usable_) ::tcsetattr(fd_, TCSAFLUSH, &before_);
    if (fd_ >= 0) ::close(fd_);
  }
  SilentTerminal(const SilentTerminal&) = delete;
  SilentTerminal& operator=(const SilentTerminal&) = delete;

  bool usable() const { return usable_; }

  Result<crypto::SecretBytes> ask(const std::string& question) {
    say(question);
    crypto::SecretBytes line = crypto::SecretBytes::zeros(kMaxLineBytes);
    const ssize_t got = ::read(fd_, line.data(), line.size());
    say("\n");
    if (got <= 0) return bad_input("no passphrase was given");
    BytesView text = line.view().substr(0, static_cast<std::size_t>(got));
    if (text.find(kInterrupt) != BytesView::npos) return bad_input("interrupted");
    if (text.back() != '\n') return bad_input("the passphrase is too long");
    text.remove_suffix(1);
    return crypto::SecretBytes(text);
  }

 private:
  void say(BytesView text) { (void)!::write(fd_, text.data(), text.size()); }

  int fd_;
  termios before_{};
  bool usable_ = false;
};

Result<crypto::FileSecretPtr> as_secret(Result<crypto::SecretBytes> line) {
  if (!line) return line.error();
  return std::make_shared<const crypto::FileSecret>(
      crypto::FileSecret{crypto::SecretKind::kPassphrase, std::move(*line)});
}

Error too_short() {
  return bad_input("a passphrase needs at least " + std::to_string(crypto::kMinPassphraseBytes) +
                   " characters; five random words are good");
}

Result<crypto::FileSecretPtr> ask_passphrase(const std::string& path) {
  SilentTerminal terminal;
  if (!terminal.usable()) {
    return Error{ErrorCode::kPermission,
                 path +
                     " is protected with a passphrase: give --passphrase-file FILE or "
                     "STEWARD_PASSPHRASE_FILE (there is no terminal to ask on)"};
  }
  return as_secret(terminal.ask("passphrase of " + path + ": "));
}

// Remembers what it was told.
class Unlocker {
 public:
  explicit Unlocker(UnlockFlags flags) : flags_(std::move(flags)) {}

  Result<crypto::FileSecretPtr> find(const std::string& path, crypto::SecretKind kind) {
    crypto::FileSecretPtr& known = kind == crypto::SecretKind::kKeyfile ? keyfile_ : passphrase_;
    if (known != nullptr) return known;
    Result<crypto::FileSecretPtr> found = get(path, kind);
    if (found.ok()) known = *found;
    return found;
  }

 private:
  Result<crypto::FileSecretPtr> get(const std::string& path, crypto::SecretKind kind) const {
    if (kind == crypto::SecretKind::kPassphrase) {
      return flags_.passphrase_file.empty() ? ask_passphrase(path)
                                            : crypto::read_passphrase_file(flags_.passphrase_file);
    }
    if (!flags_.keyfile.empty()) return crypto::read_keyfile(flags_.keyfile);
    return Error{ErrorCode::kPermission,
                 path + " is protected with a keyfile: give --keyfile FILE or STEWARD_KEYFILE"};
  }

  const UnlockFlags flags_;
  crypto::FileSecretPtr passphrase_;
  crypto::FileSecretPtr keyfile_;
};

}  // namespace

void add_unlock_options(CLI::App& verb, UnlockFlags& flags) {
  verb.add_option("--passphrase-file", flags.passphrase_file,
                  "File whose first line opens protected key files; else the terminal is asked")
      ->envname("STEWARD_PASSPHRASE_FILE");
  verb.add_option("--keyfile", flags.keyfile, "File whose bytes open protected key files")
      ->envname("STEWARD_KEYFILE");
}

crypto::Unlock make_unlock(const UnlockFlags& flags) {
  return
      [unlocker = std::make_shared<Unlocker>(flags)](
          const std::string& path, crypto::SecretKind kind) { return unlocker->find(path, kind); };
}

Result<crypto::FileSecretPtr> ask_new_passphrase() {
  SilentTerminal terminal;
  if (!terminal.usable()) {
    return bad_input("--passphrase asks on a terminal, and there is none: use --passphrase-file");
  }
  auto first = terminal.ask("new passphrase: ");
  if (!first) return first.error();
  if (first->size() < crypto::kMinPassphraseBytes) return too_short();
  const auto again = terminal.ask("once more: ");
  if (!again) return again.error();
  if (again->view() != first->view()) return bad_input("the two passphrases differ");
  return as_secret(std::move(first));
}

Result<crypto::FileSecretPtr> read_new_passphrase(const std::string& path) {
  auto secret = crypto::read_passphrase_file(path);
  if (secret.ok() && (*secret)->bytes.size() < crypto::kMinPassphraseBytes) return too_short();
  return secret;
}

}  // namespace steward::cli
