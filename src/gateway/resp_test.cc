#include "gateway/resp.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace steward::gateway {
namespace {

using Words = std::vector<std::string>;

Bytes encode(const Words& words) {
  Bytes bytes = "*" + std::to_string(words.size()) + "\r\n";
  for (const std::string& word : words) {
    bytes += "$" + std::to_string(word.size()) + "\r\n" + word + "\r\n";
  }
  return bytes;
}

struct Outcome {
  std::vector<Words> commands;
  std::vector<std::string> refusals;
  std::string error;
  bool operator==(const Outcome&) const = default;
};

void feed(RequestParser& parser, BytesView bytes, Outcome& outcome) {
  while (auto parsed = parser.next(bytes)) {
    const auto& args = parsed->command.args();
    outcome.commands.emplace_back(args.begin(), args.end());
    outcome.refusals.emplace_back(parsed->refusal);
    RC_ASSERT(parsed->cost >= parsed->command.ByteSizeLong() + 4);
  }
  outcome.error = parser.error();
  RC_ASSERT(bytes.empty() || !outcome.error.empty());
}

Outcome parse(BytesView bytes, const std::vector<std::size_t>& cuts = {}) {
  RequestParser parser;
  Outcome outcome;
  for (const std::size_t cut : cuts) {
    const std::size_t size = bytes.empty() ? 0 : cut % (bytes.size() + 1);
    feed(parser, bytes.substr(0, size), outcome);
    bytes.remove_prefix(size);
  }
  feed(parser, bytes, outcome);
  return outcome;
}

RC_GTEST_PROP(RequestParser, ReadsWhatIsWritten, (const std::vector<Words>& commands)) {
  Bytes bytes;
  std::vector<Words> expected;
  for (const Words& words : commands) {
    bytes += encode(words);
    if (!words.empty()) expected.push_back(words);
  }
  RC_ASSERT(parse(bytes).commands == expected);
  RC_ASSERT(parse(bytes).error.empty());
}

// Pieces that meet in all the ways that matter to the parser.
rc::Gen<Bytes> stream() {
  return rc::gen::map(rc::gen::container<std::vector<Bytes>>(
                          rc::gen::elementOf(std::vector<Bytes>{"*2\r\n",
                                                                "*1\r\n",
                                                                "$3\r\n",
                                                                "$0\r\n",
                                                                "abc\r\n",
                                                                "\r\n",
                                                                "\n",
                                                                "\r",
                                                                "PING\r\n",
                                                                "set \"a b\" 'c'\r\n",
                                                                "*",
                                                                "$",
                                                                "-1",
                                                                "0",
                                                                "*0\r\n",
                                                                "\"",
                                                                "$-1\r\n",
                                                                " ",
                                                                "*1\r\n$4\r\nPING\r\n",
                                                                encode({"get", "a"})})),
                      [](const std::vector<Bytes>& pieces) {
                        Bytes all;
                        for (const Bytes& piece : pieces) all += piece;
                        return all;
                      });
}

RC_GTEST_PROP(RequestParser, AnySplitParsesEqual, (const std::vector<std::size_t>& cuts)) {
  const Bytes bytes = *stream();
  RC_ASSERT(parse(bytes, cuts) == parse(bytes));
}

RC_GTEST_PROP(RequestParser, ByteByByteParsesEqual, ()) {
  const Bytes bytes = *stream();
  RC_ASSERT(parse(bytes, std::vector<std::size_t>(bytes.size(), 1)) == parse(bytes));
}

RC_GTEST_PROP(RequestParser, SurvivesArbitraryBytes, (const Bytes& bytes)) { parse(bytes); }

TEST(RequestParserLimits, OversizedRequestsAreRefusedAndSkipped) {
  const Outcome outcome = parse(encode({"set", "a", Bytes(limits::kMaxValueBytes + 1, 'v')}) +
                                encode({"set", "a", Bytes(limits::kMaxValueBytes, 'v')}) +
                                encode(Words(70'000, "abc")) + encode({"ping"}));
  ASSERT_EQ(outcome.commands.size(), 4U);
  EXPECT_EQ(outcome.refusals, (std::vector<std::string>{"ERR value exceeds 524288 bytes", "",
                                                        "ERR command exceeds 2031616 bytes", ""}));
  EXPECT_EQ(outcome.commands[0].size(), 3U);
  EXPECT_EQ(outcome.commands[0][2], "");
  EXPECT_EQ(outcome.commands[3], Words{"ping"});
}

TEST(SplitInline, Quoting) {
  EXPECT_EQ(split_inline(" a  b\t"), (Words{"a", "b"}));
  EXPECT_EQ(split_inline(R"("a b" 'c\'d' "\x41\n\"")"), (Words{"a b", "c'd", "A\n\""}));
  EXPECT_EQ(split_inline("\"\" ''"), (Words{"", ""}));
  EXPECT_EQ(split_inline("\"a"), std::nullopt);
  EXPECT_EQ(split_inline("\"a\"b"), std::nullopt);
  EXPECT_EQ(split_inline(R"("a\)"), std::nullopt);
}

std::string written(const kv::Value& value, Protocol protocol) {
  Bytes out;
  write_value(value, protocol, out);
  return out;
}

TEST(WriteValue, BothProtocols) {
  kv::Value value;
  EXPECT_EQ(written(value, Protocol::kResp2), "$-1\r\n");
  EXPECT_EQ(written(value, Protocol::kResp3), "_\r\n");
  kv::Values& map = *value.mutable_map();
  map.add_values()->set_bulk("k");
  map.add_values()->mutable_set()->add_values()->set_simple("s");
  EXPECT_EQ(written(value, Protocol::kResp2), "*2\r\n$1\r\nk\r\n*1\r\n+s\r\n");
  EXPECT_EQ(written(value, Protocol::kResp3), "%1\r\n$1\r\nk\r\n~1\r\n+s\r\n");
  value.mutable_verbatim()->set_text("t");
  EXPECT_EQ(written(value, Protocol::kResp2), "$1\r\nt\r\n");
  EXPECT_EQ(written(value, Protocol::kResp3), "=5\r\ntxt:t\r\n");
  value.set_integer(-7);
  EXPECT_EQ(written(value, Protocol::kResp3), ":-7\r\n");
  value.set_error("ERR one\r\ntwo");
  EXPECT_EQ(written(value, Protocol::kResp2), "-ERR one  two\r\n");
}

}  // namespace
}  // namespace steward::gateway
