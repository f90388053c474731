// crypto/key_files.h and secret_file.h: key files of any content. Where the public file is
// accepted, what is written from it says the same; a secret file that is accepted signs as its
// public key says.
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "crypto/key_file_io.h"
#include "crypto/key_files.h"
#include "crypto/secret_file.h"
#include "fuzz/input.h"

using namespace steward;
using namespace steward::crypto;

namespace {

// In memory where there is such a place: the loaders take paths.
class Folder {
 public:
  Folder() {
    std::string name = std::filesystem::exists("/dev/shm") ? "/dev/shm" : "/tmp";
    name += "/steward-fuzz-XXXXXX";
    STEWARD_CHECK(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  const std::string& path() const { return path_; }
  std::string put(const std::string& name, BytesView content) const {
    const std::string path = path_ + "/" + name;
    std::filesystem::remove(path);
    STEWARD_CHECK(write_new_file(path, content, kSecretFileMode).ok());
    return path;
  }
  std::string empty(const std::string& name) const {
    std::filesystem::remove(path_ + "/" + name);
    return path_ + "/" + name;
  }

 private:
  std::string path_;
};

void check_written(const Folder& folder, const ClusterKeys& keys) {
  const std::string path = folder.empty("written");
  STEWARD_CHECK(write_cluster_keys(path, keys).ok());
  const Result<ClusterKeys> again = load_cluster_keys(path);
  STEWARD_CHECK(again.ok() && again->cluster == keys.cluster);
  STEWARD_CHECK(again->client_names == keys.client_names);
  STEWARD_CHECK(again->directory.cluster_id() == keys.directory.cluster_id());
}

void check_signer(const ClusterKeys& cluster, const Ed25519Signer& signer, BytesView public_key) {
  STEWARD_CHECK(cluster.directory.signatures->verify(public_key, "m", signer.sign("m")));
}

void check_sealed(BytesView content) {
  const Result<SealedLabel> label = read_sealed_label(content);
  if (label) STEWARD_CHECK(is_sealed(content));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Folder kFolder;
  fuzz::Input in(data, size);
  const std::uint8_t kind = in.u8();
  if (kind % 4 == 3) {
    check_sealed(in.rest());
    return 0;
  }
  const BytesView public_content = kind % 4 == 0 ? in.rest() : in.framed();
  const Result<ClusterKeys> cluster = load_cluster_keys(kFolder.put("cluster.pub", public_content));
  if (!cluster) return 0;
  if (kind % 4 == 0) {
    check_written(kFolder, *cluster);
    return 0;
  }
  const Unlock unlock = [](const std::string&, SecretKind) -> Result<FileSecretPtr> {
    return bad_input("nobody knows the passphrase");
  };
  if (kind % 4 == 1) {
    kFolder.put("server.key", in.framed());
    kFolder.put("site.share", in.rest());
    const Result<ServerKeys> server = load_server_keys(kFolder.path(), *cluster, unlock);
    if (!server) return 0;
    const SiteKeys& site = cluster->directory.sites.at(server->id.site);
    check_signer(*cluster, *server->signer, site.servers.at(server->id.server));
    STEWARD_CHECK(server->site_share != nullptr);
  } else {
    kFolder.put("client.key", in.rest());
    const Result<ClientKey> client = load_client_key(kFolder.path(), *cluster, unlock);
    if (client) {
      check_signer(*cluster, *client->signer, cluster->directory.clients.at(client->index));
    }
  }
  return 0;
}
