// A client's side of the protocol (SPEC 1.12), for one client key and the servers of one site: what
// to send to whom and when, and which answers to believe. Does no I/O and reads no clock; the host
// (gateway, simulator) carries its messages, runs its timers and makes its signatures.
//
// Updates travel in sessions with one update outstanding each; sessions are opened as needed and
// used again. An update goes to one server, after T0 to all, doubling to 8 T0. A read goes to all
// servers; when they do not agree, twice in a row, it is ordered like an update.
//
// Not thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "client/answers.h"
#include "common/bytes.h"
#include "common/ids.h"
#include "common/result.h"
#include "common/time.h"
#include "crypto/signature.h"
#include "wire/client.pb.h"
#include "wire/signing.h"

namespace steward::client {

using Token = std::uint64_t;  // the host's name of a request
using RequestId = std::uint64_t;
using TimerId = std::uint64_t;

struct Options {
  Bytes client;               // public key
  std::uint32_t servers = 1;  // of the site
  Rules rules;
  Duration retry{2'000'000};        // T0
  Duration query_pause{50'000};     // before servers that disagreed are asked again
  Duration query_timeout{500'000};  // for answers to a read, before they are asked for again
  // Ids of sessions grow over the whole life of the key, restarts of the host included.
  std::uint64_t first_session = 1;
  std::size_t max_outstanding = 1024;
};

struct Send {
  std::vector<ServerIndex> to;
  wire::ClientMessage message;
};

// Sign `update` with sign_update, on any thread, and hand the result to Client::update_signed.
struct SignRequest {
  RequestId request = 0;
  Bytes update;
};

struct TimerChange {
  TimerId timer = 0;
  std::optional<Duration> after;  // nullopt: cancel. Setting an armed timer moves it.
};

// The end of a request. kUnavailable: not enough servers agreed in time; an update may have been
// executed or may yet be.
struct Completion {
  Token token = 0;
  Result<Bytes> result;
  Sequence sequence = 0;  // state the result is from: min_sequence of reads that must not be older
};

struct Output {
  std::vector<Send> sends;
  std::vector<SignRequest> to_sign;
  std::vector<TimerChange> timers;
  std::vector<Completion> completions;
};

// Pure and thread-safe.
wire::SignedUpdate sign_update(const wire::Domain& domain, const crypto::Signer& signer,
                               Bytes update);

class Client {
 public:
  explicit Client(Options options);

  // Both complete with `token` exactly once, at the latest after `deadline`; at once with
  // kUnavailable when max_outstanding requests are under way.
  void submit(Bytes payload, Token token, Duration deadline, Output& out);
  void query(Bytes payload, Sequence min_sequence, Token token, Duration deadline, Output& out);

  void update_signed(RequestId request, wire::SignedUpdate update, Output& out);
  void received(ServerIndex from, const wire::ClientMessage& message, Output& out);
  void timer_fired(TimerId timer, Output& out);

  // All servers count as disconnected until said otherwise.
  void connected(ServerIndex server, Output& out);
  void disconnected(ServerIndex server, Output& out);

  std::size_t outstanding() const { return requests_.size(); }
  std::size_t sessions() const { return sessions_.size(); }
  // Answers of each server that contradict what was accepted.
  const std::vector<std::uint64_t>& lies() const { return lies_; }

 private:
  struct Request {
    Token token = 0;
    Bytes payload;
    Answers answers;
    std::uint32_t attempts = 0;
    // Reads, until they fall back to ordering:
    bool is_query = false;
    Sequence min_sequence = 0;
    // Updates:
    std::uint64_t session = 0;
    std::uint64_t timestamp = 0;
    std::optional<wire::ClientMessage> signed_message;
    std::set<ServerIndex> sent_to;
    std::uint32_t copies = 0;  // sent in this session, to whomever
  };
  struct Session {
    std::uint64_t timestamp = 0;  // of the last update
    std::optional<RequestId> request;
    Answer last;  // to that update, to judge replies that come late
  };

  std::optional<RequestId> admit(Bytes payload, Token token, Duration deadline, Output& out);
  void order(RequestId id, Request& request, Output& out);
  void send_update(RequestId id, Request& request, Output& out);
  static wire::ClientMessage query_message(RequestId id, const Request& request);
  void send_query(RequestId id, Request& request, Output& out);
  void query_failed(RequestId id, Request& request, Output& out);
  void reply_received(ServerIndex from, const wire::Reply& reply, Output& out);
  void query_reply_received(ServerIndex from, const wire::QueryReply& reply, Output& out);
  void complete(RequestId id, Result<Bytes> result, Sequence sequence, Output& out);
  void count_lies(const Request& request, const Answer& accepted);
  std::vector<ServerIndex> preferred(const Request& request) const;

  const Options options_;
  std::set<ServerIndex> connected_;
  std::map<RequestId, Request> requests_;
  std::map<std::uint64_t, Session> sessions_;
  std::vector<std::uint64_t> free_sessions_;  // the last used on top, so that few are kept alive
  std::uint64_t next_session_;
  RequestId next_request_ = 1;
  std::vector<std::uint64_t> lies_;
};

}  // namespace steward::client
