#include "service/kv/kv_store.h"

#include <gtest/gtest.h>

#include "service/kv/command_table.h"
#include "wire/limits.h"

namespace steward::kv {
namespace {

using Words = std::vector<std::string>;

Bytes request_of(const std::vector<Words>& commands, bool atomic = false) {
  Request request;
  request.set_atomic(atomic);
  for (const Words& words : commands) {
    Command& command = *request.add_commands();
    for (const std::string& word : words) command.add_args(word);
  }
  return request.SerializeAsString();
}

// A value as one line, enough to compare.
std::string text_of(const Value& value) {
  switch (value.kind_case()) {
    case Value::kSimple:
      return "+" + value.simple();
    case Value::kError:
      return "-" + value.error();
    case Value::kInteger:
      return ":" + std::to_string(value.integer());
    case Value::kBulk:
      return value.bulk();
    case Value::kNull:
      return "(nil)";
    case Value::kArray: {
      std::string text = "[";
      for (const Value& part : value.array().values()) text += text_of(part) + " ";
      return text + "]";
    }
    case Value::kMap:
    case Value::kSet:
    case Value::kVerbatim:
    case Value::KIND_NOT_SET:
      break;
  }
  return "?";
}

std::vector<std::string> texts_of(const Bytes& result) {
  Response response;
  EXPECT_TRUE(response.ParseFromString(result));
  std::vector<std::string> texts;
  for (const Value& value : response.values()) texts.push_back(text_of(value));
  return texts;
}

class KvStoreTest : public testing::Test {
 protected:
  std::string run(const Words& words) { return texts_of(store_.apply(request_of({words}))).at(0); }

  KvStore store_{HashKey{}};
};

TEST_F(KvStoreTest, CommandsOfOneRequestRunInOrder) {
  EXPECT_EQ(
      texts_of(store_.apply(
          request_of({{"set", "a", "1"}, {"INCR", "a"}, {"get", "a"}, {"nope", "x"}, {"dbsize"}}))),
      (std::vector<std::string>{
          "+OK", ":2", "2", "-ERR unknown command 'nope', with args beginning with: 'x' ", ":1"}));
}

TEST_F(KvStoreTest, QueriesReadAndNeverWrite) {
  run({"set", "a", "1"});
  const auto texts = texts_of(store_.query(request_of({{"get", "a"}, {"del", "a"}, {"get", "a"}})));
  EXPECT_EQ(texts[0], "1");
  EXPECT_EQ(texts[1], "-ERR this query contains a command that writes");
  EXPECT_EQ(texts[2], "1");
}

TEST_F(KvStoreTest, ScanVisitsEveryKeyThatStays) {
  for (int i = 0; i < 3000; ++i) run({"set", std::to_string(i), ""});
  std::set<std::string> seen;
  std::string cursor = "0";
  int calls = 0;
  do {
    Response response;
    ASSERT_TRUE(response.ParseFromString(
        store_.query(request_of({{"scan", cursor, "count", "100", "match", "*7*"}}))));
    cursor = response.values(0).array().values(0).bulk();
    for (const Value& key : response.values(0).array().values(1).array().values()) {
      EXPECT_TRUE(seen.insert(key.bulk()).second);
    }
    run({"set", "new" + std::to_string(calls), ""});  // must not disturb the iteration
    ++calls;
  } while (cursor != "0");
  EXPECT_GT(calls, 20);
  for (int i = 0; i < 3000; ++i) {
    const std::string key = std::to_string(i);
    EXPECT_EQ(seen.count(key) != 0, key.find('7') != std::string::npos) << key;
  }
}

TEST_F(KvStoreTest, LimitsHaveClearErrors) {
  const Bytes big_key(limits::kMaxKeyBytes + 1, 'k');
  const Bytes big_value(limits::kMaxValueBytes + 1, 'v');
  EXPECT_EQ(run({"set", big_key, ""}), "-ERR key exceeds 1024 bytes");
  EXPECT_EQ(run({"get", big_key}), "-ERR key exceeds 1024 bytes");
  EXPECT_EQ(run({"set", "a", big_value}), "-ERR value exceeds 524288 bytes");
  EXPECT_EQ(run({"set", "a", big_value.substr(1)}), "+OK");
  EXPECT_EQ(run({"append", "a", "x"}), "-ERR value exceeds 524288 bytes");
  EXPECT_EQ(run({"keys", big_key}), "-ERR pattern exceeds 1024 bytes");
  EXPECT_EQ(run({"scan", "0", "match", big_key}), "-ERR pattern exceeds 1024 bytes");
}

TEST_F(KvStoreTest, ResultsStayWithinTheirLimit) {
  run({"set", "a", Bytes(limits::kMaxValueBytes, 'v')});
  EXPECT_EQ(run(Words{"mget"} =
                    [] {
                      Words words(100, "a");
                      words[0] = "mget";
                      return words;
                    }()),
            "-ERR reply would exceed the result limit");
}

TEST_F(KvStoreTest, APipelineStopsWhereItsRepliesNoLongerFit) {
  run({"set", "a", Bytes(limits::kMaxValueBytes, 'v')});
  std::vector<Words> commands(20, {"get", "a"});
  commands.push_back({"getset", "a", "new"});
  const Bytes result = store_.apply(request_of(commands));
  EXPECT_LE(result.size(), limits::kMaxResultBytes);
  const auto texts = texts_of(result);
  EXPECT_EQ(texts, std::vector<std::string>(15, Bytes(limits::kMaxValueBytes, 'v')));
  EXPECT_EQ(run({"strlen", "a"}), ":524288");  // the rest did not run
}

TEST_F(KvStoreTest, ATransactionRunsWholeWhateverItsReplies) {
  run({"set", "a", Bytes(limits::kMaxValueBytes, 'v')});
  std::vector<Words> commands(20, {"get", "a"});
  commands.push_back({"getset", "a", "new"});
  commands.push_back({"exists", "a"});
  const Bytes result = store_.apply(request_of(commands, true));
  EXPECT_LE(result.size(), limits::kMaxResultBytes);
  const auto texts = texts_of(result);
  ASSERT_EQ(texts.size(), 22U);
  EXPECT_EQ(texts[19], "-ERR reply would exceed the result limit");
  // A write whose reply might not fit is refused before it changes anything.
  EXPECT_EQ(texts[20], "-ERR reply would exceed the result limit");
  EXPECT_EQ(texts[21], ":1");
  EXPECT_EQ(run({"strlen", "a"}), ":524288");
}

TEST_F(KvStoreTest, AsManyCommandsAsOneRequestMayHave) {
  const std::vector<Words> commands(kMaxRequestCommands, {"x"});
  for (const bool atomic : {false, true}) {
    const Bytes result = store_.apply(request_of(commands, atomic));
    EXPECT_LE(result.size(), limits::kMaxResultBytes);
    EXPECT_EQ(texts_of(result).size(), commands.size());
  }
  EXPECT_EQ(texts_of(store_.apply(request_of(std::vector<Words>(kMaxRequestCommands + 1, {"x"})))),
            (std::vector<std::string>{"-ERR too many commands in one request"}));
}

TEST_F(KvStoreTest, HostilePayloadsGetAnError) {
  const std::vector<std::string> malformed = {"-ERR malformed request"};
  EXPECT_EQ(texts_of(store_.apply("\xff\xff garbage")), malformed);
  EXPECT_EQ(texts_of(store_.apply(Bytes(limits::kMaxUpdateBytes + 1, '\0'))), malformed);
  EXPECT_EQ(run({}), "-ERR unknown command '', with args beginning with: ");
  EXPECT_TRUE(texts_of(store_.apply("")).empty());
}

TEST_F(KvStoreTest, StateMovesBetweenServers) {
  for (int i = 0; i < 500; ++i) run({"set", "k" + std::to_string(i), std::to_string(i)});
  std::map<PageKey, Bytes> pages;
  for (auto& [key, page] : store_.collect()) pages[key] = *page;
  KvStore other{HashKey{}};
  ASSERT_TRUE(other.load(pages));
  EXPECT_EQ(other.size(), 500U);
  EXPECT_EQ(texts_of(other.query(request_of({{"get", "k77"}}))), (std::vector<std::string>{"77"}));
}

TEST(CommandTable, RowsAreConsistent) {
  for (const CommandSpec& spec : commands()) {
    EXPECT_NE(spec.read == nullptr, spec.write == nullptr) << spec.name;
    EXPECT_EQ(spec.flags.find("write") != std::string_view::npos, spec.write != nullptr)
        << spec.name;
    EXPECT_EQ(spec.first_key == 0, spec.key_access.empty()) << spec.name;
    EXPECT_EQ(find_command(spec.name), &spec);
    EXPECT_FALSE(spec.summary.empty() || spec.group.empty() || spec.complexity.empty());
  }
  EXPECT_EQ(find_command("GeT"), find_command("get"));
  EXPECT_EQ(find_command("watch"), nullptr);
}

}  // namespace
}  // namespace steward::kv
