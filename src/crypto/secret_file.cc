#include "crypto/secret_file.h"

#include <openssl/evp.h>
#include <sodium.h>

#include <nlohmann/json.hpp>

#include "crypto/key_file_io.h"

namespace steward::crypto {
namespace {

using nlohmann::json;

constexpr char kFormat[] = "steward protected file 1";
constexpr char kKdf[] = "scrypt";
constexpr char kCipher[] = "chacha20-poly1305";
constexpr std::size_t kKeyBytes = crypto_aead_chacha20poly1305_ietf_KEYBYTES;
constexpr std::size_t kNonceBytes = crypto_aead_chacha20poly1305_ietf_NPUBBYTES;
constexpr std::size_t kTagBytes = crypto_aead_chacha20poly1305_ietf_ABYTES;
constexpr std::size_t kSaltBytes = 16;
constexpr std::size_t kMaxHeaderBytes = 4096;
constexpr std::size_t kMaxSecretBytes = 1 << 20;
// What a file may ask of whoever opens it.
constexpr std::uint64_t kMinCostN = 1 << 10;
constexpr std::uint64_t kMaxCostN = 1 << 20;
constexpr std::uint32_t kMaxCostR = 32;
constexpr std::uint32_t kMaxCostP = 16;
constexpr std::uint64_t kMaxKdfBytes = 256ULL << 20;

Error damaged(const std::string& what) {
  return bad_input("it is not a usable protected file: " + what);
}

const unsigned char* u8(const char* bytes) { return reinterpret_cast<const unsigned char*>(bytes); }
unsigned char* u8(char* bytes) { return reinterpret_cast<unsigned char*>(bytes); }

Bytes random_bytes(std::size_t size) { return Bytes(SecretBytes::random(size).view()); }

bool affordable(const ScryptCost& cost) {
  return cost.n >= kMinCostN && cost.n <= kMaxCostN && (cost.n & (cost.n - 1)) == 0 &&
         cost.r >= 1 && cost.r <= kMaxCostR && cost.p >= 1 && cost.p <= kMaxCostP &&
         128 * cost.r * (cost.n + cost.p) <= kMaxKdfBytes;
}

SecretBytes derive_key(const FileSecret& secret, const ScryptCost& cost, BytesView salt) {
  STEWARD_CHECK(affordable(cost));
  SecretBytes key = SecretBytes::zeros(kKeyBytes);
  const BytesView password = secret.bytes.view();
  STEWARD_CHECK(EVP_PBE_scrypt(password.data() == nullptr ? "" : password.data(), password.size(),
                               u8(salt.data()), salt.size(), cost.n, cost.r, cost.p,
                               2 * kMaxKdfBytes, u8(key.data()), key.size()) == 1);
  return key;
}

const char* name_of(SecretKind kind) {
  return kind == SecretKind::kKeyfile ? "keyfile" : "passphrase";
}

const json* field(const json& object, const char* name) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(name);
  return found == object.end() ? nullptr : &*found;
}

std::string text_of(const json* value) {
  const auto* text = value == nullptr ? nullptr : value->get_ptr<const std::string*>();
  return text == nullptr ? std::string() : *text;
}

// 0 for whatever is no number up to 2^32-1; no cost is 0.
std::uint32_t number_of(const json* value) {
  if (value == nullptr || !value->is_number_unsigned()) return 0;
  const auto number = value->get<std::uint64_t>();
  return number > UINT32_MAX ? 0 : static_cast<std::uint32_t>(number);
}

Bytes bytes_of(const json* value) { return from_hex(text_of(value)).value_or(Bytes()); }

}  // namespace

// A protected file, taken apart and not yet believed.
struct SealedHeader {
  BytesView line;  // the associated data
  SecretKind kind = SecretKind::kPassphrase;
  SecretLabel label;
  ScryptCost cost;
  Bytes salt;
  Bytes nonce;
  Bytes sealed;

  static Result<SealedHeader> parse(BytesView content);
  Result<OpenedFile> open(const FileSecret& secret) const;

 private:
  Status read(const json& header);
};

Status SealedHeader::read(const json& header) {
  if (text_of(field(header, "format")) != kFormat) {
    return damaged("its header is damaged, or of another version of this program");
  }
  const std::string opened_by = text_of(field(header, "opened_by"));
  if (opened_by != "passphrase" && opened_by != "keyfile") {
    return damaged("its header does not say what opens it");
  }
  kind = opened_by == "keyfile" ? SecretKind::kKeyfile : SecretKind::kPassphrase;
  const json* holds = field(header, "holds");
  if (holds == nullptr || !holds->is_object()) return damaged("its header names no content");
  for (const auto& [name, value] : holds->items()) label[name] = text_of(&value);

  const json* kdf = field(header, "kdf");
  if (kdf == nullptr || text_of(field(*kdf, "name")) != kKdf ||
      text_of(field(header, "cipher")) != kCipher) {
    return damaged("its key derivation or cipher is not known here");
  }
  cost = {number_of(field(*kdf, "n")), number_of(field(*kdf, "r")), number_of(field(*kdf, "p"))};
  if (!affordable(cost)) return damaged("its key derivation asks for an absurd amount of work");
  salt = bytes_of(field(*kdf, "salt"));
  nonce = bytes_of(field(header, "nonce"));
  if (salt.size() != kSaltBytes || nonce.size() != kNonceBytes) {
    return damaged("its salt or nonce has the wrong size");
  }
  return {};
}

Result<SealedHeader> SealedHeader::parse(BytesView content) {
  const std::size_t end = content.find('\n');
  if (end == BytesView::npos || end > kMaxHeaderBytes || content.back() != '\n') {
    return damaged("it is cut short");
  }
  SealedHeader header;
  header.line = content.substr(0, end);
  if (Status status = header.read(json::parse(header.line, nullptr, false)); !status) {
    return status.error();
  }
  BytesView hex = content.substr(end + 1);
  if (!hex.empty()) hex.remove_suffix(1);
  const std::optional<Bytes> sealed = from_hex(hex);
  if (!sealed || to_hex(*sealed) != hex || sealed->size() < kTagBytes) {
    return damaged("its sealed content is cut short or not hexadecimal");
  }
  header.sealed = *sealed;
  return header;
}

Result<OpenedFile> SealedHeader::open(const FileSecret& secret) const {
  if (secret.kind != kind) {
    return bad_input(std::string("it was protected with a ") + name_of(kind) + ", not with a " +
                     name_of(secret.kind));
  }
  const SealingKeyPtr key(new SealingKey(kind, cost, salt, derive_key(secret, cost, salt)));
  SecretBytes content = SecretBytes::zeros(sealed.size() - kTagBytes);
  // A null pointer for no bytes is fine with neither side of the call.
  unsigned char none = 0;
  if (crypto_aead_chacha20poly1305_ietf_decrypt(content.size() == 0 ? &none : u8(content.data()),
                                                nullptr, nullptr, u8(sealed.data()), sealed.size(),
                                                u8(line.data()), line.size(), u8(nonce.data()),
                                                u8(key->key_.view().data())) != 0) {
    return bad_input(std::string("the ") + name_of(kind) + " is wrong, or the file was changed");
  }
  return OpenedFile{std::move(content), key};
}

SealingKeyPtr SealingKey::derive(const FileSecret& secret, ScryptCost cost) {
  Bytes salt = random_bytes(kSaltBytes);
  SecretBytes key = derive_key(secret, cost, salt);
  return SealingKeyPtr(new SealingKey(secret.kind, cost, std::move(salt), std::move(key)));
}

Bytes SealingKey::seal(const SecretLabel& label, BytesView content) const {
  const Bytes nonce = random_bytes(kNonceBytes);
  const json header = {
      {"format", kFormat},
      {"holds", label},
      {"opened_by", name_of(kind_)},
      {"kdf",
       {{"name", kKdf}, {"n", cost_.n}, {"r", cost_.r}, {"p", cost_.p}, {"salt", to_hex(salt_)}}},
      {"cipher", kCipher},
      {"nonce", to_hex(nonce)}};
  const std::string line = header.dump();
  STEWARD_CHECK(line.size() <= kMaxHeaderBytes);
  Bytes sealed(content.size() + kTagBytes, '\0');
  STEWARD_CHECK(crypto_aead_chacha20poly1305_ietf_encrypt(
                    u8(sealed.data()), nullptr, u8(content.data()), content.size(), u8(line.data()),
                    line.size(), nullptr, u8(nonce.data()), u8(key_.view().data())) == 0);
  return line + "\n" + to_hex(sealed) + "\n";
}

bool is_sealed(BytesView content) {
  const std::size_t end = content.find('\n');
  if (end == BytesView::npos || end > kMaxHeaderBytes) return false;
  const json header = json::parse(content.substr(0, end), nullptr, false);
  return text_of(field(header, "format")).rfind("steward protected file", 0) == 0;
}

Result<SealedLabel> read_sealed_label(BytesView content) {
  Result<SealedHeader> header = SealedHeader::parse(content);
  if (!header) return header.error();
  return SealedLabel{header->kind, std::move(header->label)};
}

Result<OpenedFile> open_sealed(BytesView content, const FileSecret& secret) {
  const Result<SealedHeader> header = SealedHeader::parse(content);
  if (!header) return header.error();
  return header->open(secret);
}

Result<OpenedFile> open_secret_file(const std::string& path, const Unlock& unlock) {
  Result<SecretBytes> content = read_secret_file(path);
  if (!content) return content.error();
  if (!is_sealed(content->view())) return OpenedFile{std::move(*content), nullptr};
  const Result<SealedHeader> header = SealedHeader::parse(content->view());
  if (!header) return Error{header.error().code, path + ": " + header.error().message};
  const Result<FileSecretPtr> secret = unlock(path, header->kind);
  if (!secret) return secret.error();
  Result<OpenedFile> opened = header->open(**secret);
  if (!opened) return Error{opened.error().code, path + ": " + opened.error().message};
  return opened;
}

SecretBytes seal_with(const SealingKeyPtr& key, const SecretLabel& label, BytesView content) {
  return key == nullptr ? SecretBytes(content) : SecretBytes(key->seal(label, content));
}

Result<FileSecretPtr> read_passphrase_file(const std::string& path) {
  const Result<SecretBytes> content = read_secret_file(path);
  if (!content) return content.error();
  BytesView line = content->view().substr(0, content->view().find('\n'));
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  if (line.empty()) return bad_input(path + " should hold a passphrase in its first line");
  if (line.size() > kMaxSecretBytes) return bad_input(path + " is too long for a passphrase");
  return std::make_shared<const FileSecret>(FileSecret{SecretKind::kPassphrase, SecretBytes(line)});
}

Result<FileSecretPtr> read_keyfile(const std::string& path) {
  Result<SecretBytes> content = read_secret_file(path);
  if (!content) return content.error();
  if (content->size() < kMinKeyfileBytes || content->size() > kMaxSecretBytes) {
    return bad_input(path + " has " + std::to_string(content->size()) +
                     " bytes; a keyfile has at least 32 random ones: `head -c 32 /dev/urandom`");
  }
  return std::make_shared<const FileSecret>(FileSecret{SecretKind::kKeyfile, std::move(*content)});
}

}  // namespace steward::crypto
