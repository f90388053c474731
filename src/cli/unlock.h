// What opens protected key files: from flags, the environment, or whoever sits at the terminal.
#pragma once

#include <string>

#include "crypto/secret_file.h"

namespace CLI {
class App;
}

namespace steward::cli {

struct UnlockFlags {
  std::string passphrase_file;
  std::string keyfile;
};

// --passphrase-file, STEWARD_PASSPHRASE_FILE; --keyfile, STEWARD_KEYFILE. `flags` must outlive the
// parsing.
void add_unlock_options(CLI::App& verb, UnlockFlags& flags);

// Reads a file when it is first needed; asks for a passphrase on the terminal, once, when no file
// with one was given. Not thread-safe.
crypto::Unlock make_unlock(const UnlockFlags& flags);

// A passphrase for files to be protected, asked for twice on the terminal, or the first line of a
// file. Refuses what is shorter than kMinPassphraseBytes.
Result<crypto::FileSecretPtr> ask_new_passphrase();
Result<crypto::FileSecretPtr> read_new_passphrase(const std::string& path);

}  // namespace steward::cli
