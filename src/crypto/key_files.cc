#include "crypto/key_files.h"

#include <algorithm>
#include <filesystem>

#include "crypto/key_document.h"
#include "crypto/key_file_io.h"
#include "crypto/site_scheme.h"

namespace steward::crypto {
namespace {

using nlohmann::json;

constexpr char kClusterFormat[] = "steward cluster keys 2";
constexpr char kServerFormat[] = "steward server key 2";
constexpr char kClientFormat[] = "steward client key 2";

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
    if (!is_key_name(*name)) return bad_input("the name of a client is no plain name");
    keys.client_names.push_back(*name);
    keys.directory.clients.push_back(*public_key);
    if (flag_at(entry, "operator")) keys.directory.operators.push_back(*public_key);
  }
  return {};
}

// Sees that a secret file belongs to `cluster`.
Result<std::unique_ptr<KeyDocument>> open_identity(const std::string& path, const char* format,
                                                   const ClusterKeys& cluster,
                                                   const Unlock& unlock) {
  Result<OpenedDocument> opened = open_document(path, format, unlock);
  if (!opened) return opened.error();
  const std::string* id = text_at(opened->document->value(), "cluster_id");
  if (id == nullptr || *id != cluster.directory.cluster_id().hex()) {
    return malformed(path, "it belongs to another cluster than \"" + cluster.cluster + "\"");
  }
  return std::move(opened->document);
}

Result<std::unique_ptr<Ed25519Signer>> read_signer(const KeyDocument& document,
                                                   const std::string& path, BytesView public_key) {
  const std::optional<SecretBytes> seed = secret_at(document.value(), "seed");
  if (!seed) return malformed(path, "its \"seed\" is missing or not hexadecimal");
  Result<std::unique_ptr<Ed25519Signer>> signer = Ed25519Signer::from_seed(seed->view());
  if (!signer) return malformed(path, signer.error().message);
  if ((*signer)->public_key() != public_key) {
    return malformed(path, "its secret does not match the public key of the cluster");
  }
  return signer;
}

Status write_secret(const std::string& path, json object, const SealingKeyPtr& protection) {
  const KeyDocument document(std::move(object));
  return write_new_file(path,
                        seal_with(protection, document.label(), document.text().view()).view(),
                        kSecretFileMode);
}

json secret_header(const char* format, const ClusterKeys& cluster, const Ed25519Signer& signer) {
  return {{"format", format},
          {"cluster", cluster.cluster},
          {"cluster_id", cluster.directory.cluster_id().hex()},
          {"seed", to_hex(signer.copy_secret_seed().view())}};
}

Result<std::string> find_folder(const std::string& directory, const std::string& folder,
                                const std::string& file) {
  std::error_code ignored;
  for (const std::string& candidate : {directory, folder}) {
    if (std::filesystem::exists(candidate + file, ignored)) return candidate;
  }
  return Error{ErrorCode::kNotFound,
               "no such key: there is neither " + directory + file + " nor " + folder + file};
}

}  // namespace

bool is_key_name(const std::string& name) {
  constexpr std::string_view kAllowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
  return !name.empty() && name.size() <= 64 &&
         name.find_first_not_of(kAllowed) == std::string::npos;
}

std::string cluster_keys_path(const std::string& folder) { return folder + "/cluster.pub"; }
std::string server_key_path(const std::string& folder) { return folder + "/server.key"; }
std::string share_path(const std::string& folder) { return folder + "/site.share"; }
std::string client_key_path(const std::string& folder) { return folder + "/client.key"; }
std::string site_pem_path(const std::string& directory, SiteId site) {
  return directory + "/site-" + std::to_string(site) + ".pem";
}
std::string fingerprints_path(const std::string& directory) {
  return directory + "/fingerprints.txt";
}
std::string server_folder(const std::string& directory, ServerId id) {
  return directory + "/server-" + std::to_string(id.site) + "-" + std::to_string(id.server);
}
std::string client_folder(const std::string& directory, const std::string& name) {
  return directory + "/client-" + name;
}

Result<std::string> find_server_folder(const std::string& directory, ServerId id) {
  return find_folder(directory, server_folder(directory, id), "/server.key");
}
Result<std::string> find_client_folder(const std::string& directory, const std::string& name) {
  return find_folder(directory, client_folder(directory, name), "/client.key");
}

Result<ClusterKeys> load_cluster_keys(const std::string& path) {
  const Result<SecretBytes> content = read_public_file(path);
  if (!content) return content.error();
  const Result<std::unique_ptr<KeyDocument>> document =
      KeyDocument::parse(path, content->view(), kClusterFormat);
  if (!document) return document.error();
  const json& value = (*document)->value();
  const std::string* name = text_at(value, "cluster");
  const json* sites = list_at(value, "sites");
  const json* clients = list_at(value, "clients");
  if (name == nullptr || sites == nullptr || clients == nullptr || sites->empty()) {
    return malformed(path, "it needs \"cluster\", \"sites\" and \"clients\"");
  }
  if (!is_key_name(*name)) return malformed(path, "the cluster's name is no plain name");
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
  const std::string* id = text_at(value, "cluster_id");
  if (id == nullptr || *id != keys.directory.cluster_id().hex()) {
    return malformed(path, "its \"cluster_id\" is not that of the keys in it");
  }
  return keys;
}

Result<ServerKeys> load_server_keys(const std::string& folder, const ClusterKeys& cluster,
                                    const Unlock& unlock) {
  const std::string path = server_key_path(folder);
  const auto document = open_identity(path, kServerFormat, cluster, unlock);
  if (!document) return document.error();
  const json& value = (*document)->value();
  const std::optional<std::uint32_t> site = number_at(value, "site");
  const std::optional<std::uint32_t> server = number_at(value, "server");
  const std::vector<SiteKeys>& sites = cluster.directory.sites;
  if (!site || !server || *site >= sites.size() || *server >= sites[*site].servers.size()) {
    return malformed(path, "it names a server that the cluster does not have");
  }
  const ServerId id{*site, *server};
  Result<std::unique_ptr<Ed25519Signer>> signer =
      read_signer(**document, path, sites[*site].servers[*server]);
  if (!signer) return signer.error();
  auto share_file = ShareFile::open(share_path(folder), cluster, unlock);
  if (!share_file) return share_file.error();
  if ((*share_file)->server() != id) {
    return malformed(share_path(folder), "it is the share of server " +
                                             to_string((*share_file)->server()) + ", and the key " +
                                             path + " that of server " + to_string(id));
  }
  SiteKeySharePtr share = (*share_file)->share();
  return ServerKeys{id, std::move(*signer), std::move(share), *share_file};
}

Result<ClientKey> load_client_key(const std::string& folder, const ClusterKeys& cluster,
                                  const Unlock& unlock) {
  const std::string path = client_key_path(folder);
  const auto document = open_identity(path, kClientFormat, cluster, unlock);
  if (!document) return document.error();
  const std::string* name = text_at((*document)->value(), "name");
  const std::vector<std::string>& names = cluster.client_names;
  const auto found = name == nullptr ? names.end() : std::find(names.begin(), names.end(), *name);
  if (found == names.end()) {
    return malformed(path, "it names a client that the cluster does not have");
  }
  const auto index = static_cast<std::size_t>(found - names.begin());
  Result<std::unique_ptr<Ed25519Signer>> signer =
      read_signer(**document, path, cluster.directory.clients[index]);
  if (!signer) return signer.error();
  return ClientKey{*name, index, std::move(*signer)};
}

Status write_cluster_keys(const std::string& path, const ClusterKeys& cluster) {
  const KeyDirectory& directory = cluster.directory;
  json sites = json::array();
  for (const SiteKeys& site : directory.sites) {
    json servers = json::array();
    for (const Bytes& server : site.servers) servers.push_back(to_hex(server));
    sites.push_back({{"scheme", site.site->scheme()},
                     {"threshold", site.site->threshold()},
                     {"epoch", site.site->epoch()},
                     {"servers", servers},
                     {"key", to_hex(site.site->encoded())}});
  }
  json clients = json::array();
  for (std::size_t i = 0; i < cluster.client_names.size(); ++i) {
    clients.push_back({{"name", cluster.client_names[i]},
                       {"operator", directory.is_operator(directory.clients[i])},
                       {"key", to_hex(directory.clients[i])}});
  }
  const json object = {{"format", kClusterFormat},
                       {"cluster", cluster.cluster},
                       {"cluster_id", directory.cluster_id().hex()},
                       {"sites", sites},
                       {"clients", clients}};
  return write_new_file(path, object.dump(2) + "\n", kPublicFileMode);
}

Status write_server_key(const std::string& path, const ClusterKeys& cluster, ServerId id,
                        const Ed25519Signer& signer, const SealingKeyPtr& protection) {
  json object = secret_header(kServerFormat, cluster, signer);
  object["site"] = id.site;
  object["server"] = id.server;
  return write_secret(path, std::move(object), protection);
}

Status write_client_key(const std::string& path, const ClusterKeys& cluster,
                        const std::string& name, const Ed25519Signer& signer,
                        const SealingKeyPtr& protection) {
  json object = secret_header(kClientFormat, cluster, signer);
  object["name"] = name;
  return write_secret(path, std::move(object), protection);
}

Result<KeyFileFacts> read_key_file_facts(const std::string& path) {
  const Result<SecretBytes> content = read_public_file(path);
  if (!content) return content.error();
  if (is_sealed(content->view())) {
    Result<SealedLabel> sealed = read_sealed_label(content->view());
    if (!sealed) return Error{sealed.error().code, path + ": " + sealed.error().message};
    return KeyFileFacts{std::move(sealed->label), true, sealed->kind};
  }
  const KeyDocument document(json::parse(content->view(), nullptr, false));
  KeyFileFacts facts{document.label(), false, SecretKind::kPassphrase};
  if (facts.label["format"].rfind("steward ", 0) == 0) return facts;
  return malformed(path, "it is damaged, or not JSON of this program");
}

Status protect_key_file(const std::string& path, const Unlock& unlock,
                        const SealingKeyPtr& protection) {
  remove_interrupted_replacement(path);
  const Result<OpenedFile> opened = open_secret_file(path, unlock);
  if (!opened) return opened.error();
  const KeyDocument document(json::parse(opened->content.view(), nullptr, false));
  const SecretLabel label = document.label();
  const auto format = label.find("format");
  if (format == label.end() || (format->second.find(" key ") == std::string::npos &&
                                format->second.find(" share ") == std::string::npos)) {
    return malformed(path, "it is no secret file of this program");
  }
  return replace_secret_file(path, seal_with(protection, label, opened->content.view()).view());
}

}  // namespace steward::crypto
