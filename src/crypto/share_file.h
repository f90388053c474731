// A server's share of its site's key, in a file of its own (site.share) because shares are renewed.
// JSON as in key_files.h; the protection it was found with stays.
#pragma once

#include <memory>
#include <string>

#include "common/ids.h"
#include "crypto/secret_file.h"
#include "crypto/site_key.h"

namespace steward::crypto {

struct ClusterKeys;

// Thread-compatible; replacements follow one another.
class ShareFile {
 public:
  // Removes what an interrupted replacement left. Refuses a share that is not of the cluster and of
  // the server it names. One that was renewed since cluster.pub was made is checked as far as that
  // key allows (BlsKeyShare::decode_any_epoch).
  static Result<std::shared_ptr<const ShareFile>> open(const std::string& path,
                                                       const ClusterKeys& cluster,
                                                       const Unlock& unlock);

  ServerId server() const { return id_; }
  // As it was when the file was opened.
  const SiteKeySharePtr& share() const { return share_; }

  // What the file is sealed with; null when it is not protected.
  const SealingKeyPtr& protection() const { return protection_; }

  // The encoding of a renewed share takes the place of the old one, at once and durably; the old
  // one is overwritten with zeros as far as the disk allows (replace_secret_file).
  Status replace(const SecretBytes& encoded_share) const;

  // Never replaces a file. `protection` may be null.
  static Status create(const std::string& path, const ClusterKeys& cluster, ServerId id,
                       const SiteKeyShare& share, const SealingKeyPtr& protection);

 private:
  ShareFile() = default;

  std::string path_;
  std::string cluster_;
  std::string cluster_id_;
  ServerId id_;
  SitePublicKeyPtr key_;
  SiteKeySharePtr share_;
  SealingKeyPtr protection_;
};

}  // namespace steward::crypto
