// What is known of one command, in the one row that dispatch, arity errors, COMMAND, COMMAND DOCS
// and key extraction all read.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "common/bytes.h"
#include "service/kv/kv.pb.h"

namespace steward::kv {

class PagedMap;

// One command to run and the bytes its reply may have. A handler whose reply could grow without
// bound stops soon after the budget is passed; the dispatcher then answers with an error instead.
struct Call {
  const Command& command;
  std::size_t reply_budget;
};
using ReadHandler = void (*)(const PagedMap&, const Call&, Value& reply);
using WriteHandler = void (*)(PagedMap&, const Call&, Value& reply);

struct CommandSpec {
  std::string_view name = {};        // lower case; "client|id" for a subcommand
  int arity = 0;                     // counts the name; negative means at least that many
  std::string_view flags = {};       // separated by blanks, in Redis' words
  std::string_view categories = {};  // likewise: the access categories, without their "@"
  int first_key = 0;                 // position of the first key, 0 when there is none
  int last_key = 0;                  // negative counts from the end
  int key_step = 0;
  std::string_view key_access = {};  // of the keys, in Redis' words: "RO access"
  std::string_view group = {};
  std::string_view since = {};
  std::string_view summary = {};
  std::string_view complexity = {};
  ReadHandler read = nullptr;  // both null: the gateway answers the command itself
  WriteHandler write = nullptr;

  bool accepts(int argument_count) const {
    return arity >= 0 ? argument_count == arity : argument_count >= -arity;
  }
};

}  // namespace steward::kv
