#include "crypto/keygen.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include "crypto/bls.h"
#include "crypto/fingerprint.h"
#include "crypto/key_files.h"

namespace steward::crypto {
namespace {

ClusterKeySpec small_cluster() {
  return {"demo", {{"rsa-shoup", 4, 3, 512}, {"plain", 3, 1, 0}}, {"gateway-0"}, {"operator"}};
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
      const auto server = load_server_keys(server_folder(directory_, {site, i}), cluster, {});
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
  const auto client = load_client_key(client_folder(directory_, "operator"), cluster, {});
  ASSERT_TRUE(client.ok()) << client.error().message;
  EXPECT_EQ(client->index, 1u);
  EXPECT_TRUE(cluster.directory.is_client(client->signer->public_key()));
  EXPECT_TRUE(cluster.directory.is_operator(client->signer->public_key()));
  EXPECT_FALSE(cluster.directory.is_operator(cluster.directory.clients[0]));
  EXPECT_TRUE(cluster.directory.signatures->verify(client->signer->public_key(), "m",
                                                   client->signer->sign("m")));
}

TEST_F(KeyFiles, SecretsArePrivateAndLooserOnesAreRefused) {
  const std::string folder = server_folder(directory_, {0, 1});
  const ClusterKeys cluster = load();
  int secret = 0;
  for (const auto& file : std::filesystem::recursive_directory_iterator(directory_)) {
    struct stat info {};
    ASSERT_EQ(stat(file.path().c_str(), &info), 0);
    const std::string kind = file.path().extension();
    const bool is_secret = kind == ".key" || kind == ".share";
    secret += is_secret ? 1 : 0;
    EXPECT_EQ(info.st_mode & 07777u, file.is_directory() ? 0700u : is_secret ? 0600u : 0644u);
  }
  EXPECT_EQ(secret, 7 * 2 + 2);
  for (const std::string& path : {server_key_path(folder), share_path(folder)}) {
    for (const mode_t mode : {0640u, 0604u, 0620u, 0610u}) {
      ASSERT_EQ(chmod(path.c_str(), mode), 0);
      const auto refused = load_server_keys(folder, cluster, {});
      ASSERT_FALSE(refused.ok());
      EXPECT_EQ(refused.error().code, ErrorCode::kPermission);
      EXPECT_NE(refused.error().message.find("chmod 600 " + path), std::string::npos);
    }
    ASSERT_EQ(chmod(path.c_str(), 0400), 0);
    EXPECT_TRUE(load_server_keys(folder, cluster, {}).ok());
  }
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
  EXPECT_TRUE(load_server_keys(server_folder(directory_, {0, 0}), load(), {}).ok());
}

TEST_F(KeyFiles, DirectoriesAboveAreMadeToo) {
  EXPECT_TRUE(generate_cluster_keys(small_cluster(), base_ + "/a/b/keys/").ok());
  EXPECT_TRUE(std::filesystem::exists(cluster_keys_path(base_ + "/a/b/keys")));
  write_text(base_ + "/file", "");
  EXPECT_FALSE(generate_cluster_keys(small_cluster(), base_ + "/file/keys").ok());
}

TEST_F(KeyFiles, APartyIsFoundInItsFolderOrInTheCeremonys) {
  const std::string own = server_folder(directory_, {1, 2});
  EXPECT_EQ(find_server_folder(directory_, {1, 2}).value(), own);
  EXPECT_EQ(find_server_folder(own, {1, 2}).value(), own);
  EXPECT_EQ(find_client_folder(directory_, "operator").value(), directory_ + "/client-operator");
  const auto missing = find_server_folder(directory_, {1, 3});
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
  EXPECT_NE(missing.error().message.find(directory_ + "/server.key"), std::string::npos);
  EXPECT_NE(missing.error().message.find(directory_ + "/server-1-3/server.key"), std::string::npos);
}

TEST_F(KeyFiles, NoFolderHoldsWhatIsNotItsPartys) {
  std::vector<std::string> found;
  for (const std::string& folder :
       {directory_, server_folder(directory_, {0, 0}), client_folder(directory_, "gateway-0")}) {
    for (const auto& file : std::filesystem::directory_iterator(folder)) {
      if (!file.is_directory()) found.push_back(file.path().filename());
    }
  }
  std::sort(found.begin(), found.end());
  EXPECT_EQ(found, (std::vector<std::string>{"client.key", "cluster.pub", "cluster.pub",
                                             "cluster.pub", "fingerprints.txt", "server.key",
                                             "site-0.pem", "site-1.pem", "site.share"}));
  EXPECT_EQ(read_text(fingerprints_path(directory_)), fingerprint_sheet(load()));
}

TEST_F(KeyFiles, FilesOfOthersAreRefused) {
  ASSERT_TRUE(generate_cluster_keys(small_cluster(), base_ + "/other").ok());
  const ClusterKeys cluster = load();
  const auto foreign = load_server_keys(server_folder(base_ + "/other", {0, 0}), cluster, {});
  ASSERT_FALSE(foreign.ok());
  EXPECT_NE(foreign.error().message.find("another cluster"), std::string::npos);
  EXPECT_FALSE(load_server_keys(client_folder(directory_, "operator"), cluster, {}).ok());
  EXPECT_FALSE(load_client_key(server_folder(directory_, {0, 0}), cluster, {}).ok());
  EXPECT_FALSE(load_cluster_keys(directory_).ok());
  const auto missing = load_server_keys(directory_ + "/none", cluster, {});
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);

  const std::string own = server_folder(directory_, {0, 0});
  const std::string share = read_text(share_path(own));
  // Another server's share beside the own key.
  write_text(share_path(own), read_text(share_path(server_folder(directory_, {0, 1}))));
  EXPECT_FALSE(load_server_keys(own, cluster, {}).ok());
  write_text(share_path(own), share);
  EXPECT_TRUE(load_server_keys(own, cluster, {}).ok());
  // One server's file under another's number.
  for (const std::string& path : {server_key_path(own), share_path(own)}) {
    const std::string good = read_text(path);
    std::string bad = good;
    const std::size_t at = bad.find("\"server\": 0");
    ASSERT_NE(at, std::string::npos);
    bad[at + 10] = '1';
    write_text(path, bad);
    EXPECT_FALSE(load_server_keys(own, cluster, {}).ok());
    write_text(path, good);
  }
}

TEST_F(KeyFiles, ProtectedOnesLoadWithTheirPassphraseOnly) {
  const auto secret = std::make_shared<const FileSecret>(
      FileSecret{SecretKind::kPassphrase, SecretBytes("correct horse")});
  const auto other = std::make_shared<const FileSecret>(
      FileSecret{SecretKind::kPassphrase, SecretBytes("battery staple")});
  const auto with = [](const FileSecretPtr& given) -> Unlock {
    return [given](const std::string&, SecretKind) -> Result<FileSecretPtr> { return given; };
  };
  const std::string directory = base_ + "/protected";
  ASSERT_TRUE(generate_cluster_keys(small_cluster(), directory, secret).ok());
  const ClusterKeys cluster = load_cluster_keys(cluster_keys_path(directory)).value();
  const std::string folder = server_folder(directory, {0, 1});
  EXPECT_TRUE(load_server_keys(folder, cluster, with(secret)).ok());
  EXPECT_FALSE(load_server_keys(folder, cluster, with(other)).ok());
  EXPECT_TRUE(load_client_key(client_folder(directory, "operator"), cluster, with(secret)).ok());
  const auto facts = read_key_file_facts(share_path(folder));
  ASSERT_TRUE(facts.ok());
  EXPECT_TRUE(facts->is_protected);
  EXPECT_EQ(facts->label.at("server"), "1");
  EXPECT_EQ(facts->label.at("epoch"), "0");
  EXPECT_EQ(facts->label.count("share"), 0u);

  ASSERT_TRUE(protect_key_file(share_path(folder), with(secret), SealingKey::derive(*other)).ok());
  ASSERT_TRUE(protect_key_file(server_key_path(folder), with(secret), nullptr).ok());
  EXPECT_TRUE(load_server_keys(folder, cluster, with(other)).ok());
  EXPECT_FALSE(protect_key_file(share_path(folder), with(secret), nullptr).ok());
  EXPECT_FALSE(protect_key_file(cluster_keys_path(folder), with(secret), nullptr).ok());
}

TEST_F(KeyFiles, DamagedFilesNeverCrash) {
  const ClusterKeys cluster = load();
  std::mt19937 random(1);
  for (const std::string& path :
       {cluster_keys_path(directory_), server_key_path(server_folder(directory_, {0, 2})),
        share_path(server_folder(directory_, {0, 2})),
        client_key_path(client_folder(directory_, "operator"))}) {
    const bool is_public = path == cluster_keys_path(directory_);
    const bool is_client = path.find("client") != std::string::npos;
    const std::string good = read_text(path);
    for (int i = 0; i < 300; ++i) {
      std::string bad = good;
      const std::size_t at = random() % bad.size();
      if (i % 3 == 0) bad.resize(at);
      if (i % 3 == 1) bad[at] = static_cast<char>(random());
      if (i % 3 == 2) bad.replace(at, 5, "[{\"a\"");
      write_text(path, bad);
      const auto folder = path.substr(0, path.rfind('/'));
      const auto load_one = [&]() -> Status {
        if (is_public) {
          const auto keys = load_cluster_keys(path);
          return keys.ok() ? Status() : Status(keys.error());
        }
        if (is_client) {
          const auto client = load_client_key(folder, cluster, {});
          return client.ok() ? Status() : Status(client.error());
        }
        const auto server = load_server_keys(folder, cluster, {});
        return server.ok() ? Status() : Status(server.error());
      };
      const Status status = load_one();
      EXPECT_TRUE(status.ok() || !status.error().message.empty());
      const auto facts = read_key_file_facts(path);
      EXPECT_TRUE(facts.ok() || !facts.error().message.empty());
      const bool cut = i % 3 == 0 && at + 2 < good.size();
      EXPECT_FALSE(cut && status.ok()) << "cut at " << at;
    }
    write_text(path, good);
  }
}

// A share that its holders renewed: the file follows, and loads beside the old cluster.pub.
TEST_F(KeyFiles, ARenewedShareTakesTheOldOnesPlace) {
  const auto secret = std::make_shared<const FileSecret>(
      FileSecret{SecretKind::kPassphrase, SecretBytes("correct horse")});
  const Unlock unlock = [&secret](const std::string&, SecretKind) -> Result<FileSecretPtr> {
    return secret;
  };
  const std::string directory = base_ + "/bls";
  ASSERT_TRUE(
      generate_cluster_keys({"demo", {{kBlsScheme, 4, 3, 0}}, {}, {}}, directory, secret).ok());
  const ClusterKeys cluster = load_cluster_keys(cluster_keys_path(directory)).value();
  const std::string folder = server_folder(directory, {0, 1});
  const auto server = load_server_keys(folder, cluster, unlock);
  ASSERT_TRUE(server.ok()) << server.error().message;

  const auto key = std::dynamic_pointer_cast<const BlsPublicKey>(cluster.directory.sites[0].site);
  ASSERT_TRUE(key);
  Deal deal{0, "a test", {}, false};
  deal.deal = key->make_deal(deal, SecretBytes::random(32).view());
  const SitePublicKeyPtr next = key->renewed(1, std::vector<Deal>{deal});
  const auto renewed = key->renew_share(*server->site_share, next, std::vector<Deal>{deal});
  const auto* share = std::get_if<SiteKeySharePtr>(&renewed);
  ASSERT_NE(share, nullptr);
  const std::string before = read_text(share_path(folder));
  ASSERT_FALSE(server->share_file->replace(SecretBytes("nonsense")).ok());
  EXPECT_EQ(read_text(share_path(folder)), before);
  ASSERT_TRUE(server->share_file->replace((*share)->encoded()).ok());

  write_text(share_path(folder) + ".new", "a replacement that a crash cut sh");
  const auto again = load_server_keys(folder, cluster, unlock);
  ASSERT_TRUE(again.ok()) << again.error().message;
  EXPECT_EQ(again->site_share->epoch(), 1u);
  EXPECT_TRUE(next->verify_share("m", {1, again->site_share->share("m")}));
  EXPECT_TRUE(read_key_file_facts(share_path(folder))->is_protected);
  EXPECT_EQ(read_key_file_facts(share_path(folder))->label.at("epoch"), "1");
  EXPECT_FALSE(std::filesystem::exists(share_path(folder) + ".new"));
}

TEST_F(KeyFiles, ImpossibleSpecsAreRefusedBeforeAnythingIsWritten) {
  const auto refused = [this](const ClusterKeySpec& spec) {
    return !generate_cluster_keys(spec, base_ + "/refused").ok() &&
           !std::filesystem::exists(base_ + "/refused");
  };
  EXPECT_TRUE(refused({"c", {}, {}, {}}));
  EXPECT_TRUE(refused({"c", {{"rsa-shoup", 4, 5, 512}}, {}, {}}));
  EXPECT_TRUE(refused({"c", {{"plain", 4, 3, 0}}, {}, {}}));
  EXPECT_TRUE(refused({"c", {{"rot13", 4, 3, 0}}, {}, {}}));
  EXPECT_TRUE(refused({"c", {{"plain", 1, 1, 0}}, {"../evil"}, {}}));
  EXPECT_TRUE(refused({"c", {{"plain", 1, 1, 0}}, {"twin"}, {"twin"}}));
  EXPECT_TRUE(refused({"../c", {{"plain", 1, 1, 0}}, {}, {}}));
}

}  // namespace
}  // namespace steward::crypto
