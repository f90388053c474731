#include "gateway/connection.h"

#include <algorithm>

#include "gateway/describe.h"
#include "gateway/local_commands.h"
#include "service/kv/command_table.h"
#include "service/kv/kv_store.h"
#include "service/kv/reply.h"

namespace steward::gateway {
namespace {

// A round ends when local replies alone make this much, so that a few bytes asking for much cannot
// fill our memory.
constexpr std::size_t kMaxReadyBytes = 1 << 20;
constexpr std::string_view kTransactionTooLarge = "ERR transaction exceeds 2031616 bytes";

bool needs_update(const kv::CommandSpec& spec) { return spec.write != nullptr; }

// A browser was made to speak to us.
bool is_http(std::string_view name) { return name == "post" || name == "host:"; }

std::string error_text(const Error& error) {
  const bool unavailable =
      error.code == ErrorCode::kUnavailable || error.code == ErrorCode::kUnhealthy;
  return (unavailable ? "CLUSTERDOWN " : "ERR ") + error.message;
}

}  // namespace

Connection::Connection(Shared& shared, std::string address, std::string local_address)
    : shared_(shared) {
  session_.id = shared_.next_id++;
  session_.address = std::move(address);
  session_.local_address = std::move(local_address);
  session_.connected = session_.active = Clock::now();
  shared_.sessions[session_.id] = &session_;
  ++shared_.connections_received;
}

Connection::~Connection() { shared_.sessions.erase(session_.id); }

bool Connection::wants_input() const {
  return !waiting_ && !closing_ && parser_.error().empty() && backlog_cost_ < kMaxRequestCost;
}

void Connection::receive(BytesView bytes) {
  if (closing_) return;
  session_.active = Clock::now();
  while (auto parsed = parser_.next(bytes)) {
    backlog_cost_ += parsed->cost;
    backlog_.push_back(*std::move(parsed));
  }
}

std::optional<Connection::Request> Connection::advance() {
  if (waiting_) return std::nullopt;
  while (!backlog_.empty() && fits_round(backlog_.front())) {
    ParsedCommand parsed = std::move(backlog_.front());
    backlog_.pop_front();
    backlog_cost_ -= parsed.cost;
    take(std::move(parsed));
  }
  if (request_.commands_size() > 0) {
    waiting_ = true;
    const bool update =
        std::any_of(slots_.begin(), slots_.end(), [](const Slot& slot) { return slot.ordered; });
    return Request{update, request_.SerializeAsString()};
  }
  fill_all({});
  if (backlog_.empty() && !parser_.error().empty() && !closing_) {
    reply_error(parser_.error());
    fill_all({});
    closing_ = true;
  }
  return std::nullopt;
}

bool Connection::fits_round(const ParsedCommand& next) const {
  if (round_closed_) return false;
  if (slots_.empty()) return true;
  if (session_.in_transaction && kv::lower_case(next.command.args(0)) == "exec") return false;
  return request_.commands_size() < kv::kMaxRequestCommands &&
         round_cost_ + next.cost <= kMaxRequestCost && ready_bytes_ < kMaxReadyBytes;
}

void Connection::take(ParsedCommand parsed) {
  ++shared_.commands_processed;
  const std::string name = kv::lower_case(parsed.command.args(0).substr(0, 64));
  if (is_http(name)) {
    closing_ = true;
    backlog_.clear();
    backlog_cost_ = 0;
    return;
  }
  auto problem = check_command(parsed.command);
  if (!problem && !parsed.refusal.empty()) problem = std::string(parsed.refusal);
  if (problem) {
    session_.transaction_failed |= session_.in_transaction;
    return reply_error(*problem);
  }
  const LocalCommand* local = find_local(parsed.command);
  session_.last_command = local == nullptr ? name : std::string(local->spec.name);
  if (take_control(name)) return;
  if (session_.in_transaction) return queue(std::move(parsed));
  run(std::move(parsed.command));
}

// The commands that a transaction does not queue. False: it is none of them.
bool Connection::take_control(std::string_view name) {
  if (name == "multi") {
    if (session_.in_transaction) {
      reply_error("ERR MULTI calls can not be nested");
    } else {
      session_.in_transaction = true;
      reply_simple("OK");
    }
  } else if (name == "exec") {
    exec();
  } else if (name == "discard") {
    if (!session_.in_transaction) {
      reply_error("ERR DISCARD without MULTI");
    } else {
      end_transaction();
      reply_simple("OK");
    }
  } else if (name == "reset") {
    end_transaction();
    session_.protocol = Protocol::kResp2;
    session_.name.clear();
    reply_simple("RESET");
  } else if (name == "quit") {
    reply_simple("OK");
    closing_ = true;
    backlog_.clear();
    backlog_cost_ = 0;
  } else {
    return false;
  }
  return true;
}

void Connection::end_transaction() {
  session_.in_transaction = false;
  session_.transaction_failed = false;
  session_.queued = {};
  queued_cost_ = 0;
}

void Connection::exec() {
  if (!session_.in_transaction) return reply_error("ERR EXEC without MULTI");
  const bool failed = session_.transaction_failed;
  std::vector<ParsedCommand> queued = std::move(session_.queued);
  end_transaction();
  if (failed) {
    return reply_error("EXECABORT Transaction discarded because of previous errors.");
  }
  round_closed_ = true;
  request_.set_atomic(true);
  Bytes header;
  write_array_header(queued.size(), header);
  ready(std::move(header));
  for (ParsedCommand& parsed : queued) run(std::move(parsed.command));
}

void Connection::queue(ParsedCommand parsed) {
  if (queued_cost_ + parsed.cost > kMaxRequestCost ||
      session_.queued.size() >= kv::kMaxRequestCommands) {
    session_.transaction_failed = true;
    return reply_error(kTransactionTooLarge);
  }
  queued_cost_ += parsed.cost;
  session_.queued.push_back(std::move(parsed));
  reply_simple("QUEUED");
}

void Connection::run(kv::Command command) {
  if (const kv::CommandSpec* spec = kv::find_command(command.args(0))) {
    Slot slot;
    slot.kind = Slot::Kind::kService;
    slot.ordered = needs_update(*spec) || shared_.linearizable_reads;
    return ask_service(std::move(command), std::move(slot));
  }
  const LocalCommand& local = *find_local(command);
  if (local.handler == nullptr) return run_info(command);
  kv::Value value;
  local.handler(shared_, session_, command, value);
  reply(value);
}

void Connection::run_info(const kv::Command& command) {
  InfoText info = describe_gateway(shared_, command);
  if (!info.wants_keyspace) {
    kv::Value value;
    value.mutable_verbatim()->set_text(std::move(info.text));
    return reply(value);
  }
  Slot slot;
  slot.kind = Slot::Kind::kInfo;
  slot.text = std::move(info.text);
  kv::Command count;
  count.add_args("dbsize");
  ask_service(std::move(count), std::move(slot));
}

void Connection::ask_service(kv::Command command, Slot slot) {
  for (const Bytes& argument : command.args()) round_cost_ += argument.size() + 8;
  slot.protocol = session_.protocol;
  *request_.add_commands() = std::move(command);
  slots_.push_back(std::move(slot));
}

void Connection::reply(const kv::Value& value) {
  Bytes text;
  write_value(value, session_.protocol, text);
  ready(std::move(text));
}

void Connection::reply_error(std::string_view message) {
  kv::Value value;
  kv::set_error(value, message);
  reply(value);
}

void Connection::reply_simple(std::string_view text) {
  kv::Value value;
  value.set_simple(std::string(text));
  reply(value);
}

void Connection::ready(Bytes text) {
  ready_bytes_ += text.size();
  if (!slots_.empty() && slots_.back().kind == Slot::Kind::kReady) {
    slots_.back().text += text;
    return;
  }
  Slot slot;
  slot.text = std::move(text);
  slots_.push_back(std::move(slot));
}

void Connection::complete(const Result<Bytes>& result) {
  if (!waiting_) return;
  waiting_ = false;
  if (!result.ok()) return fill_all(error_text(result.error()));
  kv::Response response;
  const int asked = request_.commands_size();
  if (!response.ParseFromString(*result) || response.values_size() == 0 ||
      response.values_size() > asked) {
    return fill_all("ERR the service's answer makes no sense");
  }
  int used = 0;
  std::size_t done = 0;
  for (; done < slots_.size(); ++done) {
    const bool ready = slots_[done].kind == Slot::Kind::kReady;
    if (!ready && used == response.values_size()) break;
    fill(slots_[done], ready ? kv::Value::default_instance() : response.values(used++));
  }
  if (done == slots_.size()) return finish_round();
  // The replies would have outgrown one result: the rest of the round goes out again.
  slots_.erase(slots_.begin(), slots_.begin() + static_cast<std::ptrdiff_t>(done));
  request_.mutable_commands()->DeleteSubrange(0, used);
}

// Appends one reply to the output.
void Connection::fill(const Slot& slot, const kv::Value& value) {
  switch (slot.kind) {
    case Slot::Kind::kReady:
      output_ += slot.text;
      return;
    case Slot::Kind::kService:
      return write_value(value, slot.protocol, output_);
    case Slot::Kind::kInfo: {
      kv::Value info;
      std::string text = slot.text;
      if (value.has_integer()) text += describe_keyspace(text, value.integer());
      info.mutable_verbatim()->set_text(std::move(text));
      return write_value(info, slot.protocol, output_);
    }
  }
}

// Ends the round with the same error for all that asked the service.
void Connection::fill_all(std::string_view error) {
  kv::Value value;
  kv::set_error(value, error);
  for (const Slot& slot : slots_) fill(slot, value);
  finish_round();
}

void Connection::finish_round() {
  request_ = kv::Request();  // Clear() would keep the memory
  slots_.clear();
  slots_.shrink_to_fit();
  round_cost_ = ready_bytes_ = 0;
  round_closed_ = false;
}

}  // namespace steward::gateway
