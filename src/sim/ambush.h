// Faults that strike just when a server does something that later steps depend on (fault_plan.h,
// Ambush): it watches what the correct servers of each site say and execute, and asks for the
// faults. Deterministic; one thread; does not move.
#pragma once

#include <compare>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "replica/server.h"
#include "sim/event_queue.h"
#include "sim/fault_plan.h"

namespace steward::sim {

// A deed, and what it is about: of two with the same deed the later one is the greater.
struct Moment {
  Deed deed = Deed::kProposes;
  View view = 0;
  Sequence sequence = 0;
  auto operator<=>(const Moment&) const = default;
};

// What a server does by sending this; nullopt for all else.
std::optional<Moment> moment_of(const replica::Outgoing& outgoing);

class Ambushes {
 public:
  using Inject = std::function<void(const Fault&)>;
  using Tell = std::function<void(const std::string&)>;

  // `config` and `events` outlive it. `inject` does what is asked for; `tell` may be empty.
  Ambushes(const ClusterConfig& config, EventQueue& events, Inject inject, Tell tell);

  // Waits from now on; or, when it is off, no longer. Faults that have struck end in their time.
  void lay(const Ambush& ambush);
  void lift_all();

  // A correct server says, or executes, this.
  void sent(ServerId server, const replica::Outgoing& outgoing);
  void executed(ServerId server, Sequence sequence);
  // Is this on its way to a server that is not to do what follows from it?
  bool withholds(ServerId from, ServerId to, const Bytes& frame) const;

 private:
  struct Laid {
    Ambush ambush;
    std::size_t next = 0;    // of its traps
    std::uint32_t left = 1;  // times that it is still let pass, and once
    Duration awake{0};       // since when it waits for the next

    // The trap that is laid now for what happens in this site; null: none.
    const Trap* trap(SiteId site, Duration now) const;
  };
  struct Caught {
    std::vector<Fault> ends;
    EventQueue::EventId free;
  };

  void witness(ServerId server, const Moment& moment);
  void strike(const Ambush& ambush, ServerId server);
  void catch_alone(const Ambush& ambush, ServerId server);
  void let_go(SiteId site);
  void inject_for(const Fault& fault, Duration length);

  const ClusterConfig& config_;
  EventQueue& events_;
  const Inject inject_;
  const Tell tell_;
  std::vector<Laid> laid_;
  std::map<std::pair<SiteId, Deed>, Moment> latest_;  // seen while any was laid
  std::map<SiteId, Caught> caught_;                   // one of each site at a time
  std::uint64_t lifted_ = 0;                          // how often: what is late strikes no more
};

}  // namespace steward::sim
