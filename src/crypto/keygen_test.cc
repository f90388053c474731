#include "crypto/keygen.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include "crypto/key_files.h"

namespace steward::crypto {
namespace {

ClusterKeySpec small_cluster() {
  return {"demo", {{"rsa-shoup", 4, 3, 512}, {"plain", 3, 1, 0}}, {"gateway-0", "operator"}};
}

std::string read_text(const std::string& path) {
  std::ostringstream out;
  out << std::ifstream(path, std::ios::binary).rdbuf();
  return out.str();
}

void write_text(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
}

class KeyFiles : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/steward-keys-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    base_ = name;
    directory_ = base_ + "/keys";
    const Status status = generate_cluster_keys(small_cluster(), directory_);
    ASSERT_TRUE(status.ok()) << status.error().message;
  }
  void TearDown() override { std::filesystem::remove_all(base_); }

  ClusterKeys load() { return load_cluster_keys(cluster_keys_path(directory_)).value(); }

  std::string base_;
  std::string directory_;
};

TEST_F(KeyFiles, EveryServerAndClientFindsItsKeys) {
  const ClusterKeys cluster = load();
  EXPECT_EQ(cluster.cluster, "demo");
  ASSERT_EQ(cluster.directory.sites.size(), 2u);
  EXPECT_EQ(cluster.directory.sites[0].site->threshold(), 3u);
  for (SiteId site = 0; site < 2; ++site) {
    std::vector<SignatureShare> shares;
    for (ServerIndex i = 0; i < cluster.directory.sites[site].servers.size(); ++i) {
      const auto server = load_server_keys(server_key_path(directory_, {site, i}), cluster);
      ASSERT_TRUE(server.ok()) << server.error().message;
      EXPECT_EQ(server->id, (ServerId{site, i}));
      EXPECT_EQ(cluster.directory.find_server(server->signer->public_key()), server->id);
      shares.push_back({i, server->site_share->share("message")});
    }
    const SitePublicKeyPtr& key = cluster.directory.sites[site].site;
    EXPECT_TRUE(key->verify("message", key->combine("message", shares).value()));
    EXPECT_EQ(read_text(site_pem_path(directory_, site)).substr(0, 26),
              "-----BEGIN PUBLIC KEY-----");
  }
  const auto client = load_client_key(client_key_path(directory_, "operator"), cluster);
  ASSERT_TRUE(client.ok()) << client.error().message;
  EXPECT_EQ(client->index, 1u);
  EXPECT_TRUE(cluster.directory.is_client(client->signer->public_key()));
  EXPECT_TRUE(cluster.directory.signatures->verify(client->signer->public_key(), "m",
                                                   client->signer->sign("m")));
}

TEST_F(KeyFiles, SecretsArePrivateAndLooserOnesAreRefused) {
  const std::string path = server_key_path(directory_, {0, 1});
  const ClusterKeys cluster = load();
  for (const auto& file : std::filesystem::directory_iterator(directory_)) {
    struct stat info {};
    ASSERT_EQ(stat(file.path().c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777u, file.path().extension() == ".key" ? 0600u : 0644u);
  }
  for (const mode_t mode : {0640u, 0604u, 0620u, 0610u}) {
    ASSERT_EQ(chmod(path.c_str(), mode), 0);
    const auto refused = load_server_keys(path, cluster);
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, ErrorCode::kPermission);
    EXPECT_NE(refused.error().message.find("chmod 600 " + path), std::string::npos);
  }
  ASSERT_EQ(chmod(path.c_str(), 0400), 0);
  EXPECT_TRUE(load_server_keys(path, cluster).ok());
}

TEST_F(KeyFiles, NothingIsOverwritten) {
  const std::string before = read_text(cluster_keys_path(directory_));
  const Status again = generate_cluster_keys(small_cluster(), directory_);
  ASSERT_FALSE(again.ok());
  EXPECT_NE(again.error().message.find("never overwritten"), std::string::npos);
  std::filesystem::remove(cluster_keys_path(directory_));
  EXPECT_FALSE(generate_cluster_keys(small_cluster(), directory_).ok()) << "secrets remain";
  EXPECT_FALSE(std::filesystem::exists(cluster_keys_path(directory_)));
  write_text(cluster_keys_path(directory_), before);
  EXPECT_TRUE(load_server_keys(server_key_path(directory_, {0, 0}), load()).ok());
}

TEST_F(KeyFiles, FilesOfOthersAreRefused) {
  ASSERT_TRUE(generate_cluster_keys(small_cluster(), base_ + "/other").ok());
  const ClusterKeys cluster = load();
  const auto foreign = load_server_keys(server_key_path(base_ + "/other", {0, 0}), cluster);
  ASSERT_FALSE(foreign.ok());
  EXPECT_NE(foreign.error().message.find("another cluster"), std::string::npos);
  EXPECT_FALSE(load_server_keys(client_key_path(directory_, "operator"), cluster).ok());
  EXPECT_FALSE(load_client_key(server_key_path(directory_, {0, 0}), cluster).ok());
  EXPECT_FALSE(load_cluster_keys(directory_).ok());
  const auto missing = load_server_keys(directory_ + "/none.key", cluster);
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);

  // One server's file under another's number, its share included.
  std::string text = read_text(server_key_path(directory_, {0, 0}));
  const std::size_t at = text.find("\"server\": 0");
  ASSERT_NE(at, std::string::npos);
  text[at + 10] = '1';
  write_text(server_key_path(directory_, {0, 0}), text);
  EXPECT_FALSE(load_server_keys(server_key_path(directory_, {0, 0}), cluster).ok());
}

TEST_F(KeyFiles, DamagedFilesNeverCrash) {
  const ClusterKeys cluster = load();
  std::mt19937 random(1);
  for (const std::string& path :
       {cluster_keys_path(directory_), server_key_path(directory_, {0, 2}),
        client_key_path(directory_, "operator")}) {
    const std::string good = read_text(path);
    for (int i = 0; i < 300; ++i) {
      std::string bad = good;
      const std::size_t at = random() % bad.size();
      if (i % 3 == 0) bad.resize(at);
      if (i % 3 == 1) bad[at] = static_cast<char>(random());
      if (i % 3 == 2) bad.replace(at, 5, "[{\"a\"");
      write_text(path, bad);
      const auto server = load_server_keys(path, cluster);
      EXPECT_TRUE(server.ok() || !server.error().message.empty());
      const auto client = load_client_key(path, cluster);
      EXPECT_TRUE(client.ok() || !client.error().message.empty());
      const auto keys = load_cluster_keys(path);
      EXPECT_TRUE(keys.ok() || !keys.error().message.empty());
      if (i % 3 == 0 && at + 2 < good.size()) {
        EXPECT_FALSE(server.ok() || client.ok() || keys.ok()) << "cut at " << at;
      }
    }
  }
}

TEST_F(KeyFiles, ImpossibleSpecsAreRefusedBeforeAnythingIsWritten) {
  const auto refused = [this](const ClusterKeySpec& spec) {
    return !generate_cluster_keys(spec, base_ + "/refused").ok() &&
           !std::filesystem::exists(base_ + "/refused");
  };
  EXPECT_TRUE(refused({"c", {}, {}}));
  EXPECT_TRUE(refused({"c", {{"rsa-shoup", 4, 5, 512}}, {}}));
  EXPECT_TRUE(refused({"c", {{"plain", 4, 3, 0}}, {}}));
  EXPECT_TRUE(refused({"c", {{"rot13", 4, 3, 0}}, {}}));
  EXPECT_TRUE(refused({"c", {{"plain", 1, 1, 0}}, {"../evil"}}));
  EXPECT_TRUE(refused({"c", {{"plain", 1, 1, 0}}, {"twin", "twin"}}));
}

}  // namespace
}  // namespace steward::crypto
