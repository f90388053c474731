#include "sim/machine.h"

#include <algorithm>

#include "common/check.h"
#include "crypto/key_directory.h"
#include "sim/durability.h"
#include "sim/story.h"

namespace steward::sim {
namespace {

constexpr Sequence kDigestInterval = 16;          // sequences between compared state digests
constexpr std::uint64_t kInvariantInterval = 64;  // steps between checks, which walk all slots
constexpr std::size_t kMaxMarks = 4096;           // begun and not ended
constexpr std::size_t kMaxPausedJobs = 4096;      // what sockets hold for a machine that is paused

Duration hashing(const Costs& costs, std::size_t bytes) {
  return costs.hash_per_kib * static_cast<std::int64_t>(bytes / 1024);
}

}  // namespace

Machine::Machine(ServerId self, const Environment& environment, const DiskModel& disk,
                 Network& network, ToClient to_client)
    : self_(self),
      env_(environment),
      network_(network),
      to_client_(std::move(to_client)),
      verifier_(env_.config, env_.keys.directory, self),
      cpu_(env_.events),
      disk_(env_.events, disk),
      share_(env_.keys.shares.at(self)->encoded()) {
  for (SiteId site = 0; site < env_.config.sites.size(); ++site) {
    site_costs_.push_back(site_key_costs(site_scheme(env_.config, site),
                                         env_.config.crypto.rsa_bits,
                                         env_.keys.directory->sites[site].site->threshold()));
  }
}

Result<std::unique_ptr<replica::Server>> Machine::open() {
  replica::Server::Options options;
  options.config = env_.config;
  options.self = self_;
  options.keys = env_.keys.directory;
  options.share = env_.keys.load_share(self_, share_);
  options.state_machine = env_.new_state_machine();
  options.nonce = ++runs_;
  return replica::Server::open(std::move(options), disk_);
}

void Machine::start() {
  STEWARD_CHECK(!running());
  auto opened = open();
  if (disk_.damaged()) {
    if (opened || opened.error().code != ErrorCode::kCorrupt) {
      return env_.checker.violation("storage: server " + to_string(self_) +
                                    " took damaged data for good");
    }
    disk_.replace({});  // as `steward server --repair` does
    opened = open();
  }
  env_.checker.server_started(self_);
  digested_ = 0;
  if (!opened) {
    if (adversary_) return;
    return env_.checker.violation("server " + to_string(self_) +
                                  " does not start: " + opened.error().message);
  }
  server_ = std::move(*opened);
  replica::Output output = server_->start();
  observe(output);
  perform(std::move(output));
}

void Machine::crash(Random& random) {
  server_.reset();
  cpu_.reset();
  disk_.crash(random);
  for (const auto& [timer, event] : timers_) env_.events.cancel(event);
  timers_.clear();
  started_.clear();
}

void Machine::receive(ServerId from, const Frame& sent) {
  if (!running() || (cpu_.paused() && cpu_.queued() > kMaxPausedJobs)) return;
  const Frame frame = adversary_ ? adversary_->receive(self_, env_.events.now(), from, sent) : sent;
  if (!frame) return;
  const auto slot = std::make_shared<std::optional<replica::Input>>();
  const auto verify = [this, from, frame, slot] {
    replica::Work work;
    auto message = verifier_.from_server(from, *frame, work);
    if (message) {
      slot->emplace(replica::FromServer{from, std::move(*message)});
    } else {
      ++refused_[message.error().message];
    }
    return cost_of(work);
  };
  cpu_.run(Cpu::Lane::kVerify, verify, [this, slot] { step(slot); });
}

void Machine::receive_damaged(ServerId from, const Frame& frame) {
  if (!running()) return;
  replica::Work work;
  if (!verifier_.from_server(from, *frame, work)) ++damaged_refused_;
}

void Machine::receive_from_client(replica::ConnectionId connection, const Bytes& client,
                                  const Frame& sent) {
  if (!running()) return;
  const Frame frame =
      adversary_ ? adversary_->receive_from_client(self_, env_.events.now(), client, sent) : sent;
  if (!frame) return;
  const auto slot = std::make_shared<std::optional<replica::Input>>();
  const auto verify = [this, connection, client, frame, slot] {
    replica::Work work;
    auto message = verifier_.from_client(client, *frame, work);
    if (message) {
      slot->emplace(replica::FromClient{connection, std::move(*message)});
    } else {
      ++refused_[message.error().message];
    }
    return cost_of(work);
  };
  cpu_.run(Cpu::Lane::kVerify, verify, [this, slot] { step(slot); });
}

void Machine::step(Slot input) {
  if (!*input) return;
  const auto output = std::make_shared<replica::Output>();
  const auto work = [this, input, output] {
    *output = server_->step(std::move(**input));
    if (++steps_ % kInvariantInterval == 0) server_->check_invariants();
    observe(*output);
    return cost_of(*output);
  };
  cpu_.run(Cpu::Lane::kProtocol, work, [this, output] { perform(std::move(*output)); });
}

// The order of things: see replica::Server.
void Machine::perform(replica::Output output) {
  if (output.new_share) share_ = std::move(*output.new_share);
  const auto promises = std::make_shared<std::vector<replica::Outgoing>>();
  for (replica::Outgoing& outgoing : output.sends) {
    if (outgoing.promise) {
      promises->push_back(std::move(outgoing));
    } else {
      transmit(outgoing);
    }
  }
  if (!output.write.empty() || !promises->empty()) {
    disk_.submit(std::move(output.write), output.sync, [this, promises] {
      for (const replica::Outgoing& outgoing : *promises) transmit(outgoing);
    });
  }
  for (const replica::ToClient& message : output.to_clients) answer(message);
  for (const replica::TimerChange& change : output.timers) change_timer(change);
  for (const site::SigningJob& job : output.jobs) run_job(job);
}

void Machine::answer(const replica::ToClient& message) {
  if (!adversary_) return to_client_(self_, message);
  auto told = adversary_->answer(self_, env_.events.now(), message.message);
  if (told) to_client_(self_, {message.connection, message.client, std::move(*told)});
}

void Machine::transmit(const replica::Outgoing& outgoing) {
  if (adversary_) return transmit_lies(outgoing);
  env_.checker.server_sent(self_, outgoing);
  env_.ambushes.sent(self_, outgoing);
  if (const auto missing = not_durable(outgoing, disk_)) {
    env_.checker.violation("persist before promise: server " + to_string(self_) +
                           " speaks before it is durable: " + *missing);
  }
  const auto frame = std::make_shared<Bytes>();
  const auto make = [this, outgoing, frame] {
    *frame = replica::make_frame(outgoing, env_.domain, self_, *env_.keys.servers.at(self_));
    const Duration sign = outgoing.sign ? env_.costs.sign : Duration(0);
    return sign + hashing(env_.costs, frame->size());
  };
  const auto send = [this, frame, to = outgoing.to, to_self = outgoing.to_self] {
    for (const ServerId& peer : to) network_.send(self_, peer, frame);
    if (to_self) hear_self(*frame);
  };
  cpu_.run(Cpu::Lane::kVerify, make, send);
}

void Machine::hear_self(const Bytes& frame) {
  auto message = verifier_.from_self(frame);
  // What an adversary says in its server's name may be malformed; a correct server's word is not.
  STEWARD_CHECK(message.ok() || adversary_);
  if (!message.ok()) return;
  step(std::make_shared<std::optional<replica::Input>>(
      replica::FromServer{self_, std::move(*message)}));
}

// Lies cost their server no time.
void Machine::transmit_lies(const replica::Outgoing& outgoing) {
  const auto sign = [this](wire::Kind kind, BytesView body) {
    return env_.keys.servers.at(self_)->sign(
        wire::server_statement(env_.domain, kind, self_, body));
  };
  for (Parcel& parcel : adversary_->send(self_, env_.events.now(), outgoing, sign)) {
    const auto frame = std::make_shared<const Bytes>(
        replica::make_frame(parcel.message, env_.domain, self_, *env_.keys.servers.at(self_)));
    if (parcel.to == self_) {
      hear_self(*frame);
    } else if (parcel.delay == Duration(0)) {
      network_.send(self_, parcel.to, frame);
    } else {
      env_.events.after(parcel.delay,
                        [this, to = parcel.to, frame] { network_.send(self_, to, frame); });
    }
  }
}

void Machine::run_job(const site::SigningJob& job) {
  const auto slot = std::make_shared<std::optional<replica::Input>>();
  const auto work = [this, job, slot] {
    Bytes place;
    append_u32(place, self_.site);
    append_u32(place, self_.server);
    append_u64(place, ++jobs_);
    const crypto::Digest entropy = crypto::sha256_parts(
        {"steward/simulated entropy", env_.keys.directory->cluster_id().view(), place});
    slot->emplace(replica::SigningDone{site::run_signing_job(job, entropy.view())});
    env_.trace.add(Trace::Event::kSigned);
    return cost_of(job);
  };
  cpu_.run(Cpu::Lane::kSigning, work, [this, slot] { step(slot); });
}

void Machine::change_timer(const replica::TimerChange& change) {
  const auto armed = timers_.find(change.timer);
  if (armed != timers_.end()) {
    env_.events.cancel(armed->second);
    timers_.erase(armed);
  }
  if (!change.after) return;
  set_timer(change.timer, env_.events.now() + *change.after * 100 / clock_percent_);
}

void Machine::set_timer(replica::TimerId timer, Duration when) {
  timers_[timer] = env_.events.at(when, [this, timer] {
    timers_.erase(timer);
    env_.trace.add(Trace::Event::kTimer);
    env_.trace.add(timer);
    step(std::make_shared<std::optional<replica::Input>>(replica::TimerFired{timer}));
  });
}

void Machine::jump_clock(Duration by) {
  const auto armed = timers_;
  for (const auto& [timer, event] : armed) {
    env_.events.cancel(event);
    set_timer(timer, std::max(env_.events.now(), event.first - by));
  }
}

void Machine::tell(const replica::Output& output) const {
  const std::string who = "server " + to_string(self_);
  for (const replica::Outgoing& outgoing : output.sends) {
    if (const auto what = told(outgoing)) env_.tell(who, *what);
  }
  for (const replica::Executed& executed : output.executed) env_.tell(who, told(executed));
}

void Machine::observe(const replica::Output& output) {
  if (env_.tell) tell(output);
  for (const replica::Executed& executed : output.executed) {
    env_.trace.add(Trace::Event::kExecuted);
    env_.trace.add(executed.sequence);
    env_.trace.add(executed.batch->digest.view());
    env_.checker.server_executed(self_, executed);
    if (!adversary_) env_.ambushes.executed(self_, executed.sequence);
  }
  for (const replica::Mark& one : output.marks) mark(one);
  const Sequence executed = server_->executed();
  if (executed != digested_ && executed % kDigestInterval == 0) {
    digested_ = executed;
    env_.checker.server_at(self_, executed, server_->state_digest());
  }
}

void Machine::mark(const replica::Mark& mark) {
  using Kind = replica::Mark::Kind;
  if (mark.kind == Kind::kOrderingStarted || mark.kind == Kind::kSigningStarted) {
    if (started_.size() < kMaxMarks) started_[{mark.kind, mark.number}] = env_.events.now();
    return;
  }
  const bool ordering = mark.kind == Kind::kOrdered;
  const auto begun =
      started_.find({ordering ? Kind::kOrderingStarted : Kind::kSigningStarted, mark.number});
  if (begun == started_.end()) return;
  Span& span = ordering ? ordering_ : signing_;
  ++span.count;
  span.total += env_.events.now() - begun->second;
  started_.erase(begun);
}

Duration Machine::cost_of(const replica::Work& work) const {
  Duration cost = env_.costs.message + hashing(env_.costs, work.bytes) +
                  env_.costs.verify * static_cast<std::int64_t>(work.server_signatures);
  for (const SiteId site : work.site_signatures) cost += site_costs_[site].verify;
  return cost;
}

Duration Machine::cost_of(const replica::Output& output) const {
  std::size_t updates = 0;
  for (const replica::Executed& executed : output.executed) updates += executed.batch->items.size();
  return env_.costs.message + env_.costs.execute * static_cast<std::int64_t>(updates);
}

Duration Machine::cost_of(const site::SigningJob& job) const {
  const SiteKeyCosts& costs = site_costs_[self_.site];
  if (const auto* share = std::get_if<site::ShareJob>(&job)) {
    return costs.share + (share->with_proof ? costs.proof : 0us);
  }
  if (const auto* check = std::get_if<site::CheckSharesJob>(&job)) {
    return costs.check * static_cast<std::int64_t>(check->shares.size());
  }
  if (std::holds_alternative<site::CombineJob>(job)) return costs.combine + costs.verify;
  if (std::holds_alternative<site::DealJob>(job)) return costs.deal;
  if (std::holds_alternative<site::RenewJob>(job)) return costs.renew;
  return costs.check;
}

}  // namespace steward::sim
