// A server's one core, shared fairly among the protocol thread and the crypto pool, and what the
// operations on it cost.
#pragma once

#include <array>
#include <deque>
#include <functional>
#include <optional>
#include <string>

#include "sim/event_queue.h"

namespace steward::sim {

// Measured on one core of the machine that the project was developed on.
struct Costs {
  Duration sign{45};  // Ed25519
  Duration verify{120};
  Duration message{5};  // parsing, dispatch
  Duration hash_per_kib{1};
  Duration execute{3};  // one update
};

// The same for one site's key, by its scheme.
struct SiteKeyCosts {
  Duration share{0};
  Duration proof{0};  // made for one share
  Duration check{0};  // of one share
  Duration combine{0};
  Duration verify{0};
  Duration deal{0};   // in a renewal: made
  Duration renew{0};  // all deals opened, the new share made
};
SiteKeyCosts site_key_costs(const std::string& scheme, std::uint32_t rsa_bits,
                            std::uint32_t threshold);

class Cpu {
 public:
  enum class Lane { kProtocol, kVerify, kSigning };

  explicit Cpu(EventQueue& events) : events_(events) {}

  // When its turn comes `start` runs and says what it cost; `finish` runs when that time has
  // passed. Work of one lane is done in order; between lanes the core goes to who used it least,
  // in slices.
  void run(Lane lane, std::function<Duration()> start, std::function<void()> finish);

  void reset();  // forgets all work

  void set_slowness(std::uint32_t times) { times_ = times; }  // for work not yet begun
  void pause(bool paused);  // at the end of a slice of work; what is asked for waits
  bool paused() const { return paused_; }

  std::size_t queued() const;

 private:
  struct Job {
    std::function<Duration()> start;
    std::function<void()> finish;
    std::optional<Duration> left;  // once started
  };
  struct Queue {
    std::deque<Job> jobs;
    Duration used{0};
  };

  void next();
  void slice_done(std::size_t lane);

  EventQueue& events_;
  std::array<Queue, 3> lanes_;
  std::uint32_t times_ = 1;
  bool paused_ = false;
  std::optional<EventQueue::EventId> running_;
};

}  // namespace steward::sim
