#include "crypto/merkle.h"

#include "common/check.h"

namespace steward::crypto {
namespace {

bool has_sibling(std::size_t index, std::size_t level_size) {
  return index % 2 == 1 || index + 1 < level_size;
}

}  // namespace

Digest merkle_leaf(BytesView data) {
  Bytes input(1, '\x00');
  input.append(data);
  return sha256(input);
}

Digest merkle_node(const Digest& left, const Digest& right) {
  Bytes input(1, '\x01');
  input.append(left.view());
  input.append(right.view());
  return sha256(input);
}

MerkleTree::MerkleTree(std::vector<Digest> leaves) : leaf_count_(leaves.size()) {
  STEWARD_CHECK(leaf_count_ > 0);
  levels_.push_back(std::move(leaves));
  while (levels_.back().size() > 1) {
    const std::vector<Digest>& below = levels_.back();
    std::vector<Digest> level;
    level.reserve((below.size() + 1) / 2);
    for (std::size_t i = 0; i + 1 < below.size(); i += 2) {
      level.push_back(merkle_node(below[i], below[i + 1]));
    }
    if (below.size() % 2 == 1) level.push_back(below.back());
    levels_.push_back(std::move(level));
  }
  root_ = levels_.back().front();
}

std::vector<Digest> MerkleTree::path(std::size_t leaf) const {
  STEWARD_CHECK(leaf < leaf_count_);
  std::vector<Digest> siblings;
  std::size_t index = leaf;
  for (const std::vector<Digest>& level : levels_) {
    if (has_sibling(index, level.size())) siblings.push_back(level[index ^ 1]);
    index /= 2;
  }
  return siblings;
}

std::optional<Digest> merkle_root_from_path(const Digest& leaf, std::size_t index,
                                            std::size_t leaf_count, std::span<const Digest> path) {
  if (index >= leaf_count) return std::nullopt;
  Digest digest = leaf;
  std::size_t used = 0;
  for (std::size_t size = leaf_count; size > 1; size = size / 2 + size % 2, index /= 2) {
    if (!has_sibling(index, size)) continue;
    if (used == path.size()) return std::nullopt;
    const Digest& sibling = path[used++];
    digest = index % 2 == 1 ? merkle_node(sibling, digest) : merkle_node(digest, sibling);
  }
  if (used != path.size()) return std::nullopt;
  return digest;
}

}  // namespace steward::crypto
