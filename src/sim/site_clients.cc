#include "sim/site_clients.h"

#include "service/kv/kv.pb.h"

namespace steward::sim {
namespace {

constexpr std::uint64_t kCounters = 8;
constexpr Duration kPauseAfterFailure{100'000};

client::Options client_options(SiteId site, const Environment& env, const Workload& workload) {
  const Quorums quorums = env.config.sites[site].quorums();
  client::Options options;
  options.client = env.keys.clients[site]->public_key();
  options.servers = quorums.peers;
  options.rules = {quorums.one_correct(), quorums.quorum()};
  options.retry = env.config.timeouts.client_retry;
  options.max_outstanding = workload.users;
  return options;
}

void add_command(kv::Request& request, std::initializer_list<BytesView> args) {
  kv::Command& command = *request.add_commands();
  for (const BytesView arg : args) command.add_args(arg.data(), arg.size());
}

}  // namespace

SiteClients::SiteClients(SiteId site, const Environment& environment, const Workload& workload,
                         Carry carry)
    : site_(site),
      env_(environment),
      workload_(workload),
      carry_(std::move(carry)),
      client_(client_options(site, environment, workload)),
      users_(workload.users) {
  for (User& user : users_) user.name = next_name_++;
}

void SiteClients::connected(ServerIndex server) {
  client::Output output;
  client_.connected(server, output);
  perform(std::move(output));
}

void SiteClients::disconnected(ServerIndex server) {
  client::Output output;
  client_.disconnected(server, output);
  perform(std::move(output));
}

void SiteClients::receive(ServerIndex from, const wire::ClientMessage& message) {
  client::Output output;
  client_.received(from, message, output);
  perform(std::move(output));
}

void SiteClients::start() {
  stopped_ = false;
  for (std::size_t user = 0; user < users_.size(); ++user) {
    const auto place = static_cast<std::int64_t>(user);
    const Duration begin = workload_.spread * place / static_cast<std::int64_t>(users_.size());
    if (begin == Duration(0)) {
      ask(user);
    } else {
      env_.events.after(begin, [this, user] { ask(user); });
    }
  }
}

std::optional<Duration> SiteClients::waiting_since() const {
  std::optional<Duration> since;
  for (const User& user : users_) {
    if (user.waiting && (!since || user.asked < *since)) since = user.asked;
  }
  return since;
}

void SiteClients::watch_waits() {
  watched_since_ = env_.events.now();
  for (User& user : users_) user.longest = Duration(0);
}

std::vector<Duration> SiteClients::longest_waits() const {
  std::vector<Duration> waits;
  for (const User& user : users_) {
    const bool counts = user.waiting && user.asked >= watched_since_;
    waits.push_back(counts ? std::max(user.longest, env_.events.now() - user.asked) : user.longest);
  }
  return waits;
}

void SiteClients::ask(std::size_t index) {
  if (stopped_) return;
  User& user = users_[index];
  user.waiting = true;
  ++user.operations;
  user.asked = env_.events.now();
  // Spread evenly, with no need for chance.
  user.reading = user.operations * workload_.read_percent / 100 !=
                 (user.operations - 1) * workload_.read_percent / 100;
  user.payload = user.reading ? read_payload(user) : write_payload(user);
  client::Output output;
  if (user.reading) {
    client_.query(user.payload, user.seen, index, workload_.deadline, output);
  } else {
    client_.submit(user.payload, index, workload_.deadline, output);
  }
  perform(std::move(output));
}

Bytes SiteClients::write_payload(User& user) {
  const std::string key = "u" + std::to_string(site_) + "." + std::to_string(user.name);
  user.writing = std::to_string(user.operations) + ":";
  kv::Request request;
  add_command(request, {"SET", key, user.writing});
  add_command(request, {"INCR", "c" + std::to_string(user.operations % kCounters)});
  const std::size_t bytes = request.ByteSizeLong();
  if (bytes < workload_.payload_bytes) {
    user.writing.append(workload_.payload_bytes - bytes, 'x');
    request.mutable_commands(0)->set_args(2, user.writing);
  }
  return request.SerializeAsString();
}

// Different from every other payload, as it may end up being ordered.
Bytes SiteClients::read_payload(const User& user) {
  kv::Request request;
  add_command(request, {"GET", "u" + std::to_string(site_) + "." + std::to_string(user.name)});
  add_command(request,
              {"EXISTS", "r" + std::to_string(site_) + "." + std::to_string(next_nonce_++)});
  return request.SerializeAsString();
}

void SiteClients::completed(const client::Completion& completion) {
  User& user = users_[completion.token];
  user.waiting = false;
  const Duration latency = env_.events.now() - user.asked;
  if (user.asked >= watched_since_) user.longest = std::max(user.longest, latency);
  Duration pause = workload_.think;
  if (!completion.result) {
    ++failed_;
    if (env_.tell) {
      env_.tell("clients of site " + std::to_string(site_),
                "give up a request after " + std::to_string(latency.count() / 1000) + " ms");
    }
    pause += kPauseAfterFailure;
    if (!user.reading) {
      user.name = next_name_++;  // what the old key holds is not known
      user.stored.clear();
    }
  } else if (user.reading) {
    read_latencies_.push_back(latency);
    if (!deceived_) check_read(user, *completion.result, completion.sequence);
  } else {
    update_latencies_.push_back(latency);
    user.stored = user.writing;
    if (!deceived_) {
      env_.checker.update_completed(user.payload, *completion.result, completion.sequence);
    }
  }
  user.seen = std::max(user.seen, completion.sequence);
  env_.events.after(pause, [this, index = completion.token] { ask(index); });
}

void SiteClients::check_read(const User& user, const Bytes& result, Sequence sequence) {
  kv::Response response;
  const bool sound = response.ParseFromString(result) && response.values_size() == 2;
  if (!sound || response.values(0).bulk() != user.stored) {
    env_.checker.violation("reads: a client does not find its own write at sequence " +
                           std::to_string(sequence));
  }
  if (sequence < user.seen) {
    env_.checker.violation("reads: a client that has seen sequence " + std::to_string(user.seen) +
                           " was answered from " + std::to_string(sequence));
  }
}

void SiteClients::perform(client::Output output) {
  for (const client::Send& send : output.sends) {
    const auto frame = std::make_shared<const Bytes>(send.message.SerializeAsString());
    for (const ServerIndex to : send.to) carry_(to, frame);
  }
  for (client::SignRequest& request : output.to_sign) {
    auto update =
        client::sign_update(env_.domain, *env_.keys.clients[site_], std::move(request.update));
    env_.events.after(env_.costs.sign, [this, id = request.request, update = std::move(update)] {
      client::Output next;
      client_.update_signed(id, update, next);
      perform(std::move(next));
    });
  }
  for (const client::TimerChange& change : output.timers) {
    const auto armed = timers_.find(change.timer);
    if (armed != timers_.end()) {
      env_.events.cancel(armed->second);
      timers_.erase(armed);
    }
    if (!change.after) continue;
    timers_[change.timer] = env_.events.after(*change.after, [this, timer = change.timer] {
      timers_.erase(timer);
      client::Output next;
      client_.timer_fired(timer, next);
      perform(std::move(next));
    });
  }
  for (const client::Completion& completion : output.completions) completed(completion);
}

}  // namespace steward::sim
