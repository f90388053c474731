// Files that hold keys, as bytes: written whole or not at all, never over an existing file, and
// secret ones read only when nobody else can.
#pragma once

#include <string>

#include "common/result.h"
#include "crypto/secret.h"

namespace steward::crypto {

inline constexpr unsigned kSecretFileMode = 0600;
inline constexpr unsigned kPublicFileMode = 0644;

// A directory that only its owner may enter; those above it that are missing are made, too. Fails
// when `path` exists.
Status make_new_directory(const std::string& path);

// Durable when it returns. Fails when `path` exists.
Status write_new_file(const std::string& path, BytesView content, unsigned mode);

// Puts `content` in the place of the secret file `path` at once: after a crash the one or the other
// is there, whole. Durable when it returns. The old content is overwritten with zeros, which helps
// where file system and disk write in place (not on copy-on-write file systems, not in spare blocks
// of flash). One caller at a time for one path.
Status replace_secret_file(const std::string& path, BytesView content);

// Removes what a replacement left that never came to its end.
void remove_interrupted_replacement(const std::string& path);

Result<SecretBytes> read_public_file(const std::string& path);

// Refuses a file that group or others may access in any way.
Result<SecretBytes> read_secret_file(const std::string& path);

}  // namespace steward::crypto
