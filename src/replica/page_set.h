// A server's state as pages with digests, in groups of 256 consecutive keys, each with a digest of
// its own; the root over the groups is what a site certifies. Groups are shared between copies and
// copied when they are first changed after one, so that a checkpoint costs what has changed since
// the last and a copy costs the top level: one entry for each group. Groups without pages do not
// exist, so equal pages have equal roots, however they came to be. Not thread-safe.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include "common/bytes.h"
#include "common/ids.h"
#include "crypto/sha256.h"
#include "steward/state_machine.h"
#include "storage/store.h"

namespace steward::replica {

struct StoredPage {
  std::shared_ptr<const Bytes> content;
  crypto::Digest digest;
};
using PageMap = std::map<PageKey, StoredPage>;

using GroupKey = std::uint32_t;
constexpr unsigned kGroupBits = 8;
constexpr GroupKey group_of(PageKey key) { return key >> kGroupBits; }

struct PageGroup {
  PageMap pages;  // at least one
  crypto::Digest digest;
};
using Pages = std::map<GroupKey, std::shared_ptr<const PageGroup>>;

crypto::Digest page_digest(BytesView content);
std::shared_ptr<const PageGroup> make_group(GroupKey group, PageMap pages);
const StoredPage* find_page(const Pages& pages, PageKey key);  // nullptr: there is none

// The Merkle root over (group, digest) of all pages from `first` on.
crypto::Digest pages_root(const Pages& pages, PageKey first = 0);

// As it travels. A list of groups: key (32 bits) and digest of each, ascending; its root is
// pages_root of the pages. A group: the low bits of the key (8 bits) and the digest of each page,
// ascending; group_digest over it is the group's digest. Decoding gives nullopt for what does not
// read like this or is empty where it may not be.
using GroupDigests = std::map<GroupKey, crypto::Digest>;
using PageDigests = std::map<PageKey, crypto::Digest>;
Bytes encode_groups(const Pages& pages);
std::optional<GroupDigests> decode_groups(BytesView bytes);
crypto::Digest groups_root(const GroupDigests& groups);
Bytes encode_group(const PageMap& pages);
std::optional<PageDigests> decode_group(GroupKey group, BytesView bytes);
crypto::Digest group_digest(GroupKey group, BytesView encoded);

// Visits what makes `from` into `to`, of the pages from `first` on, with keys relative to it, group
// by group. Groups with equal digests are not looked into. Ends with false when `visit` gives it.
bool visit_differences(const Pages& from, const Pages& to, PageKey first,
                       const std::function<bool(const PageChanges&)>& visit);

class PageSet {
 public:
  // Page keys of `changes` are relative to `base`. Unchanged contents are noticed and left alone.
  void apply(const PageChanges& changes, PageKey base);

  crypto::Digest root(PageKey first = 0) { return pages_root(pages(), first); }
  // A copy of it is a snapshot. Digests of the groups changed since the last call are computed.
  const Pages& pages();

  // Contents with keys from `first` up to `end` (0: to the last), relative to `first`.
  std::map<PageKey, Bytes> range(PageKey first, PageKey end);

  // Pages changed since the last save_changes, which adds them to `batch`, for the store.
  const std::set<PageKey>& unsaved() const { return unsaved_; }
  void save_changes(storage::WriteBatch& batch);
  // This page is in the store as it is here.
  void mark_saved(PageKey key) { unsaved_.erase(key); }

  // Replaces everything; what differs is to be saved.
  void replace(Pages pages);
  // As it was stored.
  void load(std::map<PageKey, Bytes> contents);

 private:
  const StoredPage* find(PageKey key) const;
  PageMap& open(GroupKey group);

  Pages sealed_;                      // but for the groups in open_
  std::map<GroupKey, PageMap> open_;  // changed since pages() was called
  std::set<PageKey> unsaved_;
};

}  // namespace steward::replica
