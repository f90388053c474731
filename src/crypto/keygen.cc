#include "crypto/keygen.h"

#include <filesystem>
#include <set>

#include "crypto/fingerprint.h"
#include "crypto/key_file_io.h"
#include "crypto/key_files.h"

namespace steward::crypto {
namespace {

struct SiteSecrets {
  SiteKeyDeal deal;
  std::vector<std::unique_ptr<Ed25519Signer>> servers;
};

// All keys of the cluster while they are made.
struct Secrets {
  ClusterKeys keys;
  std::vector<SiteSecrets> sites;
  std::vector<std::unique_ptr<Ed25519Signer>> clients;  // parallel to keys.client_names
};

Status check_spec(const ClusterKeySpec& spec) {
  if (!is_key_name(spec.cluster)) return bad_input("a cluster needs a plain name");
  if (spec.sites.empty()) return bad_input("a cluster needs at least one site");
  for (const SiteKeySpec& site : spec.sites) {
    if (Status status = check_site_key_spec(site); !status) return status;
  }
  std::set<std::string> names;
  for (const auto* list : {&spec.clients, &spec.operators}) {
    for (const std::string& client : *list) {
      if (!is_key_name(client)) {
        return bad_input("the client name \"" + client +
                         "\" must be 1 to 64 letters, digits, '.', '_' or '-'");
      }
      if (!names.insert(client).second) {
        return bad_input("the client name \"" + client + "\" is given twice");
      }
    }
  }
  return {};
}

Status prepare_directory(const std::string& directory) {
  std::error_code failed;
  if (!std::filesystem::exists(directory, failed)) return make_new_directory(directory);
  if (std::filesystem::is_empty(directory, failed) && !failed) return {};
  return Error{ErrorCode::kPermission,
               directory + " is not empty, and keys are never overwritten: choose another"};
}

Result<SiteSecrets> make_site(SiteId id, const SiteKeySpec& spec, const KeygenProgress& progress) {
  const auto report = [&](std::uint64_t candidates) {
    if (progress) progress(id, candidates);
  };
  report(0);
  Result<SiteKeyDeal> deal = deal_site_key(spec, report);
  if (!deal) return deal.error();
  SiteSecrets site{std::move(*deal), {}};
  for (ServerIndex server = 0; server < spec.servers; ++server) {
    site.servers.push_back(Ed25519Signer::generate());
  }
  return site;
}

void make_client(Secrets& secrets, const std::string& name) {
  secrets.clients.push_back(Ed25519Signer::generate());
  secrets.keys.client_names.push_back(name);
  secrets.keys.directory.clients.push_back(secrets.clients.back()->public_key());
}

Result<Secrets> make_all(const ClusterKeySpec& spec, const KeygenProgress& progress) {
  Secrets secrets;
  secrets.keys.cluster = spec.cluster;
  KeyDirectory& directory = secrets.keys.directory;
  for (SiteId id = 0; id < spec.sites.size(); ++id) {
    Result<SiteSecrets> site = make_site(id, spec.sites[id], progress);
    if (!site) return site.error();
    SiteKeys site_keys{{}, site->deal.key};
    for (const auto& server : site->servers) site_keys.servers.push_back(server->public_key());
    directory.sites.push_back(std::move(site_keys));
    secrets.sites.push_back(std::move(*site));
  }
  for (const std::string& name : spec.clients) make_client(secrets, name);
  for (const std::string& name : spec.operators) {
    make_client(secrets, name);
    directory.operators.push_back(directory.clients.back());
  }
  return secrets;
}

Status write_server(const std::string& directory, const Secrets& secrets, ServerId id,
                    const SealingKeyPtr& protection) {
  const SiteSecrets& site = secrets.sites[id.site];
  const std::string folder = server_folder(directory, id);
  if (Status status = make_new_directory(folder); !status) return status;
  Status status = write_server_key(server_key_path(folder), secrets.keys, id,
                                   *site.servers[id.server], protection);
  if (!status) return status;
  status = ShareFile::create(share_path(folder), secrets.keys, id, *site.deal.shares[id.server],
                             protection);
  if (!status) return status;
  return write_cluster_keys(cluster_keys_path(folder), secrets.keys);
}

Status write_client(const std::string& directory, const Secrets& secrets, std::size_t index,
                    const SealingKeyPtr& protection) {
  const std::string& name = secrets.keys.client_names[index];
  const std::string folder = client_folder(directory, name);
  if (Status status = make_new_directory(folder); !status) return status;
  Status status = write_client_key(client_key_path(folder), secrets.keys, name,
                                   *secrets.clients[index], protection);
  if (!status) return status;
  return write_cluster_keys(cluster_keys_path(folder), secrets.keys);
}

Status write_all(const std::string& directory, const Secrets& secrets,
                 const SealingKeyPtr& protection) {
  for (SiteId site = 0; site < secrets.sites.size(); ++site) {
    for (ServerIndex server = 0; server < secrets.sites[site].servers.size(); ++server) {
      Status status = write_server(directory, secrets, {site, server}, protection);
      if (!status) return status;
    }
    const Bytes pem = secrets.sites[site].deal.key->pem();
    if (pem.empty()) continue;
    Status status = write_new_file(site_pem_path(directory, site), pem, kPublicFileMode);
    if (!status) return status;
  }
  for (std::size_t i = 0; i < secrets.clients.size(); ++i) {
    if (Status status = write_client(directory, secrets, i, protection); !status) return status;
  }
  Status status = write_new_file(fingerprints_path(directory), fingerprint_sheet(secrets.keys),
                                 kPublicFileMode);
  if (!status) return status;
  return write_cluster_keys(cluster_keys_path(directory), secrets.keys);
}

}  // namespace

Status generate_cluster_keys(const ClusterKeySpec& spec, const std::string& directory,
                             const FileSecretPtr& protection, const KeygenProgress& progress) {
  if (Status status = check_spec(spec); !status) return status;
  if (Status status = prepare_directory(directory); !status) return status;
  const Result<Secrets> secrets = make_all(spec, progress);
  if (!secrets) return secrets.error();
  // One key for all files: one secret opens them anyway, and it takes its time to derive.
  const SealingKeyPtr key = protection == nullptr ? nullptr : SealingKey::derive(*protection);
  return write_all(directory, *secrets, key);
}

}  // namespace steward::crypto
