#include "replica/page_set.h"

#include "crypto/merkle.h"
#include "replica/store_layout.h"
#include "wire/limits.h"

namespace steward::replica {
namespace {

crypto::Digest entry_leaf(PageKey key, const crypto::Digest& digest) {
  Bytes entry;
  append_u32(entry, key);
  entry.append(digest.view());
  return crypto::merkle_leaf(entry);
}

crypto::Digest root_of(std::vector<crypto::Digest> leaves) {
  if (leaves.empty()) return crypto::sha256("steward/no pages");
  return crypto::MerkleTree(std::move(leaves)).root();
}

}  // namespace

crypto::Digest page_digest(BytesView content) {
  return crypto::sha256_parts({"steward/page", content});
}

crypto::Digest pages_root(const Pages& pages, PageKey first) {
  std::vector<crypto::Digest> leaves;
  leaves.reserve(pages.size());
  for (auto it = pages.lower_bound(first); it != pages.end(); ++it) {
    leaves.push_back(entry_leaf(it->first, it->second.digest));
  }
  return root_of(std::move(leaves));
}

wire::Manifest manifest(Sequence sequence, const Pages& pages) {
  wire::Manifest out;
  out.set_sequence(sequence);
  for (const auto& [key, page] : pages) {
    wire::PageRef* ref = out.add_pages();
    ref->set_key(key);
    ref->set_digest(page.digest.str());
  }
  return out;
}

std::optional<ManifestContent> read_manifest(const wire::Manifest& manifest) {
  if (static_cast<std::size_t>(manifest.pages_size()) > limits::kMaxManifestPages) {
    return std::nullopt;
  }
  ManifestContent content;
  std::vector<crypto::Digest> leaves;
  for (const wire::PageRef& ref : manifest.pages()) {
    const auto digest = crypto::Digest::from(ref.digest());
    const bool ordered = content.digests.empty() || content.digests.rbegin()->first < ref.key();
    if (!digest || !ordered) return std::nullopt;
    content.digests.emplace_hint(content.digests.end(), ref.key(), *digest);
    leaves.push_back(entry_leaf(ref.key(), *digest));
  }
  content.root = root_of(std::move(leaves));
  return content;
}

void PageSet::apply(const PageChanges& changes, PageKey base) {
  for (const auto& [relative, content] : changes) {
    const PageKey key = base + relative;
    if (!content) {
      if (pages_.erase(key) > 0) unsaved_.insert(key);
      continue;
    }
    StoredPage& page = pages_[key];
    if (page.content && *page.content == *content) continue;
    page.content = std::make_shared<const Bytes>(*content);
    page.digest = page_digest(*content);
    unsaved_.insert(key);
  }
}

std::map<PageKey, Bytes> PageSet::range(PageKey first, PageKey end) const {
  std::map<PageKey, Bytes> out;
  const auto last = end == 0 ? pages_.end() : pages_.lower_bound(end);
  for (auto it = pages_.lower_bound(first); it != last; ++it) {
    out.emplace_hint(out.end(), it->first - first, *it->second.content);
  }
  return out;
}

void PageSet::save_changes(storage::WriteBatch& batch) {
  for (const PageKey key : unsaved_) {
    const auto page = pages_.find(key);
    if (page == pages_.end()) {
      batch.puts.emplace_back(layout::page_key(key), std::nullopt);
    } else {
      batch.puts.emplace_back(layout::page_key(key), *page->second.content);
    }
  }
  unsaved_.clear();
}

void PageSet::replace(Pages pages) {
  for (const auto& [key, page] : pages_) unsaved_.insert(key);
  pages_ = std::move(pages);
  for (const auto& [key, page] : pages_) unsaved_.insert(key);
}

void PageSet::load(std::map<PageKey, Bytes> contents) {
  pages_.clear();
  unsaved_.clear();
  for (auto& [key, content] : contents) {
    const crypto::Digest digest = page_digest(content);
    pages_[key] = {std::make_shared<const Bytes>(std::move(content)), digest};
  }
}

}  // namespace steward::replica
