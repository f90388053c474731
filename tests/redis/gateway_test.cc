// The real listener with real clients on a loopback port: redis-cli, redis-benchmark, hiredis, and
// some that do not behave.
#include "gateway/gateway.h"

#include <gtest/gtest.h>
#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <future>
#include <memory>
#include <thread>

#include "local_gateway.h"
#include "wire/limits.h"

namespace steward::test {
namespace {

using Reply = std::unique_ptr<redisReply, void (*)(void*)>;

class GatewayTest : public testing::Test {
 protected:
  void SetUp() override {
    gateway::GatewayOptions options;
    options.max_connections = 100;
    auto listening = gateway::Gateway::listen(context_, options, backend_);
    ASSERT_TRUE(listening.ok()) << listening.error().message;
    gateway_ = std::move(listening).value();
    thread_ = std::thread([this] { context_.run(); });
  }
  void TearDown() override {
    context_.stop();
    if (thread_.joinable()) thread_.join();
  }

  std::string port() const { return std::to_string(gateway_->port()); }

  // What a command line prints, both streams; its exit status must be 0.
  static std::string shell(const std::string& line) {
    std::FILE* pipe = ::popen((line + " 2>&1").c_str(), "r");
    std::string text;
    std::array<char, 4096> buffer{};
    std::size_t size = 0;
    while ((size = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0) {
      text.append(buffer.data(), size);
    }
    EXPECT_EQ(::pclose(pipe), 0) << line << "\n" << text;
    return text;
  }
  std::string cli(const std::string& arguments) {
    return shell("redis-cli -p " + port() + " " + arguments);
  }
  std::unique_ptr<redisContext, void (*)(redisContext*)> connect() {
    return {redisConnect("127.0.0.1", gateway_->port()), redisFree};
  }
  static Reply ask(redisContext* client, std::initializer_list<std::string_view> words) {
    std::vector<const char*> texts;
    std::vector<std::size_t> sizes;
    for (const std::string_view word : words) {
      texts.push_back(word.data());
      sizes.push_back(word.size());
    }
    void* reply =
        redisCommandArgv(client, static_cast<int>(texts.size()), texts.data(), sizes.data());
    return {static_cast<redisReply*>(reply), freeReplyObject};
  }

  boost::asio::io_context context_;
  LocalBackend backend_{context_};
  std::unique_ptr<gateway::Gateway> gateway_;
  std::thread thread_;
};

TEST_F(GatewayTest, RedisCli) {
  EXPECT_EQ(cli("set greeting hello"), "OK\n");
  EXPECT_EQ(cli("get greeting"), "hello\n");
  EXPECT_EQ(cli("-3 config get save"), "save \n");
  EXPECT_NE(cli("info").find("db0:keys=1"), std::string::npos);
  EXPECT_NE(cli("-3 info keyspace").find("db0:keys=1"), std::string::npos);
  EXPECT_EQ(cli("config set steward-read linearizable"), "OK\n");
  EXPECT_EQ(cli("get greeting"), "hello\n");
  EXPECT_EQ(cli("--scan"), "greeting\n");
  EXPECT_NE(cli("client list").find("cmd=client|list"), std::string::npos);
  EXPECT_NE(cli("command docs get").find("Returns the value of a key"), std::string::npos);
  EXPECT_NE(cli("--bigkeys").find("1 strings"), std::string::npos);
  EXPECT_NE(
      shell("printf 'SET a 1\\r\\nINCR a\\r\\nGET a\\r\\n' | redis-cli -p " + port() + " --pipe")
          .find("errors: 0, replies: 3"),
      std::string::npos);
}

TEST_F(GatewayTest, RedisBenchmark) {
  const std::string text =
      shell("redis-benchmark -p " + port() + " -t set,get,incr,mset -n 20000 -c 50 -P 16 -q");
  for (const std::string name : {"SET", "GET", "INCR", "MSET"}) {
    EXPECT_NE(text.find(name), std::string::npos) << text;
  }
  EXPECT_EQ(text.find("Error"), std::string::npos) << text;
  EXPECT_EQ(text.find("WARNING"), std::string::npos) << text;
}

TEST_F(GatewayTest, HiredisPipelinesKeepTheirOrder) {
  const auto client = connect();
  ASSERT_EQ(client->err, 0);
  constexpr int kCommands = 20'000;
  for (int i = 0; i < kCommands; ++i) {
    redisAppendCommand(client.get(), i % 2 == 0 ? "INCR n" : "GET n");
  }
  for (int i = 0; i < kCommands; ++i) {
    void* raw = nullptr;
    ASSERT_EQ(redisGetReply(client.get(), &raw), REDIS_OK);
    const Reply reply(static_cast<redisReply*>(raw), freeReplyObject);
    const long long n = i % 2 == 0 ? reply->integer : std::stoll(reply->str);
    ASSERT_EQ(n, i / 2 + 1);
  }
}

TEST_F(GatewayTest, BigValuesAndBigPipelines) {
  const auto client = connect();
  const Bytes value(limits::kMaxValueBytes, 'v');
  EXPECT_STREQ(ask(client.get(), {"SET", "big", value})->str, "OK");
  EXPECT_STREQ(ask(client.get(), {"SET", "big", value + "x"})->str,
               "ERR value exceeds 524288 bytes");
  EXPECT_STREQ(ask(client.get(), {"MSET", "a", value, "b", value, "c", value, "d", value})->str,
               "ERR command exceeds 2031616 bytes");
  // More than one result holds, while the client reads late.
  constexpr int kReads = 60;
  for (int i = 0; i < kReads; ++i) redisAppendCommand(client.get(), "GET big");
  redisAppendCommand(client.get(), "STRLEN big");
  for (int i = 0; i < kReads; ++i) {
    void* raw = nullptr;
    ASSERT_EQ(redisGetReply(client.get(), &raw), REDIS_OK);
    const Reply reply(static_cast<redisReply*>(raw), freeReplyObject);
    ASSERT_EQ(reply->type, REDIS_REPLY_STRING) << reply->str;
    ASSERT_EQ(reply->len, value.size());
  }
  void* raw = nullptr;
  ASSERT_EQ(redisGetReply(client.get(), &raw), REDIS_OK);
  EXPECT_EQ(Reply(static_cast<redisReply*>(raw), freeReplyObject)->integer, 524288);
  // More than one update holds.
  for (int i = 0; i < 12; ++i) {
    redisAppendCommand(client.get(), "SET key%d %b", i, value.data(), value.size());
  }
  for (int i = 0; i < 12; ++i) {
    ASSERT_EQ(redisGetReply(client.get(), &raw), REDIS_OK);
    EXPECT_STREQ(Reply(static_cast<redisReply*>(raw), freeReplyObject)->str, "OK");
  }
}

TEST_F(GatewayTest, TakenPortIsOneClearError) {
  gateway::GatewayOptions options;
  options.port = gateway_->port();
  boost::asio::io_context other;
  LocalBackend backend(other);
  const auto second = gateway::Gateway::listen(other, options, backend);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().message,
            "cannot listen for Redis clients on 127.0.0.1:" + port() + ": the port is taken");
}

TEST_F(GatewayTest, ConnectionsAreLimited) {
  std::vector<std::unique_ptr<redisContext, void (*)(redisContext*)>> clients;
  for (int i = 0; i < 100; ++i) {
    clients.push_back(connect());
    ASSERT_STREQ(ask(clients.back().get(), {"PING"})->str, "PONG");
  }
  const auto refused = connect();
  const Reply reply = ask(refused.get(), {"PING"});
  // Or the connection ended before the error could be read.
  if (reply != nullptr) {
    EXPECT_STREQ(reply->str, "ERR max number of clients reached");
  }
  clients.pop_back();
  for (int attempt = 0; attempt < 200; ++attempt) {
    const auto next = connect();
    const Reply pong = ask(next.get(), {"PING"});
    if (pong != nullptr && std::string_view(pong->str, pong->len) == "PONG") return;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  FAIL() << "a closed connection does not make room";
}

TEST_F(GatewayTest, GarbageAndSuddenEndsHarmNobody) {
  for (int i = 0; i < 50; ++i) {
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(gateway_->port());
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ASSERT_EQ(::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    const Bytes garbage = i % 2 == 0
                              ? Bytes(100'000, static_cast<char>(i * 5))
                              : Bytes("*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\nb\r\nINCR n\r\nGE");
    ::send(fd, garbage.data(), garbage.size(), MSG_NOSIGNAL);
    ::close(fd);
  }
  EXPECT_EQ(cli("ping"), "PONG\n");
}

}  // namespace
}  // namespace steward::test
