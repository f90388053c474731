#include "net/client_channel.h"

#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <boost/asio/io_context.hpp>

#include "net/test_cluster.h"
#include "wire/limits.h"

namespace steward::net {
namespace {

constexpr ServerId kServer{0, 0};

// A client whose event loop runs only while the test waits for something.
class TestClient {
 public:
  TestClient(const TestCluster& cluster, const Bytes& seed) {
    ClientChannelOptions options;
    options.host = "127.0.0.1";
    options.port = cluster.port(kServer);
    options.server_key = cluster.directory.sites[0].servers[0];
    options.seed = seed;
    options.max_queue_bytes = 20 << 20;
    open(options);
  }
  explicit TestClient(const ClientChannelOptions& options) { open(options); }

  bool eventually(const std::function<bool()>& condition) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!condition() && std::chrono::steady_clock::now() < end) {
      context_.run_for(std::chrono::milliseconds(2));
    }
    return condition();
  }
  bool connects() {
    return eventually([&] { return channel_->connected(); });
  }
  bool send(Bytes frame) { return channel_->send(std::make_shared<const Bytes>(std::move(frame))); }
  bool connected() const { return channel_->connected(); }

  int ups = 0;
  std::vector<Bytes> frames;
  std::vector<std::string> reasons;

 private:
  void open(const ClientChannelOptions& options) {
    auto opened = ClientChannel::open(
        context_, options,
        {[this] { ++ups; }, [this](Bytes frame) { frames.push_back(std::move(frame)); },
         [this](const std::string& reason) { reasons.push_back(reason); }});
    EXPECT_TRUE(opened.ok());
    channel_ = std::move(opened).value();
  }

  boost::asio::io_context context_;
  std::unique_ptr<ClientChannel> channel_;
};

TEST(ClientChannel, AsksAndIsAnswered) {
  const TestCluster cluster({1});
  TestServer server(cluster.options(kServer));
  TestClient client(cluster, cluster.client_seed);
  EXPECT_FALSE(client.send("too early"));
  ASSERT_TRUE(client.connects());
  EXPECT_EQ(client.ups, 1);
  EXPECT_TRUE(client.send("question"));
  EXPECT_TRUE(client.send(Bytes(3 << 20, 'q')));
  ASSERT_TRUE(client.eventually([&] { return server.client_frames().size() == 2; }));
  EXPECT_EQ(server.client_frames().front(), "question");
  EXPECT_EQ(server.client_keys(), std::set<Bytes>{cluster.directory.clients.front()});
  const ClientConnectionId id = *server.clients().begin();
  server.links().send_client(id, "answer");
  server.links().send_client(id, Bytes(8 << 20, 'a'));
  server.links().send_client(id + 100, "to nobody");
  ASSERT_TRUE(client.eventually([&] { return client.frames.size() == 2; }));
  EXPECT_EQ(client.frames.front(), "answer");
  EXPECT_EQ(client.frames.back(), Bytes(8 << 20, 'a'));
  EXPECT_EQ(server.links().stats().clients, 1U);
  EXPECT_GT(server.links().stats().client_bytes_in, 3U << 20);
  EXPECT_GT(server.links().stats().client_bytes_out, 8U << 20);
}

TEST(ClientChannel, AClientThatIsNotListedIsRefused) {
  const TestCluster cluster({1});
  TestServer server(cluster.options(kServer));
  TestClient stranger(cluster, Bytes(kSeedBytes, 'x'));
  ASSERT_TRUE(stranger.eventually([&] { return stranger.reasons.size() >= 2; }));
  EXPECT_EQ(stranger.ups, 0);
  EXPECT_NE(stranger.reasons.front().find("we were refused"), std::string::npos)
      << stranger.reasons.front();
  EXPECT_TRUE(eventually([&] { return server.links().stats().refused_connections >= 2; }));
}

TEST(ClientChannel, AnotherServerThanExpectedIsRefused) {
  const TestCluster cluster({2});
  TestServer server(cluster.options(kServer));
  ClientChannelOptions options;
  options.host = "127.0.0.1";
  options.port = cluster.port(kServer);
  options.server_key = cluster.directory.sites[0].servers[1];
  options.seed = cluster.client_seed;
  TestClient client(options);
  ASSERT_TRUE(client.eventually([&] { return !client.reasons.empty(); }));
  EXPECT_EQ(client.ups, 0);
  EXPECT_NE(client.reasons.front().find("key of the other side"), std::string::npos)
      << client.reasons.front();
}

TEST(ClientChannel, SaysWhyAndComesBackWhenTheServerDoes) {
  const TestCluster cluster({1});
  TestClient client(cluster, cluster.client_seed);
  ASSERT_TRUE(client.eventually([&] { return client.reasons.size() >= 2; }));
  EXPECT_NE(client.reasons.front().find("refused"), std::string::npos) << client.reasons.front();
  {
    TestServer server(cluster.options(kServer));
    ASSERT_TRUE(client.connects());
  }
  ASSERT_TRUE(client.eventually([&] { return !client.connected(); }));
  TestServer server(cluster.options(kServer));
  ASSERT_TRUE(client.connects());
  EXPECT_EQ(client.ups, 2);
}

TEST(ClientChannel, AServerThatNeverAnswersIsGivenUp) {
  RawSocket silent;
  ClientChannelOptions options;
  options.host = "127.0.0.1";
  options.port = silent.bind_to_free_port();
  silent.listen();
  options.server_key = Bytes(kSeedBytes, 'k');
  options.seed = Bytes(kSeedBytes, 's');
  options.handshake_limit = 100ms;
  TestClient client(options);
  ASSERT_TRUE(client.eventually([&] { return client.reasons.size() >= 2; }));
  EXPECT_NE(client.reasons.front().find("no handshake"), std::string::npos)
      << client.reasons.front();
}

TEST(ClientChannel, TheQueueIsBounded) {
  const TestCluster cluster({1});
  TestServer server(cluster.options(kServer));
  TestClient client(cluster, cluster.client_seed);
  ASSERT_TRUE(client.connects());
  EXPECT_FALSE(client.send(Bytes(limits::kMaxFrameBytes + 1, 'x')));
  EXPECT_TRUE(client.send(Bytes(15 << 20, 'x')));
  EXPECT_FALSE(client.send(Bytes(6 << 20, 'x')));  // 20 MiB is the limit here
  EXPECT_TRUE(client.send("small"));
}

TEST(ClientSessions, OneClientsOldestConnectionGivesWay) {
  const TestCluster cluster({1});
  auto options = cluster.options(kServer);
  options.max_connections_per_client = 2;
  TestServer server(options);
  TestClient first(cluster, cluster.client_seed);
  ASSERT_TRUE(first.connects());
  TestClient second(cluster, cluster.client_seed);
  ASSERT_TRUE(second.connects());
  TestClient third(cluster, cluster.client_seed);
  ASSERT_TRUE(third.connects());
  EXPECT_TRUE(eventually([&] { return server.links().stats().clients == 2; }));
  EXPECT_EQ(server.clients_closed(), 1);
  EXPECT_TRUE(first.eventually([&] { return !first.reasons.empty(); }));
}

TEST(ClientSessions, BeyondTheLimitClientsAreRefused) {
  TestCluster cluster({1});
  const Bytes other_seed(kSeedBytes, 'O');
  cluster.directory.clients.push_back(public_key_of_seed(other_seed).value());
  auto options = cluster.options(kServer);
  options.max_clients = 1;
  TestServer server(options);
  TestClient first(cluster, cluster.client_seed);
  ASSERT_TRUE(first.connects());
  TestClient second(cluster, other_seed);
  ASSERT_TRUE(second.eventually([&] { return second.reasons.size() >= 2; }));
  EXPECT_EQ(second.ups, 0);
  EXPECT_EQ(server.links().stats().clients, 1U);
  EXPECT_GE(server.links().stats().refused_connections, 2U);
}

TEST(ClientSessions, AClientThatDoesNotReadIsCutOff) {
  const TestCluster cluster({1});
  auto options = cluster.options(kServer);
  options.max_client_queue_bytes = 10 << 20;
  TestServer server(options);
  TestClient client(cluster, cluster.client_seed);
  ASSERT_TRUE(client.connects());
  ASSERT_TRUE(client.send("give me all"));
  ASSERT_TRUE(client.eventually([&] { return server.clients().size() == 1; }));
  const ClientConnectionId id = *server.clients().begin();
  for (int i = 0; i < 40; ++i) server.links().send_client(id, Bytes(1 << 20, 'x'));
  EXPECT_TRUE(eventually([&] { return server.clients_closed() == 1; }));  // its loop stands still
  EXPECT_EQ(server.links().stats().refused_connections, 1U);
  EXPECT_EQ(server.links().stats().clients, 0U);
}

TEST(ClientSessions, AListedClientThatSendsGarbageIsCutOff) {
  const TestCluster cluster({1});
  TestServer server(cluster.options(kServer));
  const auto context =
      TlsContext::make(TlsRole::kClient, cluster.client_seed, [](BytesView) { return true; });
  ASSERT_TRUE(context.ok());
  RawSocket socket;
  socket.connect(cluster.port(kServer));
  SSL* session = (*context)->new_session();
  ASSERT_EQ(SSL_set_fd(session, socket.fd()), 1);
  ASSERT_EQ(SSL_connect(session), 1);
  Bytes greeting(4, 'x');
  ASSERT_EQ(SSL_read(session, greeting.data(), 4), 4);
  EXPECT_EQ(greeting, Bytes(4, '\0'));
  const Bytes sent = Bytes("\0\0\0\2ok", 6) + Bytes(100, '\xff');
  ASSERT_GT(SSL_write(session, sent.data(), static_cast<int>(sent.size())), 0);
  EXPECT_TRUE(eventually([&] { return server.clients_closed() == 1; }));
  EXPECT_EQ(server.client_frames(), std::vector<Bytes>{"ok"});
  EXPECT_TRUE(eventually([&] { return socket.is_closed(); }));
  SSL_free(session);
}

TEST(ClientSessions, TheLayerAboveMayCloseAClient) {
  const TestCluster cluster({1});
  TestServer server(cluster.options(kServer));
  TestClient client(cluster, cluster.client_seed);
  ASSERT_TRUE(client.connects());
  ASSERT_TRUE(client.send("nonsense"));
  ASSERT_TRUE(client.eventually([&] { return server.clients().size() == 1; }));
  server.links().close_client(*server.clients().begin());
  EXPECT_TRUE(client.eventually([&] { return !client.reasons.empty(); }));
  EXPECT_TRUE(eventually([&] { return server.clients_closed() == 1; }));
}

}  // namespace
}  // namespace steward::net
