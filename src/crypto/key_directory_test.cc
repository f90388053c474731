#include "crypto/key_directory.h"

#include <gtest/gtest.h>

#include <set>

namespace steward::crypto {
namespace {

// Only the name and the encoding matter to a directory.
class NamedKey : public SitePublicKey {
 public:
  explicit NamedKey(Bytes encoded) : encoded_(std::move(encoded)) {}
  std::uint32_t threshold() const override { return 1; }
  std::uint32_t servers() const override { return 0; }
  Bytes encoded() const override { return encoded_; }
  Bytes identity() const override { return encoded_; }
  std::string scheme() const override { return "named"; }
  bool verify(BytesView, BytesView) const override { return false; }
  Result<Bytes> combine(BytesView, std::span<const SignatureShare>) const override {
    return bad_input("a named key combines nothing");
  }
  bool shares_prove_themselves() const override { return false; }
  bool verify_share(BytesView, const SignatureShare&) const override { return false; }

 private:
  Bytes encoded_;
};

KeyDirectory two_sites() {
  KeyDirectory keys;
  keys.sites.push_back({{"a", "b"}, std::make_shared<NamedKey>("first")});
  keys.sites.push_back({{"c", "d"}, std::make_shared<NamedKey>("second")});
  keys.clients = {"client"};
  return keys;
}

TEST(KeyDirectory, FindsServersAndClients) {
  const KeyDirectory keys = two_sites();
  EXPECT_EQ(keys.find_server("a"), (ServerId{0, 0}));
  EXPECT_EQ(keys.find_server("d"), (ServerId{1, 1}));
  EXPECT_FALSE(keys.find_server("client"));
  EXPECT_TRUE(keys.is_client("client"));
  EXPECT_FALSE(keys.is_client("a"));
}

TEST(KeyDirectory, OnlySomeClientsAreOperators) {
  KeyDirectory keys = two_sites();
  keys.clients.emplace_back("chief");
  keys.operators = {"chief"};
  EXPECT_TRUE(keys.is_client("chief"));
  EXPECT_TRUE(keys.is_operator("chief"));
  EXPECT_FALSE(keys.is_operator("client"));
  EXPECT_FALSE(keys.is_operator("a"));
}

TEST(KeyDirectory, EveryKeyAndItsPlaceMakeTheClusterId) {
  std::set<Digest> ids;
  ids.insert(two_sites().cluster_id());
  EXPECT_EQ(ids.count(two_sites().cluster_id()), 1u);

  KeyDirectory other_server = two_sites();
  other_server.sites[1].servers[0] = "x";
  ids.insert(other_server.cluster_id());
  KeyDirectory swapped = two_sites();
  std::swap(swapped.sites[0].servers[0], swapped.sites[0].servers[1]);
  ids.insert(swapped.cluster_id());
  KeyDirectory moved = two_sites();
  moved.sites[0].servers = {"a", "b", "c"};
  moved.sites[1].servers = {"d"};
  ids.insert(moved.cluster_id());
  KeyDirectory other_site = two_sites();
  other_site.sites[0].site = std::make_shared<NamedKey>("third");
  ids.insert(other_site.cluster_id());
  KeyDirectory promoted = two_sites();
  promoted.operators = promoted.clients;
  ids.insert(promoted.cluster_id());
  KeyDirectory no_client = two_sites();
  no_client.clients.clear();
  ids.insert(no_client.cluster_id());
  EXPECT_EQ(ids.size(), 7u);
}

}  // namespace
}  // namespace steward::crypto
