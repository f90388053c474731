// The clients of one site, behind one client key as behind a gateway: users who each wait for the
// answer before they ask again. They write keys of their own, count shared counters, and read their
// own writes back. What they are told goes to the checker.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "client/client.h"
#include "sim/machine.h"

namespace steward::sim {

struct Workload {
  std::uint32_t users = 4;  // of each site
  Duration think{0};        // between an answer and the next request
  Duration spread{0};       // users begin one after the other, all within this time
  std::uint32_t payload_bytes = 200;
  std::uint32_t read_percent = 20;
  Duration deadline{3'600'000'000};  // of a request
};

class SiteClients {
 public:
  // Carries a message to a server of the site.
  using Carry = std::function<void(ServerIndex to, const Frame& frame)>;

  SiteClients(SiteId site, const Environment& environment, const Workload& workload, Carry carry);

  // Connections to the site's servers.
  void connected(ServerIndex server);
  void disconnected(ServerIndex server);
  void receive(ServerIndex from, const wire::ClientMessage& message);

  void start();
  void stop() { stopped_ = true; }  // what is under way goes on
  // From now on what they are told is not held against anybody: their whole site lies.
  void are_deceived() { deceived_ = true; }
  bool idle() const { return client_.outstanding() == 0; }
  std::optional<Duration> waiting_since() const;  // the longest; nullopt when nobody waits
  // How long each user has waited at most, for what it has asked since watch_waits.
  void watch_waits();
  std::vector<Duration> longest_waits() const;

  const Bytes& public_key() const { return env_.keys.directory->clients[site_]; }
  const std::vector<Duration>& update_latencies() const { return update_latencies_; }
  const std::vector<Duration>& read_latencies() const { return read_latencies_; }
  std::uint64_t failed() const { return failed_; }
  const client::Client& client() const { return client_; }

 private:
  struct User {
    std::uint64_t name = 0;  // of its key; a new one after a write of unknown outcome
    std::uint64_t operations = 0;
    Bytes stored;  // under its key; empty: nothing yet
    Bytes writing;
    Bytes payload;  // under way
    bool reading = false;
    bool waiting = false;
    Duration asked{0};
    Duration longest{0};
    Sequence seen = 0;
  };

  void ask(std::size_t user);
  Bytes write_payload(User& user);
  Bytes read_payload(const User& user);
  void completed(const client::Completion& completion);
  void check_read(const User& user, const Bytes& result, Sequence sequence);
  void perform(client::Output output);

  const SiteId site_;
  const Environment& env_;
  const Workload workload_;
  const Carry carry_;
  client::Client client_;
  std::map<client::TimerId, EventQueue::EventId> timers_;
  std::vector<User> users_;
  std::uint64_t next_name_ = 0;
  std::uint64_t next_nonce_ = 0;
  bool stopped_ = false;
  bool deceived_ = false;
  Duration watched_since_{0};
  std::vector<Duration> update_latencies_;
  std::vector<Duration> read_latencies_;
  std::uint64_t failed_ = 0;
};

}  // namespace steward::sim
