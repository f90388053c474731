// A server's state as pages with digests, and copies of it at checkpoints. Contents are shared
// between copies, so that keeping one costs what has changed since. Not thread-safe.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>

#include "common/bytes.h"
#include "common/ids.h"
#include "crypto/sha256.h"
#include "steward/state_machine.h"
#include "storage/store.h"
#include "wire/state.pb.h"

namespace steward::replica {

struct StoredPage {
  std::shared_ptr<const Bytes> content;
  crypto::Digest digest;
};
using Pages = std::map<PageKey, StoredPage>;

crypto::Digest page_digest(BytesView content);

// The Merkle root over (key, digest) of all pages from `first` on.
crypto::Digest pages_root(const Pages& pages, PageKey first = 0);

wire::Manifest manifest(Sequence sequence, const Pages& pages);
// Root and digests of a manifest as received; nullopt when it is malformed or not in order.
struct ManifestContent {
  std::map<PageKey, crypto::Digest> digests;
  crypto::Digest root;
};
std::optional<ManifestContent> read_manifest(const wire::Manifest& manifest);

class PageSet {
 public:
  // Page keys of `changes` are relative to `base`. Unchanged contents are noticed and left alone.
  void apply(const PageChanges& changes, PageKey base);

  crypto::Digest root(PageKey first = 0) const { return pages_root(pages_, first); }
  const Pages& pages() const { return pages_; }

  // Contents with keys from `first` up to `end` (0: to the last), relative to `first`.
  std::map<PageKey, Bytes> range(PageKey first, PageKey end) const;

  // Adds the pages changed since the last call to `batch`, for the store.
  void save_changes(storage::WriteBatch& batch);

  // Replaces everything; the next save_changes writes all of it.
  void replace(Pages pages);
  // As it was stored.
  void load(std::map<PageKey, Bytes> contents);

 private:
  Pages pages_;
  std::set<PageKey> unsaved_;
};

}  // namespace steward::replica
