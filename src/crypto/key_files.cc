#include "crypto/key_files.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "crypto/key_file_io.h"
#include "crypto/site_scheme.h"

namespace steward::crypto {
namespace {

using nlohmann::json;

constexpr char kClusterFormat[] = "steward cluster keys 1";
constexpr char kServerFormat[] = "steward server key 1";
constexpr char kClientFormat[] = "steward client key 1";
constexpr std::size_t kMaxListed = 4096;  // sites, servers of a site, or clients in one file

Error malformed(const std::string& path, const std::string& what) {
  return bad_input(path + " is not a usable key file: " + what);
}

// A parsed file; the strings in it are wiped with it because they may be secrets.
class Document {
 public:
  Document(json value, std::string path) : value_(std::move(value)), path_(std::move(path)) {}
  ~Document() {
    for (json& field : value_) {
      if (field.is_string()) wipe(field.get_ref<std::string&>());
    }
  }
  Document(const Document&) = delete;
  Document& operator=(const Document&) = delete;

  const json& value() const { return value_; }
  const std::string& path() const { return path_; }

 private:
  json value_;
  std::string path_;
};

const std::string* text_at(const json& object, const char* name) {
  const auto field = object.is_object() ? object.find(name) : object.end();
  return field == object.end() ? nullptr : field->get_ptr<const std::string*>();
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
  const auto field = object.is_object() ? object.find(name) : object.end();
  if (field == object.end() || !field->is_number_unsigned()) return std::nullopt;
  const auto value = field->get<std::uint64_t>();
  if (value > UINT32_MAX) return std::nullopt;
  return static_cast<std::uint32_t>(value);
}

// nullptr unless an array of at most kMaxListed elements.
const json* list_at(const json& object, const char* name) {
  const auto field = object.is_object() ? object.find(name) : object.end();
  if (field == object.end() || !field->is_array() || field->size() > kMaxListed) return nullptr;
  return &*field;
}

Result<std::unique_ptr<Document>> parse(const std::string& path, BytesView content,
                                        const char* format) {
  auto document = std::make_unique<Document>(json::parse(content, nullptr, false), path);
  const std::string* found = text_at(document->value(), "format");
  if (found == nullptr) return malformed(path, "it is damaged, or not JSON of this program");
  if (*found != format) {
    return malformed(path,
                     "it says \"" + found->substr(0, 40) + "\" where \"" + format + "\" is needed");
  }
  return document;
}

Result<SiteKeys> read_site(const json& entry) {
  const std::string* scheme = text_at(entry, "scheme");
  const std::optional<Bytes> encoded = hex_at(entry, "key");
  const json* servers = list_at(entry, "servers");
  if (scheme == nullptr || !encoded || servers == nullptr || servers->empty()) {
    return bad_input("a site needs \"scheme\", \"key\" and \"servers\"");
  }
  Result<SitePublicKeyPtr> key = decode_site_key(*scheme, *encoded);
  if (!key) return key.error();
  SiteKeys site{{}, *key};
  for (const json& server : *servers) {
    const std::string* text = server.get_ptr<const std::string*>();
    const std::optional<Bytes> public_key = text != nullptr ? from_hex(*text) : std::nullopt;
    if (!public_key || public_key->size() != kEd25519PublicKeyBytes) {
      return bad_input("a server's key must be 64 hexadecimal digits");
    }
    site.servers.push_back(*public_key);
  }
  const std::uint32_t holders = (*key)->servers();
  if (holders != 0 && holders != site.servers.size()) {
    return bad_input("a site's key is dealt to another number of servers than it lists");
  }
  return site;
}

Status read_clients(const json& entries, ClusterKeys& keys) {
  for (const json& entry : entries) {
    const std::string* name = text_at(entry, "name");
    const std::optional<Bytes> public_key = hex_at(entry, "key");
    if (name == nullptr || !public_key || public_key->size() != kEd25519PublicKeyBytes) {
      return bad_input("a client needs \"name\" and \"key\" of 64 hexadecimal digits");
    }
    keys.client_names.push_back(*name);
    keys.directory.clients.push_back(*public_key);
  }
  return {};
}

// Reads a secret file and sees that it belongs to `cluster`.
Result<std::unique_ptr<Document>> open_secret(const std::string& path, const char* format,
                                              const ClusterKeys& cluster) {
  const Result<SecretBytes> content = read_secret_file(path);
  if (!content) return content.error();
  Result<std::unique_ptr<Document>> document = parse(path, content->view(), format);
  if (!document) return document;
  const std::string* id = text_at((*document)->value(), "cluster_id");
  if (id == nullptr || *id != cluster.directory.cluster_id().hex()) {
    return malformed(path, "it belongs to another cluster than \"" + cluster.cluster + "\"");
  }
  return document;
}

Result<std::unique_ptr<Ed25519Signer>> read_signer(const Document& document, BytesView public_key) {
  const std::optional<SecretBytes> seed = secret_at(document.value(), "seed");
  if (!seed) return malformed(document.path(), "its \"seed\" is missing or not hexadecimal");
  Result<std::unique_ptr<Ed25519Signer>> signer = Ed25519Signer::from_seed(seed->view());
  if (!signer) return malformed(document.path(), signer.error().message);
  if ((*signer)->public_key() != public_key) {
    return malformed(document.path(), "its secret does not match the public key of the cluster");
  }
  return signer;
}

// Writes the object; its strings and the text are wiped.
Status write_secret(const std::string& path, json object) {
  const Document document(std::move(object), path);
  std::string text = document.value().dump(2) + "\n";
  const Status status = write_new_file(path, text, kSecretFileMode);
  wipe(text);
  return status;
}

json secret_header(const char* format, const ClusterKeys& cluster, const Ed25519Signer& signer) {
  return {{"format", format},
          {"cluster", cluster.cluster},
          {"cluster_id", cluster.directory.cluster_id().hex()},
          {"seed", to_hex(signer.copy_secret_seed().view())}};
}

}  // namespace

std::string cluster_keys_path(const std::string& directory) { return directory + "/cluster.pub"; }
std::string server_key_path(const std::string& directory, ServerId id) {
  return directory + "/server-" + std::to_string(id.site) + "-" + std::to_string(id.server) +
         ".key";
}
std::string client_key_path(const std::string& directory, const std::string& name) {
  return directory + "/client-" + name + ".key";
}
std::string site_pem_path(const std::string& directory, SiteId site) {
  return directory + "/site-" + std::to_string(site) + ".pem";
}

Result<ClusterKeys> load_cluster_keys(const std::string& path) {
  const Result<SecretBytes> content = read_public_file(path);
  if (!content) return content.error();
  const Result<std::unique_ptr<Document>> document = parse(path, content->view(), kClusterFormat);
  if (!document) return document.error();
  const json& value = (*document)->value();
  const std::string* name = text_at(value, "cluster");
  const json* sites = list_at(value, "sites");
  const json* clients = list_at(value, "clients");
  if (name == nullptr || sites == nullptr || clients == nullptr || sites->empty()) {
    return malformed(path, "it needs \"cluster\", \"sites\" and \"clients\"");
  }
  ClusterKeys keys{*name, {}, {}};
  for (const json& entry : *sites) {
    Result<SiteKeys> site = read_site(entry);
    if (!site) return malformed(path, site.error().message);
    keys.directory.sites.push_back(std::move(*site));
  }
  if (const Status status = read_clients(*clients, keys); !status) {
    return malformed(path, status.error().message);
  }
  keys.directory.signatures = std::make_shared<Ed25519Verifier>();
  return keys;
}

Result<ServerKeys> load_server_keys(const std::string& path, const ClusterKeys& cluster) {
  const auto document = open_secret(path, kServerFormat, cluster);
  if (!document) return document.error();
  const json& value = (*document)->value();
  const std::optional<std::uint32_t> site = number_at(value, "site");
  const std::optional<std::uint32_t> server = number_at(value, "server");
  const std::vector<SiteKeys>& sites = cluster.directory.sites;
  if (!site || !server || *site >= sites.size() || *server >= sites[*site].servers.size()) {
    return malformed(path, "it names a server that the cluster does not have");
  }
  Result<std::unique_ptr<Ed25519Signer>> signer =
      read_signer(**document, sites[*site].servers[*server]);
  if (!signer) return signer.error();
  const std::optional<SecretBytes> encoded = secret_at(value, "site_share");
  if (!encoded) return malformed(path, "its \"site_share\" is missing or not hexadecimal");
  Result<SiteKeySharePtr> share = decode_site_share(sites[*site].site, *server, encoded->view());
  if (!share) return malformed(path, share.error().message);
  return ServerKeys{{*site, *server}, std::move(*signer), *share};
}

Result<ClientKey> load_client_key(const std::string& path, const ClusterKeys& cluster) {
  const auto document = open_secret(path, kClientFormat, cluster);
  if (!document) return document.error();
  const std::string* name = text_at((*document)->value(), "name");
  const std::vector<std::string>& names = cluster.client_names;
  const auto found = name == nullptr ? names.end() : std::find(names.begin(), names.end(), *name);
  if (found == names.end()) {
    return malformed(path, "it names a client that the cluster does not have");
  }
  const auto index = static_cast<std::size_t>(found - names.begin());
  Result<std::unique_ptr<Ed25519Signer>> signer =
      read_signer(**document, cluster.directory.clients[index]);
  if (!signer) return signer.error();
  return ClientKey{*name, index, std::move(*signer)};
}

Status write_cluster_keys(const std::string& path, const ClusterKeys& cluster) {
  json sites = json::array();
  for (const SiteKeys& site : cluster.directory.sites) {
    json servers = json::array();
    for (const Bytes& server : site.servers) servers.push_back(to_hex(server));
    sites.push_back({{"scheme", site.site->scheme()},
                     {"threshold", site.site->threshold()},
                     {"servers", servers},
                     {"key", to_hex(site.site->encoded())}});
  }
  json clients = json::array();
  for (std::size_t i = 0; i < cluster.client_names.size(); ++i) {
    clients.push_back(
        {{"name", cluster.client_names[i]}, {"key", to_hex(cluster.directory.clients[i])}});
  }
  const json object = {{"format", kClusterFormat},
                       {"cluster", cluster.cluster},
                       {"cluster_id", cluster.directory.cluster_id().hex()},
                       {"sites", sites},
                       {"clients", clients}};
  return write_new_file(path, object.dump(2) + "\n", kPublicFileMode);
}

Status write_server_keys(const std::string& path, const ClusterKeys& cluster, ServerId id,
                         const Ed25519Signer& signer, BytesView site_share) {
  json object = secret_header(kServerFormat, cluster, signer);
  object["site"] = id.site;
  object["server"] = id.server;
  object["site_share"] = to_hex(site_share);
  return write_secret(path, std::move(object));
}

Status write_client_key(const std::string& path, const ClusterKeys& cluster,
                        const std::string& name, const Ed25519Signer& signer) {
  json object = secret_header(kClientFormat, cluster, signer);
  object["name"] = name;
  return write_secret(path, std::move(object));
}

}  // namespace steward::crypto
