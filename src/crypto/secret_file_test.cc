#include "crypto/secret_file.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "crypto/key_file_io.h"

namespace steward::crypto {
namespace {

constexpr ScryptCost kCheap{1 << 10, 1, 1};  // the least that a file may say
const SecretLabel kLabel = {{"format", "a test's file 1"}, {"server", "0.1"}};

FileSecretPtr passphrase(BytesView text) {
  return std::make_shared<const FileSecret>(FileSecret{SecretKind::kPassphrase, SecretBytes(text)});
}

Bytes seal(BytesView content, const char* text = "correct horse") {
  return SealingKey::derive(*passphrase(text), kCheap)->seal(kLabel, content);
}

TEST(SecretFile, OpensWithItsPassphraseOnly) {
  const Bytes file = seal("a secret");
  EXPECT_TRUE(is_sealed(file));
  EXPECT_EQ(file.find("a secret"), Bytes::npos);
  const auto opened = open_sealed(file, *passphrase("correct horse"));
  ASSERT_TRUE(opened.ok()) << opened.error().message;
  EXPECT_EQ(opened->content.view(), "a secret");
  const auto wrong = open_sealed(file, *passphrase("correct horsf"));
  ASSERT_FALSE(wrong.ok());
  EXPECT_EQ(wrong.error().code, ErrorCode::kBadInput);
  EXPECT_NE(wrong.error().message.find("the passphrase is wrong"), std::string::npos);
  EXPECT_FALSE(open_sealed(file, *passphrase("")).ok());
  const FileSecret keyfile{SecretKind::kKeyfile, SecretBytes("correct horse")};
  EXPECT_FALSE(open_sealed(file, keyfile).ok());
}

TEST(SecretFile, TheDefaultCostAndNoContentWorkToo) {
  const FileSecret keyfile{SecretKind::kKeyfile, SecretBytes::random(kMinKeyfileBytes)};
  const Bytes file = SealingKey::derive(keyfile)->seal(kLabel, "");
  EXPECT_NE(file.find("\"n\":32768"), Bytes::npos);
  const auto opened = open_sealed(file, keyfile);
  ASSERT_TRUE(opened.ok()) << opened.error().message;
  EXPECT_EQ(opened->content.size(), 0u);
}

TEST(SecretFile, SaysWithoutPassphraseWhatItHolds) {
  const auto label = read_sealed_label(seal("a secret"));
  ASSERT_TRUE(label.ok());
  EXPECT_EQ(label->label, kLabel);
  EXPECT_EQ(label->kind, SecretKind::kPassphrase);
  EXPECT_FALSE(is_sealed(""));
  EXPECT_FALSE(is_sealed("{\n}\n"));
  EXPECT_FALSE(is_sealed("{\"format\":3}\n00"));
}

TEST(SecretFile, AnyChangedByteIsRefused) {
  const Bytes good = seal("a secret");
  const FileSecretPtr secret = passphrase("correct horse");
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (const char flip : {'\x01', '\x20', '\x80'}) {
      Bytes bad = good;
      bad[at] = static_cast<char>(bad[at] ^ flip);
      EXPECT_FALSE(open_sealed(bad, *secret).ok()) << "at " << at << ": " << bad;
    }
    EXPECT_FALSE(open_sealed(good.substr(0, at), *secret).ok()) << "cut at " << at;
  }
  EXPECT_FALSE(open_sealed(good + "0", *secret).ok());
  EXPECT_FALSE(open_sealed(good + "\n", *secret).ok());
  EXPECT_FALSE(open_sealed(" " + good, *secret).ok());
  // The sealed content of one file under the header of another.
  const Bytes other = seal("another");
  EXPECT_FALSE(
      open_sealed(good.substr(0, good.find('\n')) + other.substr(other.find('\n')), *secret).ok());
}

TEST(SecretFile, AbsurdWorkIsRefusedUntried) {
  const Bytes good = seal("a secret");
  const auto with_cost = [&good](const std::string& n, const std::string& r, const std::string& p) {
    Bytes bad = good;
    const auto put = [&bad](const std::string& name, const std::string& value) {
      const std::size_t at = bad.find("\"" + name + "\":") + name.size() + 3;
      bad.replace(at, bad.find_first_of(",}", at) - at, value);
    };
    put("n", n);
    put("r", r);
    put("p", p);
    const auto opened = open_sealed(bad, *passphrase("correct horse"));
    return opened.ok() ? std::string("opened") : opened.error().message;
  };
  EXPECT_EQ(with_cost("1024", "1", "1"), "opened");
  for (const auto& [n, r, p] :
       std::vector<std::array<const char*, 3>>{{"0", "1", "1"},
                                               {"512", "1", "1"},
                                               {"1025", "1", "1"},
                                               {"2097152", "1", "1"},
                                               {"1048576", "8", "1"},
                                               {"18446744073709551615", "1", "1"},
                                               {"-1024", "1", "1"},
                                               {"1024.0", "1", "1"},
                                               {"1e3", "1", "1"},
                                               {"1024", "0", "1"},
                                               {"1024", "33", "1"},
                                               {"1024", "4294967296", "1"},
                                               {"1024", "1", "0"},
                                               {"1024", "1", "17"},
                                               {"\"1024\"", "1", "1"},
                                               {"null", "1", "1"},
                                               {"[]", "1", "1"}}) {
    EXPECT_NE(with_cost(n, r, p).find("absurd amount of work"), std::string::npos) << n << r << p;
  }
}

TEST(SecretFile, ResealedUnderTheSameKeyItLooksDifferent) {
  const FileSecretPtr secret = passphrase("correct horse");
  const auto first = open_sealed(seal("first"), *secret);
  ASSERT_TRUE(first.ok());
  const Bytes second = first->key->seal(kLabel, "second");
  const Bytes again = first->key->seal(kLabel, "second");
  EXPECT_NE(second, again) << "a nonce was used twice";
  EXPECT_EQ(open_sealed(second, *secret)->content.view(), "second");
}

class SecretFiles : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/steward-secret-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    base_ = name;
    path_ = base_ + "/secret";
  }
  void TearDown() override { std::filesystem::remove_all(base_); }

  void write(const std::string& path, const std::string& text, mode_t mode = 0600) {
    std::filesystem::remove(path);
    std::ofstream(path, std::ios::binary) << text;
    ASSERT_EQ(chmod(path.c_str(), mode), 0);
  }
  static std::string read(const std::string& path) {
    std::ostringstream out;
    out << std::ifstream(path, std::ios::binary).rdbuf();
    return out.str();
  }

  std::string base_;
  std::string path_;
};

TEST_F(SecretFiles, AreOpenedProtectedOrNot) {
  int asked = 0;
  const Unlock unlock = [&asked](const std::string&, SecretKind) -> Result<FileSecretPtr> {
    ++asked;
    return passphrase("correct horse");
  };
  write(path_, "plain");
  EXPECT_EQ(open_secret_file(path_, unlock)->content.view(), "plain");
  EXPECT_EQ(asked, 0);
  write(path_, seal("sealed"));
  const auto opened = open_secret_file(path_, unlock);
  ASSERT_TRUE(opened.ok());
  EXPECT_EQ(opened->content.view(), "sealed");
  EXPECT_EQ(asked, 1);
  write(path_, seal("sealed", "another"));
  const auto wrong = open_secret_file(path_, unlock);
  ASSERT_FALSE(wrong.ok());
  EXPECT_NE(wrong.error().message.find(path_), std::string::npos);
  EXPECT_EQ(wrong.error().message.find("horse"), std::string::npos);
  write(path_, seal("sealed"), 0644);
  EXPECT_EQ(open_secret_file(path_, unlock).error().code, ErrorCode::kPermission);
}

TEST_F(SecretFiles, PassphrasesAndKeyfilesAreReadFromPrivateFiles) {
  write(path_, "correct horse\nsecond line\n");
  EXPECT_EQ((*read_passphrase_file(path_))->bytes.view(), "correct horse");
  write(path_, "correct horse\r\n");
  EXPECT_EQ((*read_passphrase_file(path_))->bytes.view(), "correct horse");
  write(path_, "\n");
  EXPECT_FALSE(read_passphrase_file(path_).ok());
  write(path_, std::string(31, 'k'));
  EXPECT_FALSE(read_keyfile(path_).ok());
  write(path_, std::string(31, 'k') + "\n");
  EXPECT_EQ((*read_keyfile(path_))->bytes.size(), 32u) << "every byte counts";
  write(path_, std::string(32, 'k'), 0640);
  EXPECT_EQ(read_keyfile(path_).error().code, ErrorCode::kPermission);
  EXPECT_EQ(read_passphrase_file(path_).error().code, ErrorCode::kPermission);
}

TEST_F(SecretFiles, AReplacedFileIsWholeAndItsOldContentGone) {
  write(path_, "the old content");
  // What a backup by hard link would keep is the old file itself.
  ASSERT_EQ(link(path_.c_str(), (base_ + "/old").c_str()), 0);
  ASSERT_TRUE(replace_secret_file(path_, "new").ok());
  EXPECT_EQ(read(path_), "new");
  EXPECT_EQ(read(base_ + "/old"), std::string(15, '\0'));
  struct stat info {};
  ASSERT_EQ(stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777u, 0600u);
  EXPECT_FALSE(replace_secret_file(base_ + "/nothing", "new").ok());
  EXPECT_FALSE(std::filesystem::exists(base_ + "/nothing"));
}

TEST_F(SecretFiles, AnInterruptedReplacementDisturbsNothing) {
  write(path_, "the old content");
  write(path_ + ".new", "half of the n");
  EXPECT_EQ(open_secret_file(path_, {})->content.view(), "the old content");
  ASSERT_TRUE(replace_secret_file(path_, "the new content").ok());
  EXPECT_EQ(read(path_), "the new content");
  EXPECT_FALSE(std::filesystem::exists(path_ + ".new"));
  write(path_ + ".new", "half");
  remove_interrupted_replacement(path_);
  EXPECT_FALSE(std::filesystem::exists(path_ + ".new"));
  EXPECT_EQ(read(path_), "the new content");
  // What cannot be replaced stays as it is.
  std::filesystem::create_directory(path_ + ".new");
  std::ofstream(path_ + ".new/in-the-way") << "x";
  EXPECT_FALSE(replace_secret_file(path_, "newest").ok());
  EXPECT_EQ(read(path_), "the new content");
}

}  // namespace
}  // namespace steward::crypto
