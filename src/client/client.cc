#include "client/client.h"

#include <algorithm>
#include <utility>

namespace steward::client {
namespace {

constexpr std::uint32_t kMaxDoublings = 3;   // of T0
constexpr std::uint32_t kQueryAttempts = 2;  // before a read is ordered

// Two timers a request; their ids carry the request's.
enum class TimerKind : std::uint64_t { kRetry = 0, kDeadline = 1 };
constexpr TimerId timer_of(RequestId request, TimerKind kind) {
  return request * 2 + static_cast<std::uint64_t>(kind);
}

// A query's id names its attempt too, so that an answer to the first is not taken for the second's.
constexpr std::uint64_t query_id(RequestId request, std::uint32_t attempt) {
  return request * kQueryAttempts + attempt;
}

}  // namespace

wire::SignedUpdate sign_update(const wire::Domain& domain, const crypto::Signer& signer,
                               Bytes update) {
  wire::SignedUpdate out;
  out.set_signature(signer.sign(wire::client_statement(domain, update)));
  out.set_update(std::move(update));
  return out;
}

Client::Client(Options options)
    : options_(std::move(options)),
      next_session_(options_.first_session),
      lies_(options_.servers, 0) {}

void Client::submit(Bytes payload, Token token, Duration deadline, Output& out) {
  if (const auto id = admit(std::move(payload), token, deadline, out)) {
    order(*id, requests_.at(*id), out);
  }
}

void Client::query(Bytes payload, Sequence min_sequence, Token token, Duration deadline,
                   Output& out) {
  const auto id = admit(std::move(payload), token, deadline, out);
  if (!id) return;
  Request& request = requests_.at(*id);
  request.is_query = true;
  request.min_sequence = min_sequence;
  send_query(*id, request, out);
}

std::optional<RequestId> Client::admit(Bytes payload, Token token, Duration deadline, Output& out) {
  if (requests_.size() >= options_.max_outstanding) {
    out.completions.push_back(
        {token, Error{ErrorCode::kUnavailable, "too many requests are under way"}, 0});
    return std::nullopt;
  }
  const RequestId id = next_request_++;
  Request& request = requests_[id];
  request.token = token;
  request.payload = std::move(payload);
  out.timers.push_back({timer_of(id, TimerKind::kDeadline), deadline});
  return id;
}

// Gives the request a session and asks for its signature.
void Client::order(RequestId id, Request& request, Output& out) {
  if (free_sessions_.empty()) {
    free_sessions_.push_back(next_session_);
    sessions_[next_session_++] = {};
  }
  request.is_query = false;
  request.session = free_sessions_.back();
  free_sessions_.pop_back();
  Session& session = sessions_.at(request.session);
  session.request = id;
  request.timestamp = ++session.timestamp;
  request.attempts = 0;
  request.answers.clear();
  request.sent_to.clear();
  request.copies = 0;
  request.signed_message.reset();

  wire::Update update;
  update.set_client(options_.client);
  update.set_session(request.session);
  update.set_timestamp(request.timestamp);
  update.set_payload(request.payload);
  out.to_sign.push_back({id, update.SerializeAsString()});
}

void Client::update_signed(RequestId id, wire::SignedUpdate update, Output& out) {
  const auto found = requests_.find(id);
  if (found == requests_.end() || found->second.is_query) return;
  *found->second.signed_message.emplace().mutable_update() = std::move(update);
  send_update(id, found->second, out);
}

// The server that this session's updates go to first, among those that are there.
std::vector<ServerIndex> Client::preferred(const Request& request) const {
  for (std::uint32_t i = 0; i < options_.servers; ++i) {
    const auto server = static_cast<ServerIndex>((request.session + i) % options_.servers);
    if (connected_.contains(server)) return {server};
  }
  return {};
}

void Client::send_update(RequestId id, Request& request, Output& out) {
  auto to = request.attempts == 0 ? preferred(request)
                                  : std::vector<ServerIndex>(connected_.begin(), connected_.end());
  request.sent_to.insert(to.begin(), to.end());
  request.copies += static_cast<std::uint32_t>(to.size());
  const auto doublings = std::min(request.attempts, kMaxDoublings);
  out.timers.push_back({timer_of(id, TimerKind::kRetry), options_.retry * (1 << doublings)});
  if (!to.empty()) out.sends.push_back({std::move(to), *request.signed_message});
}

wire::ClientMessage Client::query_message(RequestId id, const Request& request) {
  wire::ClientMessage message;
  wire::Query& query = *message.mutable_query();
  query.set_id(query_id(id, request.attempts));
  query.set_min_sequence(request.min_sequence);
  query.set_payload(request.payload);
  return message;
}

void Client::send_query(RequestId id, Request& request, Output& out) {
  request.answers.clear();
  out.timers.push_back({timer_of(id, TimerKind::kRetry), options_.query_timeout});
  if (connected_.empty()) return;
  out.sends.push_back({{connected_.begin(), connected_.end()}, query_message(id, request)});
}

void Client::query_failed(RequestId id, Request& request, Output& out) {
  if (++request.attempts < kQueryAttempts) {
    send_query(id, request, out);
  } else {
    out.timers.push_back({timer_of(id, TimerKind::kRetry), std::nullopt});
    order(id, request, out);
  }
}

void Client::timer_fired(TimerId timer, Output& out) {
  const RequestId id = timer / 2;
  const auto found = requests_.find(id);
  if (found == requests_.end()) return;
  Request& request = found->second;
  if (timer == timer_of(id, TimerKind::kDeadline)) {
    complete(id, Error{ErrorCode::kUnavailable, "not enough servers of the site agreed in time"}, 0,
             out);
  } else if (request.is_query) {
    query_failed(id, request, out);
  } else if (request.signed_message) {
    ++request.attempts;
    send_update(id, request, out);
  }
}

void Client::received(ServerIndex from, const wire::ClientMessage& message, Output& out) {
  if (from >= options_.servers) return;
  if (message.has_reply()) reply_received(from, message.reply(), out);
  if (message.has_query_reply()) query_reply_received(from, message.query_reply(), out);
}

void Client::reply_received(ServerIndex from, const wire::Reply& reply, Output& out) {
  const auto session = sessions_.find(reply.session());
  if (session == sessions_.end() || reply.client() != options_.client ||
      reply.timestamp() != session->second.timestamp) {
    return;
  }
  const Answer answer{reply.sequence(), reply.outcome(), reply.result()};
  if (!session->second.request) {
    if (answer != session->second.last) ++lies_[from];
    return;
  }
  const RequestId id = *session->second.request;
  Request& request = requests_.at(id);
  request.answers[from] = answer;
  const auto accepted = believe_update(request.answers, options_.rules);
  if (!accepted) return;
  count_lies(request, *accepted);
  if (accepted->outcome == wire::OUTCOME_SESSION_EXPIRED) {
    sessions_.erase(session);
    if (request.copies > 1) {
      // An earlier copy may have been executed before the session went.
      complete(id, Error{ErrorCode::kUnavailable, "the session expired; the outcome is unknown"}, 0,
               out);
      return;
    }
    // Not executed, and nothing of this session will be any more.
    out.timers.push_back({timer_of(id, TimerKind::kRetry), std::nullopt});
    order(id, request, out);
    return;
  }
  session->second.request.reset();
  session->second.last = *accepted;
  free_sessions_.push_back(request.session);
  complete(id, accepted->result, accepted->sequence, out);
}

void Client::query_reply_received(ServerIndex from, const wire::QueryReply& reply, Output& out) {
  const auto found = requests_.find(reply.id() / kQueryAttempts);
  if (found == requests_.end() || !found->second.is_query) return;
  const RequestId id = found->first;
  Request& request = found->second;
  if (reply.id() != query_id(id, request.attempts)) return;
  request.answers[from] = {reply.sequence(), wire::OUTCOME_EXECUTED, reply.result()};
  const auto accepted = believe_query(request.answers, options_.rules, request.min_sequence);
  if (accepted) {
    count_lies(request, *accepted);
    complete(id, accepted->result, accepted->sequence, out);
  } else if (request.answers.size() >= connected_.size()) {
    out.timers.push_back({timer_of(id, TimerKind::kRetry), options_.query_pause});
  }
}

// Only against an answer that a correct server gave in every part: the sequence of one believed for
// its result alone may be a liar's. And who read at another sequence may rightly answer otherwise.
void Client::count_lies(const Request& request, const Answer& accepted) {
  const Answers& answers = request.answers;
  const auto equal = [&accepted](const auto& entry) { return entry.second == accepted; };
  if (std::count_if(answers.begin(), answers.end(), equal) < options_.rules.one_correct) return;
  for (const auto& [server, answer] : answers) {
    if (request.is_query && answer.sequence != accepted.sequence) continue;
    if (answer != accepted) ++lies_[server];
  }
}

void Client::complete(RequestId id, Result<Bytes> result, Sequence sequence, Output& out) {
  const auto found = requests_.find(id);
  // An unanswered update's session is given up: its next timestamp must not overtake this one.
  if (!result && !found->second.is_query) sessions_.erase(found->second.session);
  out.timers.push_back({timer_of(id, TimerKind::kRetry), std::nullopt});
  out.timers.push_back({timer_of(id, TimerKind::kDeadline), std::nullopt});
  out.completions.push_back({found->second.token, std::move(result), sequence});
  requests_.erase(found);
}

void Client::connected(ServerIndex server, Output& out) {
  if (server >= options_.servers || !connected_.insert(server).second) return;
  for (auto& [id, request] : requests_) {
    if (request.is_query) {
      out.sends.push_back({{server}, query_message(id, request)});
    } else if (!request.is_query && request.signed_message && request.sent_to.empty()) {
      send_update(id, request, out);
    }
  }
}

void Client::disconnected(ServerIndex server, Output& out) {
  if (connected_.erase(server) == 0) return;
  for (auto& [id, request] : requests_) {
    if (request.is_query || !request.signed_message) continue;
    // Nobody else has it: do not wait for the timer.
    if (request.sent_to.erase(server) != 0 && request.sent_to.empty()) {
      send_update(id, request, out);
    }
  }
}

}  // namespace steward::client
