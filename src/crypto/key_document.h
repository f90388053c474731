// The JSON in key files: for key_files.cc, share_file.cc and nobody else. Fields are looked up so
// that whatever a file says, the answer is a value of the right type or none.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "common/result.h"
#include "crypto/secret_file.h"

namespace steward::crypto {

inline constexpr std::size_t kMaxListed = 4096;  // sites, servers of a site, or clients in one file

// "PATH is not a usable key file: WHAT".
Error malformed(const std::string& path, const std::string& what);

// A parsed file, which is an object; its strings are wiped with it because they may be secrets.
class KeyDocument {
 public:
  explicit KeyDocument(nlohmann::json value) : value_(std::move(value)) {}
  ~KeyDocument();
  KeyDocument(const KeyDocument&) = delete;
  KeyDocument& operator=(const KeyDocument&) = delete;

  // Refuses what is not of this "format".
  static Result<std::unique_ptr<KeyDocument>> parse(const std::string& path, BytesView content,
                                                    const char* format);

  const nlohmann::json& value() const { return value_; }
  SecretLabel label() const;  // every field but the secret ones
  SecretBytes text() const;   // as it stands in a file

 private:
  nlohmann::json value_;
};

// A secret file that was opened, and what seals its successor.
struct OpenedDocument {
  std::unique_ptr<KeyDocument> document;
  SealingKeyPtr key;
};
Result<OpenedDocument> open_document(const std::string& path, const char* format,
                                     const Unlock& unlock);

// The field, or none where it is missing or of another type.
const std::string* text_at(const nlohmann::json& object, const char* name);
std::optional<Bytes> hex_at(const nlohmann::json& object, const char* name);
std::optional<SecretBytes> secret_at(const nlohmann::json& object, const char* name);
std::optional<std::uint32_t> number_at(const nlohmann::json& object, const char* name);
bool flag_at(const nlohmann::json& object, const char* name);  // false unless it is true
// nullptr unless an array of at most kMaxListed elements.
const nlohmann::json* list_at(const nlohmann::json& object, const char* name);

}  // namespace steward::crypto
