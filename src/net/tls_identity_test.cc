#include "net/tls_identity.h"

#include <gtest/gtest.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

namespace steward::net {
namespace {

const Bytes kServerSeed(kSeedBytes, 's');
const Bytes kClientSeed(kSeedBytes, 'c');

Bytes key_of(const Bytes& seed) { return public_key_of_seed(seed).value(); }

AcceptKey only(const Bytes& key) {
  return [key](BytesView proven) { return proven == key; };
}

std::shared_ptr<const TlsContext> context(TlsRole role, const Bytes& seed, AcceptKey accept) {
  auto made = TlsContext::make(role, seed, std::move(accept));
  EXPECT_TRUE(made.ok());
  return std::move(made).value();
}

// Two sessions joined in memory, driven until both are done or one has failed.
class Handshake {
 public:
  Handshake(SSL* client, SSL* server) : client_(client), server_(server) {
    BIO* client_end = nullptr;
    BIO* server_end = nullptr;
    BIO_new_bio_pair(&client_end, 0, &server_end, 0);
    SSL_set_bio(client_, client_end, client_end);
    SSL_set_bio(server_, server_end, server_end);
    SSL_set_connect_state(client_);
    SSL_set_accept_state(server_);
    for (int round = 0; round < 10; ++round) {
      client_done = client_done || SSL_do_handshake(client_) == 1;
      server_done = server_done || SSL_do_handshake(server_) == 1;
    }
    ERR_clear_error();
  }
  ~Handshake() {
    SSL_free(client_);
    SSL_free(server_);
  }
  Handshake(const Handshake&) = delete;
  Handshake& operator=(const Handshake&) = delete;

  bool client_done = false;
  bool server_done = false;
  SSL* client() const { return client_; }
  SSL* server() const { return server_; }

 private:
  SSL* client_;
  SSL* server_;
};

TEST(TlsIdentity, BothSidesLearnWhoIsThere) {
  const auto client = context(TlsRole::kClient, kClientSeed, only(key_of(kServerSeed)));
  const auto server = context(TlsRole::kServer, kServerSeed, only(key_of(kClientSeed)));
  const Handshake handshake(client->new_session(), server->new_session());
  ASSERT_TRUE(handshake.client_done && handshake.server_done);
  EXPECT_EQ(proven_key(handshake.client()), key_of(kServerSeed));
  EXPECT_EQ(proven_key(handshake.server()), key_of(kClientSeed));
  EXPECT_STREQ(SSL_get_version(handshake.client()), "TLSv1.3");
}

TEST(TlsIdentity, TheClientRefusesAnotherServer) {
  const auto client = context(TlsRole::kClient, kClientSeed, only(key_of(kServerSeed)));
  const auto server = context(TlsRole::kServer, Bytes(kSeedBytes, 'x'), only(key_of(kClientSeed)));
  const Handshake handshake(client->new_session(), server->new_session());
  EXPECT_FALSE(handshake.client_done);
  EXPECT_FALSE(handshake.server_done);
}

TEST(TlsIdentity, TheServerRefusesAnUnknownClient) {
  const auto client = context(TlsRole::kClient, Bytes(kSeedBytes, 'x'), only(key_of(kServerSeed)));
  const auto server = context(TlsRole::kServer, kServerSeed, only(key_of(kClientSeed)));
  const Handshake handshake(client->new_session(), server->new_session());
  EXPECT_FALSE(handshake.server_done);
}

// A client of somebody else's making, with what OpenSSL does by default.
class StrangeClient : public ::testing::Test {
 protected:
  StrangeClient() : context_(SSL_CTX_new(TLS_client_method())) {
    SSL_CTX_set_verify(context_, SSL_VERIFY_NONE, nullptr);
  }
  ~StrangeClient() override { SSL_CTX_free(context_); }

  void speak_our_protocol() {
    const unsigned char protocol[] = "\x09steward/1";
    ASSERT_EQ(SSL_CTX_set_alpn_protos(context_, protocol, 10), 0);
  }

  std::shared_ptr<const TlsContext> server_ =
      context(TlsRole::kServer, kServerSeed, [](BytesView) { return true; });
  SSL_CTX* context_;
};

TEST_F(StrangeClient, WithoutACertificateIsRefused) {
  speak_our_protocol();
  const Handshake handshake(SSL_new(context_), server_->new_session());
  EXPECT_FALSE(handshake.server_done);
}

TEST_F(StrangeClient, WithOldTlsIsRefused) {
  speak_our_protocol();
  SSL_CTX_set_max_proto_version(context_, TLS1_2_VERSION);
  const Handshake handshake(SSL_new(context_), server_->new_session());
  EXPECT_FALSE(handshake.client_done);
  EXPECT_FALSE(handshake.server_done);
}

TEST_F(StrangeClient, WithAnotherProtocolIsRefused) {
  const unsigned char protocol[] = "\x08http/1.1";
  ASSERT_EQ(SSL_CTX_set_alpn_protos(context_, protocol, 9), 0);
  const Handshake handshake(SSL_new(context_), server_->new_session());
  EXPECT_FALSE(handshake.client_done);
  EXPECT_FALSE(handshake.server_done);
}

TEST_F(StrangeClient, ThatNamesNoProtocolHasProvenNothing) {
  const auto ours = context(TlsRole::kClient, kClientSeed, only(key_of(kServerSeed)));
  SSL* session = ours->new_session();
  ASSERT_EQ(SSL_set_alpn_protos(session, nullptr, 0), 0);
  const Handshake handshake(session, server_->new_session());
  EXPECT_TRUE(handshake.server_done);
  EXPECT_EQ(proven_key(handshake.server()), std::nullopt);
}

TEST(TlsIdentity, NothingCanBeResumed) {
  const auto client = context(TlsRole::kClient, kClientSeed, only(key_of(kServerSeed)));
  const auto server = context(TlsRole::kServer, kServerSeed, only(key_of(kClientSeed)));
  const Handshake handshake(client->new_session(), server->new_session());
  char byte = 'x';
  ASSERT_EQ(SSL_write(handshake.server(), &byte, 1), 1);
  ASSERT_EQ(SSL_read(handshake.client(), &byte, 1), 1);
  EXPECT_EQ(SSL_SESSION_is_resumable(SSL_get0_session(handshake.client())), 0);
}

TEST(TlsIdentity, ASeedOfTheWrongSizeIsAnError) {
  for (const std::size_t size : {0U, 31U, 33U}) {
    const auto made = TlsContext::make(TlsRole::kClient, Bytes(size, 'x'), only(""));
    ASSERT_FALSE(made.ok());
    EXPECT_EQ(made.error().code, ErrorCode::kBadInput);
  }
}

TEST(TlsIdentity, TheKeyIsThatOfRfc8032) {  // section 7.1, test 1
  const auto seed = from_hex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
  EXPECT_EQ(to_hex(key_of(*seed)),
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
}

}  // namespace
}  // namespace steward::net
