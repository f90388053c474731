#include "crypto/keygen.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <set>

#include "crypto/key_file_io.h"
#include "crypto/key_files.h"

namespace steward::crypto {
namespace {

struct SiteSecrets {
  SiteKeyDeal deal;
  std::vector<std::unique_ptr<Ed25519Signer>> servers;
};

bool is_file_name(const std::string& name) {
  constexpr std::string_view kAllowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
  return !name.empty() && name.size() <= 64 &&
         name.find_first_not_of(kAllowed) == std::string::npos;
}

Status check_spec(const ClusterKeySpec& spec) {
  if (spec.sites.empty()) return bad_input("a cluster needs at least one site");
  for (const SiteKeySpec& site : spec.sites) {
    if (Status status = check_site_key_spec(site); !status) return status;
  }
  std::set<std::string> names;
  for (const std::string& client : spec.clients) {
    if (!is_file_name(client)) {
      return bad_input("the client name \"" + client +
                       "\" must be 1 to 64 letters, digits, '.', '_' or '-'");
    }
    if (!names.insert(client).second) {
      return bad_input("the client name \"" + client + "\" is given twice");
    }
  }
  return {};
}

Status prepare_directory(const ClusterKeySpec& spec, const std::string& directory) {
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
    return Error{ErrorCode::kIo,
                 "cannot create the directory " + directory + ": " + std::strerror(errno)};
  }
  std::vector<std::string> paths = {cluster_keys_path(directory)};
  for (SiteId site = 0; site < spec.sites.size(); ++site) {
    paths.push_back(site_pem_path(directory, site));
    for (ServerIndex server = 0; server < spec.sites[site].servers; ++server) {
      paths.push_back(server_key_path(directory, {site, server}));
    }
  }
  for (const std::string& client : spec.clients) {
    paths.push_back(client_key_path(directory, client));
  }
  for (const std::string& path : paths) {
    std::error_code ignored;
    if (std::filesystem::exists(std::filesystem::symlink_status(path, ignored))) {
      return Error{ErrorCode::kPermission,
                   path + " exists, and keys are never overwritten: choose an empty directory"};
    }
  }
  return {};
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

Status write_site(const std::string& directory, const ClusterKeys& keys, SiteId id,
                  const SiteSecrets& site) {
  for (ServerIndex server = 0; server < site.servers.size(); ++server) {
    const ServerId server_id{id, server};
    Status status =
        write_server_keys(server_key_path(directory, server_id), keys, server_id,
                          *site.servers[server], site.deal.shares[server]->encoded().view());
    if (!status) return status;
  }
  const Bytes pem = site.deal.key->pem();
  if (pem.empty()) return {};
  return write_new_file(site_pem_path(directory, id), pem, kPublicFileMode);
}

}  // namespace

Status generate_cluster_keys(const ClusterKeySpec& spec, const std::string& directory,
                             const KeygenProgress& progress) {
  if (Status status = check_spec(spec); !status) return status;
  if (Status status = prepare_directory(spec, directory); !status) return status;

  ClusterKeys keys{spec.cluster, spec.clients, {}};
  std::vector<SiteSecrets> sites;
  for (SiteId id = 0; id < spec.sites.size(); ++id) {
    Result<SiteSecrets> site = make_site(id, spec.sites[id], progress);
    if (!site) return site.error();
    SiteKeys site_keys{{}, site->deal.key};
    for (const auto& server : site->servers) site_keys.servers.push_back(server->public_key());
    keys.directory.sites.push_back(std::move(site_keys));
    sites.push_back(std::move(*site));
  }
  std::vector<std::unique_ptr<Ed25519Signer>> clients;
  for (std::size_t i = 0; i < spec.clients.size(); ++i) {
    clients.push_back(Ed25519Signer::generate());
    keys.directory.clients.push_back(clients.back()->public_key());
  }

  for (SiteId id = 0; id < sites.size(); ++id) {
    if (Status status = write_site(directory, keys, id, sites[id]); !status) return status;
  }
  for (std::size_t i = 0; i < clients.size(); ++i) {
    Status status = write_client_key(client_key_path(directory, spec.clients[i]), keys,
                                     spec.clients[i], *clients[i]);
    if (!status) return status;
  }
  return write_cluster_keys(cluster_keys_path(directory), keys);
}

}  // namespace steward::crypto
