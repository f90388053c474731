// One client's connection without its socket: bytes in, requests to the backend and bytes out.
// What has been read when a request can leave travels together, in order: as one update when any
// of it writes, else as one query. One request is under way at a time; replies are in order.
// Not thread-safe. `shared` outlives the connection.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "common/result.h"
#include "gateway/session.h"

namespace steward::gateway {

class Connection {
 public:
  struct Request {
    bool update = false;  // to be ordered; else a query will do
    Bytes payload;        // a kv::Request
  };

  Connection(Shared& shared, std::string address, std::string local_address);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Whether more bytes are welcome; otherwise they had better wait in the socket.
  bool wants_input() const;
  void receive(BytesView bytes);

  // Works on what was received. Returns a request when one must be answered before anything else
  // can happen. nullopt with has_backlog(): write the output, then call again.
  std::optional<Request> advance();
  bool has_backlog() const { return !waiting_ && !backlog_.empty(); }

  // The result of the request under way: a kv::Response, or why there is none.
  void complete(const Result<Bytes>& result);

  // Bytes to write; the caller empties it.
  Bytes& output() { return output_; }
  // To be closed once the output is written.
  bool closing() const { return closing_ && !waiting_ && slots_.empty(); }

 private:
  // One reply to come, or text of finished ones.
  struct Slot {
    enum class Kind { kReady, kService, kInfo };
    Kind kind = Kind::kReady;
    bool ordered = false;  // kService: needs an update
    Protocol protocol = Protocol::kResp2;
    Bytes text;  // kReady: as written; kInfo: what precedes the keyspace
  };

  bool fits_round(const ParsedCommand& next) const;
  void take(ParsedCommand parsed);
  bool take_control(std::string_view name);
  void exec();
  void queue(ParsedCommand parsed);
  void run(kv::Command command);
  void run_info(const kv::Command& command);
  void ask_service(kv::Command command, Slot slot);
  void end_transaction();

  void reply(const kv::Value& value);
  void reply_error(std::string_view message);
  void reply_simple(std::string_view text);
  void ready(Bytes text);

  void fill(const Slot& slot, const kv::Value& value);
  void fill_all(std::string_view error);
  void finish_round();

  Shared& shared_;
  Session session_;
  RequestParser parser_;
  std::deque<ParsedCommand> backlog_;
  std::size_t backlog_cost_ = 0;

  // The round being put together or under way.
  kv::Request request_;
  std::vector<Slot> slots_;
  std::size_t round_cost_ = 0;
  std::size_t ready_bytes_ = 0;
  bool round_closed_ = false;  // a transaction travels alone

  std::size_t queued_cost_ = 0;  // of session_.queued
  bool waiting_ = false;
  bool closing_ = false;
  Bytes output_;
};

}  // namespace steward::gateway
