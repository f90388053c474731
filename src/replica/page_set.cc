#include "replica/page_set.h"

#include "crypto/merkle.h"
#include "replica/store_layout.h"
#include "wire/limits.h"

namespace steward::replica {
namespace {

constexpr std::size_t kDigestBytes = 32;
constexpr std::size_t kGroupEntryBytes = 4 + kDigestBytes;
constexpr std::size_t kPageEntryBytes = 1 + kDigestBytes;
constexpr PageKey kPagesPerGroup = 1U << kGroupBits;
static_assert(kPagesPerGroup == 256, "a page's place in its group is one byte");

crypto::Digest group_leaf(GroupKey group, const crypto::Digest& digest) {
  Bytes entry;
  append_u32(entry, group);
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

crypto::Digest group_digest(GroupKey group, BytesView encoded) {
  Bytes key;
  append_u32(key, group);
  return crypto::sha256_parts({"steward/page group", key, encoded});
}

std::shared_ptr<const PageGroup> make_group(GroupKey group, PageMap pages) {
  const crypto::Digest digest = group_digest(group, encode_group(pages));
  return std::make_shared<const PageGroup>(PageGroup{std::move(pages), digest});
}

const StoredPage* find_page(const Pages& pages, PageKey key) {
  const auto group = pages.find(group_of(key));
  if (group == pages.end()) return nullptr;
  const auto page = group->second->pages.find(key);
  return page == group->second->pages.end() ? nullptr : &page->second;
}

crypto::Digest pages_root(const Pages& pages, PageKey first) {
  std::vector<crypto::Digest> leaves;
  leaves.reserve(pages.size());
  for (auto it = pages.lower_bound(group_of(first)); it != pages.end(); ++it) {
    const PageGroup& group = *it->second;
    if (group.pages.begin()->first >= first) {
      leaves.push_back(group_leaf(it->first, group.digest));
      continue;
    }
    const PageMap rest(group.pages.lower_bound(first), group.pages.end());
    if (rest.empty()) continue;
    leaves.push_back(group_leaf(it->first, group_digest(it->first, encode_group(rest))));
  }
  return root_of(std::move(leaves));
}

Bytes encode_groups(const Pages& pages) {
  Bytes out;
  out.reserve(pages.size() * kGroupEntryBytes);
  for (const auto& [key, group] : pages) {
    append_u32(out, key);
    out.append(group->digest.view());
  }
  return out;
}

std::optional<GroupDigests> decode_groups(BytesView bytes) {
  const std::size_t count = bytes.size() / kGroupEntryBytes;
  if (bytes.size() % kGroupEntryBytes != 0 || count > limits::kMaxPageGroups) return std::nullopt;
  GroupDigests groups;
  for (std::size_t at = 0; at < bytes.size(); at += kGroupEntryBytes) {
    const GroupKey key = read_u32(bytes, at);
    const bool ordered = groups.empty() || groups.rbegin()->first < key;
    if (!ordered || key > group_of(~PageKey{0})) return std::nullopt;
    groups.emplace_hint(groups.end(), key, *crypto::Digest::from(bytes.substr(at + 4, 32)));
  }
  return groups;
}

crypto::Digest groups_root(const GroupDigests& groups) {
  std::vector<crypto::Digest> leaves;
  leaves.reserve(groups.size());
  for (const auto& [key, digest] : groups) leaves.push_back(group_leaf(key, digest));
  return root_of(std::move(leaves));
}

Bytes encode_group(const PageMap& pages) {
  Bytes out;
  out.reserve(pages.size() * kPageEntryBytes);
  for (const auto& [key, page] : pages) {
    append_u8(out, static_cast<std::uint8_t>(key % kPagesPerGroup));
    out.append(page.digest.view());
  }
  return out;
}

std::optional<PageDigests> decode_group(GroupKey group, BytesView bytes) {
  if (bytes.empty() || bytes.size() % kPageEntryBytes != 0) return std::nullopt;
  PageDigests pages;
  for (std::size_t at = 0; at < bytes.size(); at += kPageEntryBytes) {
    const PageKey key = (group << kGroupBits) + static_cast<std::uint8_t>(bytes[at]);
    if (!pages.empty() && pages.rbegin()->first >= key) return std::nullopt;
    pages.emplace_hint(pages.end(), key, *crypto::Digest::from(bytes.substr(at + 1, kDigestBytes)));
  }
  return pages;
}

namespace {

PageChanges group_differences(const PageMap& from, const PageMap& to, PageKey first) {
  PageChanges out;
  for (auto it = from.lower_bound(first); it != from.end(); ++it) {
    if (!to.contains(it->first)) out[it->first - first] = std::nullopt;
  }
  for (auto it = to.lower_bound(first); it != to.end(); ++it) {
    const auto old = from.find(it->first);
    if (old != from.end() && old->second.digest == it->second.digest) continue;
    out[it->first - first] = *it->second.content;
  }
  return out;
}

}  // namespace

bool visit_differences(const Pages& from, const Pages& to, PageKey first,
                       const std::function<bool(const PageChanges&)>& visit) {
  const PageMap none;
  for (auto it = from.lower_bound(group_of(first)); it != from.end(); ++it) {
    if (to.contains(it->first)) continue;
    if (!visit(group_differences(it->second->pages, none, first))) return false;
  }
  for (auto it = to.lower_bound(group_of(first)); it != to.end(); ++it) {
    const auto old = from.find(it->first);
    const bool known = old != from.end();
    if (known && old->second->digest == it->second->digest) continue;
    const PageMap& before = known ? old->second->pages : none;
    if (!visit(group_differences(before, it->second->pages, first))) return false;
  }
  return true;
}

const StoredPage* PageSet::find(PageKey key) const {
  const auto changing = open_.find(group_of(key));
  if (changing == open_.end()) return find_page(sealed_, key);
  const auto page = changing->second.find(key);
  return page == changing->second.end() ? nullptr : &page->second;
}

PageMap& PageSet::open(GroupKey group) {
  const auto [at, fresh] = open_.try_emplace(group);
  const auto sealed = sealed_.find(group);
  if (fresh && sealed != sealed_.end()) at->second = sealed->second->pages;
  return at->second;
}

void PageSet::apply(const PageChanges& changes, PageKey base) {
  for (const auto& [relative, content] : changes) {
    const PageKey key = base + relative;
    const StoredPage* page = find(key);
    if (content ? page != nullptr && *page->content == *content : page == nullptr) continue;
    unsaved_.insert(key);
    if (content) {
      open(group_of(key))[key] = {std::make_shared<const Bytes>(*content), page_digest(*content)};
    } else {
      open(group_of(key)).erase(key);
    }
  }
}

const Pages& PageSet::pages() {
  for (auto& [key, pages] : std::exchange(open_, {})) {
    if (pages.empty()) {
      sealed_.erase(key);
    } else {
      sealed_[key] = make_group(key, std::move(pages));
    }
  }
  return sealed_;
}

std::map<PageKey, Bytes> PageSet::range(PageKey first, PageKey end) {
  std::map<PageKey, Bytes> out;
  const Pages& all = pages();
  for (auto group = all.lower_bound(group_of(first)); group != all.end(); ++group) {
    for (const auto& [key, page] : group->second->pages) {
      if (end != 0 && key >= end) return out;
      if (key >= first) out.emplace_hint(out.end(), key - first, *page.content);
    }
  }
  return out;
}

void PageSet::save_changes(storage::WriteBatch& batch) {
  for (const PageKey key : unsaved_) {
    const StoredPage* page = find(key);
    if (page == nullptr) {
      batch.puts.emplace_back(layout::page_key(key), std::nullopt);
    } else {
      batch.puts.emplace_back(layout::page_key(key), *page->content);
    }
  }
  unsaved_.clear();
}

void PageSet::replace(Pages to) {
  const PageMap none;
  const auto note = [&](const PageMap& from, const PageMap& into) {
    for (const auto& [key, page] : from) {
      if (!into.contains(key)) unsaved_.insert(key);
    }
    for (const auto& [key, page] : into) {
      const auto old = from.find(key);
      if (old == from.end() || old->second.digest != page.digest) unsaved_.insert(key);
    }
  };
  for (const auto& [key, group] : pages()) {
    if (!to.contains(key)) note(group->pages, none);
  }
  for (const auto& [key, group] : to) {
    const auto old = sealed_.find(key);
    if (old == sealed_.end()) {
      note(none, group->pages);
    } else if (old->second->digest != group->digest) {
      note(old->second->pages, group->pages);
    }
  }
  sealed_ = std::move(to);
}

void PageSet::load(std::map<PageKey, Bytes> contents) {
  sealed_.clear();
  open_.clear();
  unsaved_.clear();
  for (auto& [key, content] : contents) {
    const crypto::Digest digest = page_digest(content);
    open_[group_of(key)][key] = {std::make_shared<const Bytes>(std::move(content)), digest};
  }
}

}  // namespace steward::replica
