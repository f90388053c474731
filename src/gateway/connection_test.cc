#include "gateway/connection.h"

#include <gtest/gtest.h>

#include "service/kv/kv_store.h"

namespace steward::gateway {
namespace {

class ConnectionTest : public testing::Test {
 protected:
  std::optional<Connection::Request> send(BytesView lines) {
    connection_.receive(lines);
    return connection_.advance();
  }
  Bytes output() { return std::exchange(connection_.output(), {}); }
  static int commands_in(const Connection::Request& request) {
    kv::Request parsed;
    EXPECT_TRUE(parsed.ParseFromString(request.payload));
    return parsed.commands_size();
  }
  void answer(const Connection::Request& request) {
    connection_.complete(request.update ? store_.apply(request.payload)
                                        : store_.query(request.payload));
  }

  kv::KvStore store_{kv::HashKey{}};
  Shared shared_;
  Connection connection_{shared_, "1.2.3.4:5", "6.7.8.9:10"};
};

TEST_F(ConnectionTest, APipelineThatWritesIsOneUpdate) {
  const auto request = send("GET a\nPING\nSET a 1\nECHO x\nGET a\n");
  ASSERT_TRUE(request.has_value());
  EXPECT_TRUE(request->update);
  EXPECT_EQ(commands_in(*request), 3);
  EXPECT_EQ(output(), "");
  answer(*request);
  EXPECT_EQ(output(), "$-1\r\n+PONG\r\n+OK\r\n$1\r\nx\r\n$1\r\n1\r\n");
}

TEST_F(ConnectionTest, ReadsAreAQueryUnlessTheyMustBeLinearizable) {
  auto request = send("GET a\nEXISTS a\nINFO\n");
  ASSERT_TRUE(request.has_value());
  EXPECT_FALSE(request->update);
  answer(*request);
  request = send("CONFIG SET steward-read linearizable\nGET a\nCONFIG SET steward-read local\n");
  ASSERT_TRUE(request.has_value());
  EXPECT_TRUE(request->update);
  answer(*request);
  request = send("GET a\n");
  ASSERT_TRUE(request.has_value());
  EXPECT_FALSE(request->update);
}

TEST_F(ConnectionTest, NothingOvertakesTheRequestUnderWay) {
  const auto first = send("SET a 1\n");
  ASSERT_TRUE(first.has_value());
  EXPECT_FALSE(connection_.wants_input());
  EXPECT_FALSE(send("PING\nINCR a\n").has_value());
  EXPECT_EQ(output(), "");
  answer(*first);
  EXPECT_EQ(output(), "+OK\r\n");
  EXPECT_TRUE(connection_.has_backlog());
  const auto second = connection_.advance();
  ASSERT_TRUE(second.has_value());
  answer(*second);
  EXPECT_EQ(output(), "+PONG\r\n:2\r\n");
}

TEST_F(ConnectionTest, ATransactionTravelsAloneAndWhole) {
  auto request = send("SET a 1\nMULTI\nINCR a\nPING\nGET a\nEXEC\nGET a\n");
  ASSERT_TRUE(request.has_value());
  EXPECT_EQ(commands_in(*request), 1);
  answer(*request);
  request = connection_.advance();
  ASSERT_TRUE(request.has_value());
  kv::Request transaction;
  ASSERT_TRUE(transaction.ParseFromString(request->payload));
  EXPECT_TRUE(transaction.atomic());
  EXPECT_EQ(transaction.commands_size(), 2);
  answer(*request);
  request = connection_.advance();
  ASSERT_TRUE(request.has_value());
  EXPECT_FALSE(request->update);
  answer(*request);
  EXPECT_EQ(
      output(),
      "+OK\r\n+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*3\r\n:2\r\n+PONG\r\n$1\r\n2\r\n$1\r\n2\r\n");
}

TEST_F(ConnectionTest, FailuresAreToldToEveryCommandThatAsked) {
  const auto request = send("PING\nSET a 1\nGET a\n");
  ASSERT_TRUE(request.has_value());
  connection_.complete(Error{ErrorCode::kUnavailable, "nobody answers"});
  EXPECT_EQ(output(), "+PONG\r\n-CLUSTERDOWN nobody answers\r\n-CLUSTERDOWN nobody answers\r\n");
  ASSERT_TRUE(send("GET a\n").has_value());
  connection_.complete(Bytes("\xff\xff"));
  EXPECT_EQ(output(), "-ERR the service's answer makes no sense\r\n");
  ASSERT_TRUE(send("GET a\n").has_value());
  connection_.complete(Bytes());
  EXPECT_EQ(output(), "-ERR the service's answer makes no sense\r\n");
}

TEST_F(ConnectionTest, BigPipelinesAreSplit) {
  const Bytes set = "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$524288\r\n" + Bytes(524'288, 'v') + "\r\n";
  Bytes expected;
  int updates = 0;
  for (int i = 0; i < 7; ++i) connection_.receive(set);
  EXPECT_FALSE(connection_.wants_input());
  while (const auto request = connection_.advance()) {
    ++updates;
    EXPECT_LE(request->payload.size(), kMaxRequestCost);
    answer(*request);
  }
  EXPECT_EQ(updates, 3);
  for (int i = 0; i < 7; ++i) expected += "+OK\r\n";
  EXPECT_EQ(output(), expected);
}

TEST_F(ConnectionTest, TransactionsAreBounded) {
  const Bytes set = "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$524288\r\n" + Bytes(524'288, 'v') + "\r\n";
  EXPECT_FALSE(send("MULTI\n" + set + set + set + set + "EXEC\n").has_value());
  EXPECT_FALSE(connection_.advance().has_value());
  EXPECT_EQ(output(),
            "+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n-ERR transaction exceeds 2031616 bytes\r\n"
            "-EXECABORT Transaction discarded because of previous errors.\r\n");
}

// A few bytes that ask for much are answered in portions.
TEST_F(ConnectionTest, LongLocalRepliesComeInPortions) {
  Bytes lines;
  for (int i = 0; i < 1000; ++i) lines += "COMMAND\n";
  connection_.receive(lines);
  std::size_t total = 0;
  int portions = 0;
  do {
    EXPECT_FALSE(connection_.advance().has_value());
    const std::size_t size = output().size();
    EXPECT_LT(size, 2U << 20);
    total += size;
    ++portions;
  } while (connection_.has_backlog());
  EXPECT_GT(portions, 3);
  EXPECT_GT(total, 4U << 20);
}

TEST_F(ConnectionTest, BrowsersAreCutOffWithoutAnAnswer) {
  EXPECT_FALSE(send("POST / HTTP/1.1\r\nSET a 1\r\n").has_value());
  EXPECT_TRUE(connection_.closing());
  EXPECT_EQ(output(), "");
}

TEST_F(ConnectionTest, QuitEndsAfterWhatCameBefore) {
  const auto request = send("SET a 1\nQUIT\nSET a 2\n");
  ASSERT_TRUE(request.has_value());
  EXPECT_FALSE(connection_.closing());
  answer(*request);
  EXPECT_EQ(output(), "+OK\r\n+OK\r\n");
  EXPECT_TRUE(connection_.closing());
  EXPECT_FALSE(connection_.advance().has_value());
}

TEST_F(ConnectionTest, SessionsAreListed) {
  send("CLIENT SETNAME joe\nCLIENT SETINFO LIB-NAME lib\nCLIENT SETINFO lib-ver 1.0\n");
  send("CLIENT SETINFO x y\nCLIENT SETINFO lib-name \"a b\"\n");
  EXPECT_EQ(output(),
            "+OK\r\n+OK\r\n+OK\r\n-ERR Unrecognized option 'x'\r\n"
            "-ERR lib-name cannot contain spaces, newlines or special characters.\r\n");
  {
    Connection other(shared_, "other:1", "other:2");
    send("CLIENT LIST\n");
    EXPECT_NE(output().find("\nid=2 addr=other:1"), std::string::npos);
  }
  send("CLIENT LIST\n");
  const Bytes list = output();
  EXPECT_EQ(list.find("other"), std::string::npos);
  EXPECT_NE(list.find("addr=1.2.3.4:5"), std::string::npos);
  EXPECT_NE(list.find("name=joe"), std::string::npos);
  EXPECT_NE(list.find("lib-name=lib lib-ver=1.0"), std::string::npos);
}

}  // namespace
}  // namespace steward::gateway
