// Secret files under a passphrase or a keyfile. A protected file is two lines: a header in JSON
// (what the file holds, how its key is derived, the nonce) and the sealed content in lower-case
// hexadecimal. The key is scrypt (RFC 7914) of the passphrase or of the keyfile's bytes; the seal
// is ChaCha20-Poly1305 (RFC 8439) with the header line, byte for byte, as associated data. What the
// header says can be read by anybody, and is known to be true only once the file was opened.
//
// Contents may be any bytes; every function takes them so. Thread-safe.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "common/result.h"
#include "crypto/secret.h"

namespace steward::crypto {

inline constexpr std::size_t kMinPassphraseBytes = 8;  // of a new one
inline constexpr std::size_t kMinKeyfileBytes = 32;

enum class SecretKind { kPassphrase, kKeyfile };

// What an operator opens files with.
struct FileSecret {
  SecretKind kind = SecretKind::kPassphrase;
  SecretBytes bytes;
};
using FileSecretPtr = std::shared_ptr<const FileSecret>;

// The first line of a file, without its end; or a whole file of at least kMinKeyfileBytes. Refused
// when others may access the file.
Result<FileSecretPtr> read_passphrase_file(const std::string& path);
Result<FileSecretPtr> read_keyfile(const std::string& path);

// Asked for what opens the protected file `path`; never called for a file that is not protected.
using Unlock = std::function<Result<FileSecretPtr>(const std::string& path, SecretKind kind)>;

// RFC 7914's N, r and p. The default takes 32 MiB and about a tenth of a second.
struct ScryptCost {
  std::uint64_t n = 1 << 15;
  std::uint32_t r = 8;
  std::uint32_t p = 1;
};

// Public facts about a secret file by name: "format", "cluster", "site" and so on.
using SecretLabel = std::map<std::string, std::string>;

// The key of one file, kept to seal what replaces its content. Immutable.
class SealingKey {
 public:
  static std::shared_ptr<const SealingKey> derive(const FileSecret& secret, ScryptCost cost = {});

  // The whole protected file, under a fresh nonce.
  Bytes seal(const SecretLabel& label, BytesView content) const;

 private:
  friend struct SealedHeader;
  SealingKey(SecretKind kind, ScryptCost cost, Bytes salt, SecretBytes key)
      : kind_(kind), cost_(cost), salt_(std::move(salt)), key_(std::move(key)) {}

  SecretKind kind_;
  ScryptCost cost_;
  Bytes salt_;
  SecretBytes key_;
};
using SealingKeyPtr = std::shared_ptr<const SealingKey>;

struct OpenedFile {
  SecretBytes content;
  SealingKeyPtr key;  // null: the file is not protected
};

// Does this content claim to be a protected file?
bool is_sealed(BytesView content);

struct SealedLabel {
  SecretKind kind = SecretKind::kPassphrase;
  SecretLabel label;
};
Result<SealedLabel> read_sealed_label(BytesView content);

// Refuses a wrong secret and any changed byte alike: there is no telling them apart.
Result<OpenedFile> open_sealed(BytesView content, const FileSecret& secret);

// Reads a secret file (mode 0600), protected or not.
Result<OpenedFile> open_secret_file(const std::string& path, const Unlock& unlock);

// What to write: sealed under `key`, or the content itself when there is none.
SecretBytes seal_with(const SealingKeyPtr& key, const SecretLabel& label, BytesView content);

}  // namespace steward::crypto
