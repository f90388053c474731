// The service and the gateway's connection against a real redis-server: the same bytes in, the same
// bytes out.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <regex>
#include <set>

#include "hiredis/hiredis.h"
#include "local_gateway.h"
#include "redis_server.h"

namespace steward::test {
namespace {

using Words = std::vector<std::string>;

Bytes encode(const Words& words) {
  Bytes bytes = "*" + std::to_string(words.size()) + "\r\n";
  for (const std::string& word : words) {
    bytes += "$" + std::to_string(word.size()) + "\r\n" + word + "\r\n";
  }
  return bytes;
}

constexpr std::string_view kMark = "$8\r\n<marked>\r\n";

// Both sides of the comparison.
class Pair {
 public:
  Pair() : redis_(server().socket_path()) { redis(encode({"flushall"})); }

  // One server for all tests of this program, with a clean database for each.
  static RedisServer& server() {
    static RedisServer instance;
    return instance;
  }

  // Redis' replies, which must not be to a transaction being queued.
  Bytes redis(BytesView bytes) {
    redis_.send(bytes);
    redis_.send(encode({"echo", "<marked>"}));
    Bytes replies = redis_.receive(0, kMark);
    if (replies.ends_with(kMark)) replies.resize(replies.size() - kMark.size());
    return replies;
  }
  Bytes ours(BytesView bytes) { return local_.exchange(bytes); }
  bool closing() const { return local_.closing(); }

  // What Redis says too much shows in the next comparison, or where both close.
  void expect_equal(BytesView bytes) {
    static const std::regex kId("\r\nid\r\n:[0-9]+\r\n");
    const Bytes mine = ours(bytes);
    redis_.send(bytes);
    const Bytes theirs = closing() ? redis_.receive_all() : redis_.receive(mine.size(), "");
    ASSERT_EQ(std::regex_replace(mine, kId, "\r\nid\r\n:7\r\n"),
              std::regex_replace(theirs, kId, "\r\nid\r\n:7\r\n"))
        << "for: " << bytes.substr(0, 2000);
  }

 private:
  RawClient redis_;
  kv::KvStore store_{kv::HashKey{}};
  LocalConnection local_{store_};
};

class Differential : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(Pair::server().running()) << "redis-server is needed and does not start";
  }
  std::mt19937 random_{20240229};

  template <class T>
  const T& pick(const std::vector<T>& from) {
    return from[random_() % from.size()];
  }
  std::string key() { return "k" + std::to_string(random_() % 12); }
  std::string value() {
    static const Words kValues = {"",
                                  "0",
                                  "1",
                                  "-1",
                                  "007",
                                  "-0",
                                  "+5",
                                  " 1",
                                  "1 ",
                                  "abc",
                                  "10",
                                  "9223372036854775807",
                                  "-9223372036854775808",
                                  "9223372036854775808",
                                  "1.5",
                                  std::string("a\0b\r\n", 5),
                                  "\xff"};
    return random_() % 4 == 0 ? std::to_string(random_()) : pick(kValues);
  }
  Words command();
};

Words Differential::command() {
  static const Words kKeyOnly = {"get", "INCR", "Decr", "strlen", "getdel", "type"};
  static const Words kKeyValue = {"set", "incrby", "decrby", "append", "getset", "setnx"};
  static const Words kOptions = {"nx", "XX", "get", "", "persist", "exx"};  // no expiry
  static const Words kMany = {"del", "exists", "mget"};
  static const Words kOdd = {"nope", "get", "set", "mset", "dbsize", "flushall", "", "keys"};
  switch (random_() % 10) {
    case 0:
    case 1:
      return {pick(kKeyOnly), key()};
    case 2:
    case 3:
      return {pick(kKeyValue), key(), value()};
    case 4: {
      Words words = {"SET", key(), value()};
      for (auto i = random_() % 3; i > 0; --i) words.push_back(pick(kOptions));
      return words;
    }
    case 5: {
      Words words = {pick(kMany)};
      for (auto i = random_() % 5; i > 0; --i) words.push_back(key());
      return words;
    }
    case 6: {
      Words words = {"mset"};
      for (auto i = random_() % 6; i > 0; --i) words.push_back(i % 2 == 0 ? key() : value());
      return words;
    }
    case 7:
      return random_() % 20 == 0 ? Words{"flushall", pick(Words{"async", "x"})} : Words{"dbsize"};
    case 8:
      return pick(std::vector<Words>{{"multi"},
                                     {"exec"},
                                     {"discard"},
                                     {"ping"},
                                     {"echo", value()},
                                     {"select", value()},
                                     {"ping", value()}});
    default: {
      Words words = {pick(kOdd)};
      if (words[0] == "flushall" || words[0] == "keys")
        words.emplace_back("one"), words.emplace_back("two");
      for (auto i = random_() % 4; i > 0; --i) words.push_back(value());
      if (words[0] == "keys") words.resize(1);
      return words;
    }
  }
}

TEST_F(Differential, RandomPipelines) {
  for (const std::string protocol : {"2", "3"}) {
    Pair pair;
    pair.expect_equal(encode({"hello", protocol}));
    for (int round = 0; round < 400; ++round) {
      Bytes pipeline;
      for (auto i = random_() % 40 + 1; i > 0; --i) pipeline += encode(command());
      pair.expect_equal(pipeline);
      if (HasFatalFailure()) return;
    }
  }
}

// Every reply of a conversation with the connection itself.
TEST_F(Differential, ConnectionCommands) {
  const std::vector<std::string> lines = {"PING",
                                          "ping a",
                                          "PING a b",
                                          "ECHO",
                                          "ECHO \"a\\x41\\n\"",
                                          "SELECT 0",
                                          "SELECT 1",
                                          "SELECT x",
                                          "SELECT -1",
                                          "SELECT 9999999999",
                                          "SELECT 9999999999999999999",
                                          "QUIET",
                                          "HELLO",
                                          "HELLO 3",
                                          "HELLO",
                                          "GET none",
                                          "HELLO 2",
                                          "HELLO 4",
                                          "HELLO x",
                                          "HELLO 3 AUTH a",
                                          "HELLO 2 SETNAME",
                                          "HELLO 2 AUTH a b",
                                          "HELLO 2 AUTH default b SETNAME joe",
                                          "CLIENT GETNAME",
                                          "HELLO 2 FOO",
                                          "HELLO 3 SETNAME \"a b\"",
                                          "CLIENT",
                                          "CLIENT foo bar",
                                          "CLIENT MAINT_NOTIFICATIONS on",
                                          "CLIENT SETNAME",
                                          "CLIENT SETNAME me",
                                          "CLIENT GETNAME",
                                          "CLIENT SETNAME \"\"",
                                          "CLIENT GETNAME",
                                          "CLIENT SETNAME \"a b\"",
                                          "CLIENT NO-EVICT on",
                                          "CLIENT NO-EVICT x",
                                          "CONFIG",
                                          "CONFIG foo",
                                          "CONFIG GET",
                                          "CONFIG GET save",
                                          "CONFIG GET appendonly",
                                          "CONFIG GET nothing",
                                          "CONFIG GET appendonl? nothing",
                                          "CONFIG SET save",
                                          "CONFIG SET databases 3",
                                          "CONFIG SET foo bar",
                                          "CONFIG SET a b c",
                                          "COMMAND foo",
                                          "COMMAND COUNT x",
                                          "COMMAND LIST x",
                                          "COMMAND INFO nothing",
                                          "COMMAND DOCS nothing",
                                          "COMMAND GETKEYS",
                                          "COMMAND GETKEYS get a",
                                          "COMMAND GETKEYS mset a b c d",
                                          "COMMAND GETKEYS dbsize x",
                                          "COMMAND GETKEYS foo x",
                                          "COMMAND GETKEYS get a b",
                                          "INFO nothing",
                                          "MULTI x",
                                          "EXEC",
                                          "DISCARD",
                                          "MULTI",
                                          "MULTI",
                                          "GET a",
                                          "EXEC",
                                          "MULTI",
                                          "NOPE",
                                          "PING",
                                          "EXEC",
                                          "MULTI",
                                          "GET",
                                          "DISCARD",
                                          "MULTI",
                                          "SET a 1",
                                          "INCR a",
                                          "INCR a b",
                                          "EXEC",
                                          "MULTI",
                                          "SET a x",
                                          "INCR a",
                                          "PING",
                                          "HELLO 3",
                                          "CONFIG GET save",
                                          "GET none",
                                          "COMMAND INFO none",
                                          "EXEC",
                                          "MULTI",
                                          "CLIENT foo",
                                          "RESET",
                                          "EXEC",
                                          "GET none",
                                          "MULTI",
                                          "EXEC",
                                          "",
                                          "   ",
                                          "WATCHED",
                                          "nope \"a b\" 'c\\'d'",
                                          "client|id",
                                          "RESET"};
  for (const std::string prefix : {"HELLO 2\r\n", "HELLO 3\r\n"}) {
    Pair one_by_one;
    one_by_one.expect_equal(prefix);
    for (const std::string& line : lines) one_by_one.expect_equal(line + "\r\n");
    Pair at_once;
    Bytes all = prefix;
    for (const std::string& line : lines) all += line + "\n";
    at_once.expect_equal(all);
  }
}

TEST_F(Differential, LongUnknownCommandsAreQuotedAlike) {
  Pair pair;
  for (const std::size_t size : {100U, 127U, 128U, 129U, 300U}) {
    const std::string word(size, 'x');
    pair.expect_equal(encode({word}));
    pair.expect_equal(encode({"n", word, "y"}));
    pair.expect_equal(encode({"n", "a", word, word}));
    pair.expect_equal(encode({"client", word}));
    pair.expect_equal(encode({word + "\r\n", std::string("a\0b", 3), "c\nd"}));
  }
}

TEST_F(Differential, InfoOfEveryCommandWithOneKey) {
  Pair pair;
  for (const std::string name : {"get", "incr", "append", "setnx", "strlen", "getdel"}) {
    pair.expect_equal(encode({"command", "info", name}));
    pair.expect_equal(encode({"hello", "3"}));
    pair.expect_equal(encode({"command", "info", name}));
    pair.expect_equal(encode({"hello", "2"}));
  }
}

// The strings in a reply, one level of arrays deep.
std::vector<std::string> strings_of(BytesView bytes) {
  redisReader* reader = redisReaderCreate();
  redisReaderFeed(reader, bytes.data(), bytes.size());
  void* parsed = nullptr;
  redisReaderGetReply(reader, &parsed);
  std::vector<std::string> strings;
  if (const auto* reply = static_cast<const redisReply*>(parsed)) {
    for (std::size_t i = 0; i < reply->elements; ++i) {
      const redisReply* element = reply->element[i];
      if (element->str != nullptr) strings.emplace_back(element->str, element->len);
      for (std::size_t j = 0; j < element->elements; ++j) {
        strings.emplace_back(element->element[j]->str, element->element[j]->len);
      }
    }
  }
  freeReplyObject(parsed);
  redisReaderFree(reader);
  return strings;
}

template <class Ask>
std::multiset<std::string> scan_all(const std::string& pattern, Ask ask) {
  std::multiset<std::string> keys;
  std::string cursor = "0";
  do {
    const auto strings = strings_of(ask(encode({"scan", cursor, "MATCH", pattern, "count", "50"})));
    if (strings.empty()) return {"no reply"};
    cursor = strings[0];
    keys.insert(strings.begin() + 1, strings.end());
  } while (cursor != "0");
  return keys;
}

TEST_F(Differential, PatternsMatchAlike) {
  Pair pair;
  const std::string alphabet = "ab[]^-*?\\";
  const auto word = [&](std::size_t longest) {
    std::string text;
    for (auto i = random_() % longest; i > 0; --i) text += alphabet[random_() % alphabet.size()];
    return text;
  };
  for (int i = 0; i < 400; ++i) pair.expect_equal(encode({"set", word(6) + "a", ""}));
  for (int i = 0; i < 3000; ++i) {
    const std::string pattern = word(8);
    auto theirs = strings_of(pair.redis(encode({"keys", pattern})));
    auto mine = strings_of(pair.ours(encode({"keys", pattern})));
    std::sort(theirs.begin(), theirs.end());
    std::sort(mine.begin(), mine.end());
    ASSERT_EQ(mine, theirs) << pattern;
    if (i % 100 != 0) continue;
    ASSERT_EQ(scan_all(pattern, [&](const Bytes& bytes) { return pair.ours(bytes); }),
              scan_all(pattern, [&](const Bytes& bytes) { return pair.redis(bytes); }))
        << pattern;
  }
}

TEST_F(Differential, ScanRefusesAlike) {
  Pair pair;
  for (const Words& words : std::vector<Words>{{"scan"},
                                               {"scan", "x"},
                                               {"scan", "1x"},
                                               {"scan", " 1"},
                                               {"scan", "0", "count"},
                                               {"scan", "0", "count", "0"},
                                               {"scan", "0", "count", "x"},
                                               {"scan", "0", "match"},
                                               {"scan", "0", "nope", "x"},
                                               {"scan", "0", "type"},
                                               {"scan", "99999999999999999999999"},
                                               {"scan", "-"},
                                               {"scan", "0", "type", "list"},
                                               {"scan", ""}}) {
    pair.expect_equal(encode(words));
  }
}

TEST_F(Differential, BrokenProtocolGetsTheSameError) {
  const std::vector<Bytes> streams = {
      "*1\r\n:3\r\n",
      "*x\r\n",
      "*99999999999\r\n",
      "*1\r\n$-1\r\n",
      "*1\r\n$x\r\n",
      "*1\r\n$999999999999\r\n",
      "PING\r\n*2\r\n$4\r\nECHO\r\nx\r\n",
      "SET \"a\r\n",
      "SET 'a\r\n",
      "\"a\"b\r\n",
      "*" + Bytes(70000, '1'),
      "*1\r\n$" + Bytes(70000, '1'),
      Bytes(70000, 'x'),
      "POST / HTTP/1.1\r\nHost: x\r\n\r\n",
      "QUIT\r\nPING\r\n",
      "MULTI\r\nQUIT\r\n",
      "*1\r\n\r\n",
  };
  for (const Bytes& stream : streams) {
    Pair pair;
    pair.expect_equal(stream);
    EXPECT_TRUE(pair.closing()) << stream.substr(0, 100);
  }
  for (const Bytes& stream : {Bytes("*0\r\n*-1\r\nPING\r\n"), Bytes("\r\n\n  \r\nPING\n")}) {
    Pair pair;
    pair.expect_equal(stream);
    EXPECT_FALSE(pair.closing());
  }
}

// Random damage to valid pipelines. Lengths stay valid often enough to go deep.
TEST_F(Differential, DamagedPipelines) {
  for (int round = 0; round < 400; ++round) {
    Bytes stream;
    for (auto i = random_() % 6 + 1; i > 0; --i) stream += encode(command());
    for (auto i = random_() % 3 + 1; i > 0; --i) {
      static const std::string kBytes = "*$\r\n019-ax \"'";
      stream[random_() % stream.size()] = kBytes[random_() % kBytes.size()];
    }
    Pair pair;
    pair.expect_equal(stream);
    if (HasFatalFailure()) FAIL() << stream;
  }
}

}  // namespace
}  // namespace steward::test
