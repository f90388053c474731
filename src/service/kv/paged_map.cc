#include "service/kv/paged_map.h"

#include <sodium.h>

#include <cstring>
#include <optional>

#include "wire/limits.h"

namespace steward::kv {
namespace {

constexpr std::size_t kLengthBytes = 4;

std::size_t entry_bytes(std::size_t key_size, std::size_t value_size) {
  return 2 * kLengthBytes + key_size + value_size;
}

// Takes one framed field of at most `max` bytes off the front of `in`.
std::optional<BytesView> take_framed(BytesView& in, std::size_t max) {
  if (in.size() < kLengthBytes) return std::nullopt;
  const std::size_t size = read_u32(in, 0);
  if (size > max || size > in.size() - kLengthBytes) return std::nullopt;
  const BytesView field = in.substr(kLengthBytes, size);
  in.remove_prefix(kLengthBytes + size);
  return field;
}

}  // namespace

PageKey PagedMap::page_of(BytesView key) const {
  std::array<unsigned char, crypto_shorthash_BYTES> hash{};
  static_assert(crypto_shorthash_KEYBYTES == std::tuple_size_v<HashKey>);
  crypto_shorthash(hash.data(), reinterpret_cast<const unsigned char*>(key.data()), key.size(),
                   hash_key_.data());
  // Bytes, not a native integer: the same on every machine.
  return (PageKey{hash[0]} << 8 | PageKey{hash[1]}) % kPages;
}

const Bytes* PagedMap::find(BytesView key) const {
  const Page& entries = pages_[page_of(key)].entries;
  const auto it = entries.find(key);
  return it == entries.end() ? nullptr : &it->second;
}

bool PagedMap::put(std::span<const Pair> pairs) {
  std::map<PageKey, std::size_t> grown;  // as if nothing were replaced: at most too careful
  for (const auto& [key, value] : pairs) {
    const PageKey page = page_of(key);
    const Page& entries = pages_[page].entries;
    const auto it = entries.find(key);
    const std::size_t replaced =
        it == entries.end() || pairs.size() > 1 ? 0 : entry_bytes(key.size(), it->second.size());
    std::size_t& bytes = grown.try_emplace(page, pages_[page].bytes - replaced).first->second;
    bytes += entry_bytes(key.size(), value.size());
    if (bytes > kMaxPageBytes) return false;
  }
  for (const auto& [key, value] : pairs) put_one(key, value);
  return true;
}

void PagedMap::put_one(BytesView key, BytesView value) {
  const PageKey page = page_of(key);
  Bucket& bucket = pages_[page];
  const auto it = bucket.entries.find(key);
  if (it == bucket.entries.end()) {
    bucket.entries.emplace(key, value);
    bucket.bytes += entry_bytes(key.size(), value.size());
    ++size_;
  } else {
    bucket.bytes = bucket.bytes - it->second.size() + value.size();
    it->second = value;
  }
  dirty_.insert(page);
}

bool PagedMap::erase(BytesView key) {
  const PageKey page = page_of(key);
  Bucket& bucket = pages_[page];
  const auto it = bucket.entries.find(key);
  if (it == bucket.entries.end()) return false;
  bucket.bytes -= entry_bytes(it->first.size(), it->second.size());
  bucket.entries.erase(it);
  --size_;
  dirty_.insert(page);
  return true;
}

void PagedMap::clear() {
  for (PageKey page = 0; page < kPages; ++page) {
    if (pages_[page].entries.empty()) continue;
    pages_[page] = {};
    dirty_.insert(page);
  }
  size_ = 0;
}

PageChanges PagedMap::collect() {
  PageChanges changes;
  for (const PageKey page : dirty_) {
    const Bucket& bucket = pages_[page];
    std::optional<Bytes>& encoded = changes[page];
    if (bucket.entries.empty()) continue;
    encoded.emplace().reserve(bucket.bytes);
    for (const auto& [key, value] : bucket.entries) {
      append_framed(*encoded, key);
      append_framed(*encoded, value);
    }
  }
  dirty_.clear();
  return changes;
}

bool PagedMap::load(const std::map<PageKey, Bytes>& pages) {
  pages_.assign(kPages, {});
  dirty_.clear();
  size_ = 0;
  for (const auto& [page, encoded] : pages) {
    if (page >= kPages || !load_page(page, encoded)) return false;
  }
  return true;
}

bool PagedMap::load_changes(const PageChanges& pages) {
  for (const auto& [page, encoded] : pages) {
    if (page >= kPages) return false;
    size_ -= pages_[page].entries.size();
    pages_[page] = {};
    dirty_.erase(page);
    if (encoded && !load_page(page, *encoded)) return false;
  }
  return true;
}

// Accepts only what collect() writes: strictly ascending keys of this page, within the limits.
bool PagedMap::load_page(PageKey page, BytesView encoded) {
  if (encoded.empty() || encoded.size() > kMaxPageBytes) return false;
  Bucket& bucket = pages_[page];
  bucket.bytes = encoded.size();
  while (!encoded.empty()) {
    const auto key = take_framed(encoded, limits::kMaxKeyBytes);
    if (!key || page_of(*key) != page) return false;
    const auto value = take_framed(encoded, limits::kMaxValueBytes);
    if (!value) return false;
    if (!bucket.entries.empty() && *key <= bucket.entries.rbegin()->first) return false;
    bucket.entries.emplace_hint(bucket.entries.end(), *key, *value);
    ++size_;
  }
  return true;
}

}  // namespace steward::kv
