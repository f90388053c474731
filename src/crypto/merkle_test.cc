#include "crypto/merkle.h"

#include <gtest/gtest.h>

namespace steward::crypto {
namespace {

std::vector<Digest> leaves_of(std::size_t count) {
  std::vector<Digest> leaves;
  for (std::size_t i = 0; i < count; ++i) leaves.push_back(merkle_leaf(std::to_string(i)));
  return leaves;
}

// The definition of RFC 6962, section 2.1, word for word.
Digest root_by_definition(std::span<const Digest> leaves) {
  if (leaves.size() == 1) return leaves[0];
  std::size_t split = 1;
  while (2 * split < leaves.size()) split *= 2;
  return merkle_node(root_by_definition(leaves.first(split)),
                     root_by_definition(leaves.subspan(split)));
}

// The inputs and roots of the reference implementation of Certificate Transparency
// (merkletree tests), for trees of the first 1 … 8 inputs.
TEST(Merkle, PublishedRoots) {
  const std::vector<std::string> inputs = {"",
                                           "00",
                                           "10",
                                           "2021",
                                           "3031",
                                           "40414243",
                                           "5051525354555657",
                                           "606162636465666768696a6b6c6d6e6f"};
  const std::vector<std::string> roots = {
      "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
      "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
      "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
      "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
      "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
      "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
      "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
      "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};
  std::vector<Digest> leaves;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    leaves.push_back(merkle_leaf(*from_hex(inputs[i])));
    EXPECT_EQ(MerkleTree(leaves).root().hex(), roots[i]) << i + 1 << " leaves";
  }
}

TEST(Merkle, EveryPathOfEverySizeLeadsToTheRoot) {
  for (std::size_t count = 1; count <= 40; ++count) {
    const std::vector<Digest> leaves = leaves_of(count);
    const MerkleTree tree(leaves);
    EXPECT_EQ(tree.root(), root_by_definition(leaves));
    for (std::size_t i = 0; i < count; ++i) {
      EXPECT_EQ(merkle_root_from_path(leaves[i], i, count, tree.path(i)), tree.root());
    }
  }
}

TEST(Merkle, WrongLeafIndexOrCountMisses) {
  const std::vector<Digest> leaves = leaves_of(13);
  const MerkleTree tree(leaves);
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    for (std::size_t other = 0; other < leaves.size(); ++other) {
      if (other == i) continue;
      EXPECT_NE(merkle_root_from_path(leaves[i], other, 13, tree.path(i)), tree.root());
      EXPECT_NE(merkle_root_from_path(leaves[other], i, 13, tree.path(i)), tree.root());
    }
  }
}

TEST(Merkle, PathsOfWrongLengthAreRefused) {
  const std::vector<Digest> leaves = leaves_of(13);
  std::vector<Digest> path = MerkleTree(leaves).path(3);
  EXPECT_FALSE(merkle_root_from_path(leaves[3], 13, 13, path));
  EXPECT_FALSE(merkle_root_from_path(leaves[3], 0, 0, {}));
  path.push_back(path.back());
  EXPECT_FALSE(merkle_root_from_path(leaves[3], 3, 13, path));
  path.resize(path.size() - 2);
  EXPECT_FALSE(merkle_root_from_path(leaves[3], 3, 13, path));
}

}  // namespace
}  // namespace steward::crypto
