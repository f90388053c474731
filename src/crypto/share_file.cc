#include "crypto/share_file.h"

#include "crypto/bls.h"
#include "crypto/key_document.h"
#include "crypto/key_file_io.h"
#include "crypto/key_files.h"
#include "crypto/site_scheme.h"

namespace steward::crypto {
namespace {

using nlohmann::json;

constexpr char kFormat[] = "steward site share 1";

// Of any epoch where shares are renewed while the cluster runs; else of that of the key.
Result<SiteKeySharePtr> decode_share(const SitePublicKeyPtr& key, ServerIndex server,
                                     BytesView encoded) {
  const auto bls = std::dynamic_pointer_cast<const BlsPublicKey>(key);
  if (!bls) return decode_site_share(key, server, encoded);
  const auto share = BlsKeyShare::decode_any_epoch(bls, server, encoded);
  if (!share) return share.error();
  if ((*share)->epoch() == key->epoch()) return decode_site_share(key, server, encoded);
  if ((*share)->epoch() < key->epoch()) {
    return bad_input("the share is of epoch " + std::to_string((*share)->epoch()) +
                     ", older than that of cluster.pub");
  }
  return SiteKeySharePtr(*share);
}

json share_document(const std::string& cluster, const std::string& cluster_id, ServerId id,
                    ShareEpoch epoch, BytesView encoded) {
  return {{"format", kFormat},       {"cluster", cluster},  {"cluster_id", cluster_id},
          {"site", id.site},         {"server", id.server}, {"epoch", epoch},
          {"share", to_hex(encoded)}};
}

}  // namespace

Result<std::shared_ptr<const ShareFile>> ShareFile::open(const std::string& path,
                                                         const ClusterKeys& cluster,
                                                         const Unlock& unlock) {
  remove_interrupted_replacement(path);
  Result<OpenedDocument> opened = open_document(path, kFormat, unlock);
  if (!opened) return opened.error();
  const json& value = opened->document->value();
  const std::shared_ptr<ShareFile> file(new ShareFile);
  file->path_ = path;
  file->cluster_ = cluster.cluster;
  file->cluster_id_ = cluster.directory.cluster_id().hex();
  file->protection_ = opened->key;
  const std::string* cluster_id = text_at(value, "cluster_id");
  if (cluster_id == nullptr || *cluster_id != file->cluster_id_) {
    return malformed(path, "it belongs to another cluster than \"" + cluster.cluster + "\"");
  }
  const std::optional<std::uint32_t> site = number_at(value, "site");
  const std::optional<std::uint32_t> server = number_at(value, "server");
  const std::vector<SiteKeys>& sites = cluster.directory.sites;
  if (!site || !server || *site >= sites.size() || *server >= sites[*site].servers.size()) {
    return malformed(path, "it names a server that the cluster does not have");
  }
  file->id_ = {*site, *server};
  file->key_ = sites[*site].site;
  const std::optional<SecretBytes> encoded = secret_at(value, "share");
  if (!encoded) return malformed(path, "its \"share\" is missing or not hexadecimal");
  Result<SiteKeySharePtr> share = decode_share(file->key_, *server, encoded->view());
  if (!share) return malformed(path, share.error().message);
  file->share_ = *share;
  return std::shared_ptr<const ShareFile>(file);
}

Status ShareFile::replace(const SecretBytes& encoded_share) const {
  const Result<SiteKeySharePtr> share = decode_share(key_, id_.server, encoded_share.view());
  if (!share) {
    return Error{share.error().code, "the renewed share does not fit: " + share.error().message};
  }
  const KeyDocument document(
      share_document(cluster_, cluster_id_, id_, (*share)->epoch(), encoded_share.view()));
  return replace_secret_file(
      path_, seal_with(protection_, document.label(), document.text().view()).view());
}

Status ShareFile::create(const std::string& path, const ClusterKeys& cluster, ServerId id,
                         const SiteKeyShare& share, const SealingKeyPtr& protection) {
  const KeyDocument document(share_document(cluster.cluster, cluster.directory.cluster_id().hex(),
                                            id, share.epoch(), share.encoded().view()));
  return write_new_file(path,
                        seal_with(protection, document.label(), document.text().view()).view(),
                        kSecretFileMode);
}

}  // namespace steward::crypto
