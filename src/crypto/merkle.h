// Merkle trees with the hashing of RFC 6962: leaf = SHA-256(0x00 ‖ data), node =
// SHA-256(0x01 ‖ left ‖ right), split at the largest power of two below the leaf count.
#pragma once

#include <span>
#include <vector>

#include "crypto/sha256.h"

namespace steward::crypto {

Digest merkle_leaf(BytesView data);
Digest merkle_node(const Digest& left, const Digest& right);

class MerkleTree {
 public:
  explicit MerkleTree(std::vector<Digest> leaves);  // at least one leaf
  const Digest& root() const { return root_; }
  std::size_t size() const { return leaf_count_; }
  // Sibling hashes from the leaf up; empty for a tree of one leaf.
  std::vector<Digest> path(std::size_t leaf) const;

 private:
  std::size_t leaf_count_;
  std::vector<std::vector<Digest>>
      levels_;  // levels_[0] the leaves; odd last nodes move up as they are
  Digest root_;
};

// Root implied by `leaf` at `index` of `leaf_count` with this path; nullopt when the path's length
// does not fit or the index is out of range.
std::optional<Digest> merkle_root_from_path(const Digest& leaf, std::size_t index,
                                            std::size_t leaf_count, std::span<const Digest> path);

}  // namespace steward::crypto
