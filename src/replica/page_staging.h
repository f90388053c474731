// Where the pages of a fetched snapshot are in the store. As they come they are written beside the
// snapshot that the store holds, unsynced, under a number of their own (store_layout.h): a server
// that restarts in the middle finds them, and uses those that fit what it fetches then.
//
// Installing costs no batch as large as the state. The marker of the new snapshot names the number,
// and by that the fetched pages stand over the stored ones: they are its overlay. One batch holds
// the marker, and whatever else differs: pages that are gone, and pages that the server had in
// memory only. From then on the overlay is moved to where pages belong, kMoveBytes at a time, and a
// checkpoint takes out what it writes. Each of these batches leaves the same snapshot, so a crash
// between any two of them finds the old one or the new one and no mixture.
//
// There is one overlay at a time. What is fetched while an earlier one has not been moved yet goes
// into the batch of its installation; under load that is what changed during one round
// (state_fetch.h), in the worst case the state. Not thread-safe.
#pragma once

#include <map>
#include <set>

#include "replica/page_set.h"
#include "replica/store_layout.h"

namespace steward::replica {

class PageStaging {
 public:
  static constexpr std::size_t kMoveBytes = 1 << 20;

  // Takes over what a store held: the overlay, and fetched pages, which it gives back with their
  // digests, for use in the next fetch.
  PageMap open(layout::Stored& stored);

  // Writes pages that were fetched.
  void stage(const PageMap& pages, storage::WriteBatch& batch);
  bool empty() const { return staged_.empty(); }
  // Nobody needs them any more.
  void discard(storage::WriteBatch& batch);

  // `pages` was replaced by a fetched snapshot: adds all that makes it the stored one to `batch`,
  // but for its marker, and leaves nothing unsaved.
  void install(PageSet& pages, storage::WriteBatch& batch);
  // As PageSet::save_changes, for a checkpoint.
  void save_changes(PageSet& pages, storage::WriteBatch& batch);
  std::uint64_t overlay() const { return overlaid_.empty() ? 0 : overlay_; }  // for the marker

  // Moves some of the overlay. Pages changed since the last checkpoint are left to the next one.
  // False when nothing more can be moved now.
  bool move_some(PageSet& pages, storage::WriteBatch& batch);

 private:
  void uncover(const std::set<PageKey>& keys, storage::WriteBatch& batch);

  std::uint64_t number_ = 1;  // of what is staged now; above overlay_
  std::map<PageKey, crypto::Digest> staged_;
  std::uint64_t overlay_ = 0;
  std::set<PageKey> overlaid_;
};

}  // namespace steward::replica
