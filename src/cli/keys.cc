#include "cli/keys.h"

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>

#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/unlock.h"
#include "crypto/fingerprint.h"

namespace steward::cli {
namespace {

// What a file says of itself may be anything: only plain characters reach the terminal.
std::string printable(const std::string& text) {
  std::string out = text.substr(0, 80);
  for (char& c : out) {
    if (c < ' ' || c > '~') c = '?';
  }
  return out;
}

const char* name_of(crypto::SecretKind kind) {
  return kind == crypto::SecretKind::kKeyfile ? "a keyfile" : "a passphrase";
}

Status show_secret(const std::string& path) {
  const auto facts = crypto::read_key_file_facts(path);
  if (!facts) return facts.error();
  fmt::print("{}\n", path);
  for (const auto& [name, value] : facts->label) {
    fmt::print("  {:<14}{}\n", printable(name), printable(value));
  }
  fmt::print("  {:<14}{}\n", "protected",
             facts->is_protected ? name_of(facts->protected_by) : "no");
  return {};
}

Status show_cluster(const std::string& path) {
  const auto cluster = crypto::load_cluster_keys(path);
  if (!cluster) return cluster.error();
  fmt::print("{}\n{}", path, crypto::fingerprint_sheet(*cluster));
  return {};
}

Status show_file(const std::string& path) {
  const bool is_public = std::filesystem::path(path).extension() == ".pub";
  return is_public ? show_cluster(path) : show_secret(path);
}

Status show(const std::string& path) {
  std::error_code failed;
  if (!std::filesystem::is_directory(path, failed)) return show_file(path);
  const Status cluster = show_cluster(crypto::cluster_keys_path(path));
  if (!cluster) return cluster;
  for (const std::string& file :
       {crypto::server_key_path(path), crypto::share_path(path), crypto::client_key_path(path)}) {
    if (!std::filesystem::exists(file, failed)) continue;
    fmt::print("\n");
    if (Status status = show_secret(file); !status) return status;
  }
  return {};
}

struct ProtectFlags {
  std::vector<std::string> files;
  UnlockFlags current;
  bool remove = false;
  std::string passphrase_file;
  std::string keyfile;
};

Result<crypto::FileSecretPtr> new_protection(const ProtectFlags& flags) {
  if (flags.remove) return crypto::FileSecretPtr();
  if (!flags.passphrase_file.empty()) return read_new_passphrase(flags.passphrase_file);
  if (!flags.keyfile.empty()) return crypto::read_keyfile(flags.keyfile);
  return ask_new_passphrase();
}

int protect(const ProtectFlags& flags) {
  const auto protection = new_protection(flags);
  if (!protection) return report(protection.error());
  const crypto::Unlock unlock = make_unlock(flags.current);
  for (const std::string& file : flags.files) {
    const auto key = *protection == nullptr ? nullptr : crypto::SealingKey::derive(**protection);
    if (Status status = crypto::protect_key_file(file, unlock, key); !status) {
      return report(status.error());
    }
    fmt::print("{} is {}\n", file,
               key == nullptr ? "not protected any more"
                              : "protected with " + std::string(name_of((*protection)->kind)));
  }
  return kExitOk;
}

}  // namespace

void add_keys_show(CLI::App& keys, int& exit_code) {
  auto path = std::make_shared<std::string>();
  CLI::App* verb = keys.add_subcommand(
      "show",
      "Say what a folder or a file of keys is: its cluster, fingerprints, schemes, how many of "
      "how\n"
      "many sign, epochs of shares, whether it is protected. Never shows a secret, and needs no\n"
      "passphrase. Compare the cluster id with that of the printed fingerprints.txt: it covers\n"
      "every key.");
  verb->add_option("PATH", *path, "A party's folder, the ceremony's directory, or one file")
      ->required();
  verb->callback([path, &exit_code] {
    const Status status = show(*path);
    exit_code = status ? kExitOk : report(status.error());
  });
}

void add_keys_protect(CLI::App& keys, int& exit_code) {
  auto flags = std::make_shared<ProtectFlags>();
  CLI::App* verb = keys.add_subcommand(
      "protect",
      "Put secret files under a passphrase or a keyfile, under another one, or under none.\n"
      "What opens them now: --passphrase-file or --keyfile, else the terminal is asked.\n"
      "What shall open them: --new-passphrase-file, --new-keyfile, --none, else the terminal is\n"
      "asked. Each file is replaced at once, and its old content overwritten where the disk "
      "allows.");
  verb->add_option("FILES", flags->files, "server.key, site.share and client.key files")
      ->required();
  add_unlock_options(*verb, flags->current);
  auto* file = verb->add_option("--new-passphrase-file", flags->passphrase_file,
                                "File whose first line is the new passphrase (mode 0600)");
  auto* keyfile = verb->add_option("--new-keyfile", flags->keyfile,
                                   "File whose bytes are the new key (mode 0600, at least 32)");
  auto* none = verb->add_flag("--none", flags->remove, "Take the protection away");
  none->excludes(file)->excludes(keyfile);
  file->excludes(keyfile);
  verb->callback([flags, &exit_code] { exit_code = protect(*flags); });
}

void add_keys(CLI::App& app, int& exit_code) {
  CLI::App* keys = app.add_subcommand(
      "keys", "Look at key files, check them, protect them, renew a site's shares offline.");
  keys->require_subcommand(1);
  add_keys_show(*keys, exit_code);
  add_keys_verify(*keys, exit_code);
  add_keys_protect(*keys, exit_code);
  add_keys_refresh(*keys, exit_code);
  add_keys_redeal(*keys, exit_code);
  add_keys_test_signature(*keys, exit_code);
  add_keys_verify_signature(*keys, exit_code);
}

}  // namespace steward::cli
