#include "crypto/key_document.h"

namespace steward::crypto {
namespace {

using nlohmann::json;

const json* field(const json& object, const char* name) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(name);
  return found == object.end() ? nullptr : &*found;
}

bool is_secret(const std::string& name) { return name == "seed" || name == "share"; }

}  // namespace

Error malformed(const std::string& path, const std::string& what) {
  return bad_input(path + " is not a usable key file: " + what);
}

KeyDocument::~KeyDocument() {
  for (json& value : value_) {
    if (value.is_string()) wipe(value.get_ref<std::string&>());
  }
}

Result<std::unique_ptr<KeyDocument>> KeyDocument::parse(const std::string& path, BytesView content,
                                                        const char* format) {
  auto document = std::make_unique<KeyDocument>(json::parse(content, nullptr, false));
  const std::string* found = text_at(document->value(), "format");
  if (found == nullptr) return malformed(path, "it is damaged, or not JSON of this program");
  if (*found != format) {
    return malformed(path,
                     "it says \"" + found->substr(0, 40) + "\" where \"" + format + "\" is needed");
  }
  return document;
}

SecretLabel KeyDocument::label() const {
  SecretLabel label;
  if (!value_.is_object()) return label;
  for (const auto& [name, value] : value_.items()) {
    if (is_secret(name)) continue;
    if (value.is_string()) label[name] = value.get_ref<const std::string&>();
    if (value.is_number_unsigned()) label[name] = std::to_string(value.get<std::uint64_t>());
  }
  return label;
}

SecretBytes KeyDocument::text() const {
  std::string text = value_.dump(2) + "\n";
  SecretBytes copy(text);
  wipe(text);
  return copy;
}

Result<OpenedDocument> open_document(const std::string& path, const char* format,
                                     const Unlock& unlock) {
  Result<OpenedFile> file = open_secret_file(path, unlock);
  if (!file) return file.error();
  Result<std::unique_ptr<KeyDocument>> document =
      KeyDocument::parse(path, file->content.view(), format);
  if (!document) return document.error();
  return OpenedDocument{std::move(*document), file->key};
}

const std::string* text_at(const json& object, const char* name) {
  const json* value = field(object, name);
  return value == nullptr ? nullptr : value->get_ptr<const std::string*>();
}

std::optional<Bytes> hex_at(const json& object, const char* name) {
  const std::string* text = text_at(object, name);
  return text == nullptr ? std::nullopt : from_hex(*text);
}

std::optional<SecretBytes> secret_at(const json& object, const char* name) {
  std::optional<Bytes> plain = hex_at(object, name);
  if (!plain) return std::nullopt;
  SecretBytes secret(*plain);
  wipe(*plain);
  return secret;
}

std::optional<std::uint32_t> number_at(const json& object, const char* name) {
  const json* value = field(object, name);
  if (value == nullptr || !value->is_number_unsigned()) return std::nullopt;
  const auto number = value->get<std::uint64_t>();
  if (number > UINT32_MAX) return std::nullopt;
  return static_cast<std::uint32_t>(number);
}

bool flag_at(const json& object, const char* name) {
  const json* value = field(object, name);
  return value != nullptr && value->is_boolean() && value->get<bool>();
}

const json* list_at(const json& object, const char* name) {
  const json* value = field(object, name);
  if (value == nullptr || !value->is_array() || value->size() > kMaxListed) return nullptr;
  return value;
}

}  // namespace steward::crypto
