// What a C program does with hiredis, against the gateway at 127.0.0.1 and the port given: exits
// with 0 when every reply is what Redis would say, else names the first that is not.
#include <hiredis/hiredis.h>

#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace {

using Context = std::unique_ptr<redisContext, void (*)(redisContext*)>;
using Reply = std::unique_ptr<redisReply, void (*)(void*)>;

void require(bool holds, const std::string& what) {
  if (holds) return;
  std::fprintf(stderr, "%s\n", what.c_str());
  std::exit(1);
}

Reply next_reply(redisContext* client) {
  void* reply = nullptr;
  const bool got = redisGetReply(client, &reply) == REDIS_OK;
  require(got, std::string("no reply: ") + client->errstr);
  return {static_cast<redisReply*>(reply), freeReplyObject};
}

void send(redisContext* client, std::initializer_list<std::string_view> words) {
  std::vector<const char*> texts;
  std::vector<std::size_t> sizes;
  for (const std::string_view word : words) {
    texts.push_back(word.data());
    sizes.push_back(word.size());
  }
  redisAppendCommandArgv(client, static_cast<int>(texts.size()), texts.data(), sizes.data());
}

void expect_text(redisContext* client, const std::string& expected) {
  const Reply reply = next_reply(client);
  const std::string got =
      reply->str == nullptr ? "no text" : std::string(reply->str, reply->len).substr(0, 100);
  require(reply->str != nullptr && std::string(reply->str, reply->len) == expected,
          "expected '" + expected.substr(0, 100) + "', got '" + got + "'");
}

void expect_number(redisContext* client, long long expected) {
  const Reply reply = next_reply(client);
  require(reply->type == REDIS_REPLY_INTEGER && reply->integer == expected,
          "expected " + std::to_string(expected) + ", got type " + std::to_string(reply->type) +
              ", " + std::to_string(reply->integer));
}

void pipelines_keep_their_order(redisContext* client) {
  constexpr int kRounds = 500;
  send(client, {"DEL", "hiredis:n"});
  for (int i = 0; i < kRounds; ++i) {
    send(client, {"INCR", "hiredis:n"});
    send(client, {"GET", "hiredis:n"});
  }
  (void)next_reply(client);
  for (int i = 1; i <= kRounds; ++i) {
    expect_number(client, i);
    expect_text(client, std::to_string(i));
  }
}

void values_hold_any_bytes(redisContext* client) {
  std::string value(100'000, '\0');
  for (std::size_t i = 0; i < value.size(); ++i) value[i] = static_cast<char>(i * 7 % 256);
  send(client, {"SET", std::string_view("hiredis\0key\r\n", 13), value});
  send(client, {"GET", std::string_view("hiredis\0key\r\n", 13)});
  expect_text(client, "OK");
  expect_text(client, value);
}

void transactions_are_whole(redisContext* client) {
  for (const auto& words : {std::initializer_list<std::string_view>{"MULTI"},
                            {"SET", "hiredis:t", "1"},
                            {"INCRBY", "hiredis:t", "41"},
                            {"EXEC"}}) {
    send(client, words);
  }
  expect_text(client, "OK");
  expect_text(client, "QUEUED");
  expect_text(client, "QUEUED");
  const Reply reply = next_reply(client);
  require(
      reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 && reply->element[1]->integer == 42,
      "EXEC does not give two results of which the second is 42");
}

void mistakes_are_told(redisContext* client) {
  send(client, {"SET", "hiredis:text", "words"});
  send(client, {"INCR", "hiredis:text"});
  send(client, {"LPUSH", "hiredis:list", "a"});
  expect_text(client, "OK");
  expect_text(client, "ERR value is not an integer or out of range");
  require(next_reply(client)->type == REDIS_REPLY_ERROR, "LPUSH is not refused");
}

}  // namespace

int main(int argc, char** argv) {
  require(argc == 2, "usage: hiredis_client PORT");
  const timeval patience{60, 0};
  const Context client(redisConnectWithTimeout("127.0.0.1", std::atoi(argv[1]), patience),
                       redisFree);
  require(client != nullptr && client->err == 0, "cannot connect");
  redisSetTimeout(client.get(), patience);
  pipelines_keep_their_order(client.get());
  values_hold_any_bytes(client.get());
  transactions_are_whole(client.get());
  mistakes_are_told(client.get());
  return 0;
}
