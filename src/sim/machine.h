// One server of the simulated cluster: the real replica::Server between a modelled core, disk and
// network. It does with the server's outputs what server.h asks of the real runtime.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>

#include "replica/server.h"
#include "replica/verifier.h"
#include "sim/adversary.h"
#include "sim/ambush.h"
#include "sim/checker.h"
#include "sim/cpu.h"
#include "sim/disk.h"
#include "sim/keys.h"
#include "sim/network.h"
#include "sim/trace.h"

namespace steward::sim {

// What all machines live in; outlives them.
struct Environment {
  const ClusterConfig& config;
  const ClusterKeys& keys;
  const wire::Domain& domain;
  const Costs& costs;
  EventQueue& events;
  Trace& trace;
  Checker& checker;
  Ambushes& ambushes;
  std::function<std::unique_ptr<StateMachine>()> new_state_machine;
  // What happens, for people; empty where nobody reads it.
  std::function<void(const std::string& who, const std::string& what)> tell;
};

// Time between a server's marks (replica::Mark).
struct Span {
  std::uint64_t count = 0;
  Duration total{0};
};

class Machine {
 public:
  using ToClient = std::function<void(ServerId from, const replica::ToClient&)>;

  Machine(ServerId self, const Environment& environment, const DiskModel& disk, Network& network,
          ToClient to_client);

  void start();                // from what its disk holds
  void crash(Random& random);  // loses what was not durable
  // A backup of the disk as it is now; and, while it does not run, an empty disk, or the backup.
  void back_up() { backup_ = disk_.image(); }
  void wipe() { disk_.replace({}); }
  void restore() { disk_.replace(backup_); }
  void damage(Random& random) { disk_.damage(random); }
  const Disk& disk() const { return disk_; }
  // No write succeeds any more, until it is mended; `failed` has to crash the machine then.
  void fail_disk(std::function<void()> failed) { disk_.fail(std::move(failed)); }
  void mend_disk() { disk_.mend(); }
  bool running() const { return server_ != nullptr; }
  // From now on all that the server says and hears passes `adversary`, restarts included.
  void corrupt(std::shared_ptr<Adversary> adversary) { adversary_ = std::move(adversary); }
  bool corrupted() const { return adversary_ != nullptr; }
  replica::Server& server() { return *server_; }  // while running

  // A machine that stands still and keeps its memory; what reaches it waits, up to a bound.
  void pause(bool paused) { cpu_.pause(paused); }
  void slow_cpu(std::uint32_t times) { cpu_.set_slowness(times); }
  void slow_disk(std::uint32_t times) { disk_.set_slowness(times); }
  // What its clock counts of the time that passes, for timers set from now on.
  void set_clock(std::uint32_t percent) { clock_percent_ = percent; }
  // Timers run out so much earlier, or later.
  void jump_clock(Duration by);

  void receive(ServerId from, const Frame& sent);
  // A frame that was damaged on its way: it is verified and counted like any other, and goes no
  // further, since TLS would not have let it through.
  void receive_damaged(ServerId from, const Frame& frame);
  void receive_from_client(replica::ConnectionId connection, const Bytes& client,
                           const Frame& sent);

  std::uint64_t damaged_refused() const { return damaged_refused_; }  // by the verifier
  // Frames that the verifier refused, by reason.
  const std::map<std::string, std::uint64_t>& refused() const { return refused_; }
  std::size_t backlog() const { return cpu_.queued() + disk_.unsynced_writes(); }
  std::size_t disk_bytes() const { return disk_.bytes(); }
  const Span& ordering() const { return ordering_; }
  const Span& signing() const { return signing_; }

 private:
  using Slot = std::shared_ptr<std::optional<replica::Input>>;

  Result<std::unique_ptr<replica::Server>> open();
  void step(Slot input);
  void perform(replica::Output output);
  void transmit(const replica::Outgoing& outgoing);
  void transmit_lies(const replica::Outgoing& outgoing);
  void hear_self(const Bytes& frame);
  void answer(const replica::ToClient& message);
  void run_job(const site::SigningJob& job);
  void change_timer(const replica::TimerChange& change);
  void set_timer(replica::TimerId timer, Duration when);
  void observe(const replica::Output& output);
  void tell(const replica::Output& output) const;
  void mark(const replica::Mark& mark);
  Duration cost_of(const replica::Work& work) const;
  Duration cost_of(const replica::Output& output) const;
  Duration cost_of(const site::SigningJob& job) const;

  const ServerId self_;
  const Environment& env_;
  Network& network_;
  const ToClient to_client_;
  std::shared_ptr<Adversary> adversary_;  // null: correct
  const replica::Verifier verifier_;
  Cpu cpu_;
  Disk disk_;
  std::vector<SiteKeyCosts> site_costs_;  // by site
  crypto::SecretBytes share_;             // the file with the key share
  Disk::Image backup_;
  std::uint64_t jobs_ = 0;
  std::uint64_t runs_ = 0;
  std::unique_ptr<replica::Server> server_;
  std::map<replica::TimerId, EventQueue::EventId> timers_;
  std::uint32_t clock_percent_ = 100;
  std::uint64_t damaged_refused_ = 0;
  std::uint64_t steps_ = 0;
  Sequence digested_ = 0;  // sequence whose state digest was last compared
  std::map<std::string, std::uint64_t> refused_;
  std::map<std::pair<replica::Mark::Kind, std::uint64_t>, Duration> started_;
  Span ordering_;
  Span signing_;
};

}  // namespace steward::sim
