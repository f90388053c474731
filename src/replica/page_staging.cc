#include "replica/page_staging.h"

#include <algorithm>

namespace steward::replica {

// Numbers other than the newest above the overlay are of no installed snapshot and of no fetch
// under way; their pages are as good as any, as digests tell.
PageMap PageStaging::open(layout::Stored& stored) {
  overlay_ = stored.overlay;
  overlaid_ = std::move(stored.overlaid);
  number_ = overlay_ + 1;
  PageMap found;
  for (auto& [number, pages] : stored.fetched) {
    if (number < number_) continue;
    number_ = number;
    staged_.clear();
    for (auto& [key, content] : pages) {
      const crypto::Digest digest = page_digest(content);
      staged_[key] = digest;
      found[key] = {std::make_shared<const Bytes>(std::move(content)), digest};
    }
  }
  stored.fetched.clear();
  return found;
}

void PageStaging::stage(const PageMap& pages, storage::WriteBatch& batch) {
  for (const auto& [key, page] : pages) {
    staged_[key] = page.digest;
    batch.puts.emplace_back(layout::fetched_key(number_, key), *page.content);
  }
}

void PageStaging::discard(storage::WriteBatch& batch) {
  if (staged_.empty()) return;
  staged_.clear();
  layout::erase_fetched(number_, batch);
}

void PageStaging::install(PageSet& pages, storage::WriteBatch& batch) {
  if (!overlaid_.empty()) {
    discard(batch);
    return save_changes(pages, batch);
  }
  overlay_ = number_++;
  const Pages& now = pages.pages();
  for (const auto& [key, digest] : std::exchange(staged_, {})) {
    const StoredPage* page = find_page(now, key);
    const bool fits = page != nullptr && page->digest == digest && pages.unsaved().contains(key);
    if (fits) {
      overlaid_.insert(key);
      pages.mark_saved(key);
    } else {
      batch.puts.emplace_back(layout::fetched_key(overlay_, key), std::nullopt);
    }
  }
  pages.save_changes(batch);
}

void PageStaging::uncover(const std::set<PageKey>& keys, storage::WriteBatch& batch) {
  for (const PageKey key : keys) {
    if (overlaid_.erase(key) == 0) continue;
    batch.puts.emplace_back(layout::fetched_key(overlay_, key), std::nullopt);
  }
}

void PageStaging::save_changes(PageSet& pages, storage::WriteBatch& batch) {
  uncover(pages.unsaved(), batch);
  pages.save_changes(batch);
}

bool PageStaging::move_some(PageSet& pages, storage::WriteBatch& batch) {
  std::size_t bytes = 0;
  std::set<PageKey> moved;
  const Pages& now = pages.pages();
  for (const PageKey key : overlaid_) {
    if (bytes >= kMoveBytes) break;
    if (pages.unsaved().contains(key)) continue;
    const Bytes& content = *find_page(now, key)->content;
    bytes += content.size();
    batch.puts.emplace_back(layout::page_key(key), content);
    moved.insert(key);
  }
  uncover(moved, batch);
  return !moved.empty() && !overlaid_.empty();
}

}  // namespace steward::replica
