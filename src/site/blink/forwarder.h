// The physical side of BLink at one server: where this server is the forwarder of a link's current
// virtual link, it sends the site's signed outputs to the peer, and again until they are
// acknowledged (SPEC 2.4). Holds no promises: everything it sends is replicated and signed.
//
// Go-back-N over a byte window that shrinks on a silent retransmission time-out and grows with
// acknowledgements, so that a slow link is not flooded with copies. Not thread-safe.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "common/time.h"
#include "site/blink/virtual_links.h"
#include "site/logical_machine.h"
#include "site/threshold_sign.h"
#include "steward/cluster_config.h"

namespace steward::site::blink {

struct ForwarderActions {
  struct Send {
    ServerId to;
    wire::SiteData data;
  };
  struct Timer {
    SiteId link = 0;
    std::optional<Duration> after;  // nullopt: cancel
  };
  std::vector<Send> sends;
  std::vector<BatchNumber> wanted;                        // signatures that this server now needs
  std::vector<Timer> retransmit_timers;                   // answered by on_retransmit_timer
  std::vector<std::pair<ServerId, Duration>> ack_timers;  // answered by on_ack_timer
};

class Forwarder {
 public:
  Forwarder(const ClusterConfig& config, ServerId self) : config_(config), self_(self) {}

  // Something changed about this link: outputs, acknowledgements, virtual link or signatures.
  void pump(SiteId site, const LogicalMachine& machine, const ThresholdSign& signing,
            ForwarderActions& actions);

  // A server of the far end repeats what was received: our acknowledgement has been lost, or kept
  // from its site by who got it. The answer goes to that server itself, from whichever of ours it
  // has asked; at most one each 100 ms.
  void repeat_ack(ServerId to, const LogicalMachine& machine, const ThresholdSign& signing,
                  ForwarderActions& actions);

  void on_retransmit_timer(SiteId site, const LogicalMachine& machine, const ThresholdSign& signing,
                           ForwarderActions& actions);
  void on_ack_timer(ServerId to) { ack_repeated_.erase(to); }

  VirtualLink current(SiteId site, const Link& link) const;

 private:
  struct Outgoing {
    bool active = false;
    Replaced replaced;
    std::uint64_t acknowledged = 0;
    std::uint64_t sent_up_to = 0;
    std::size_t window_bytes = 0;
    std::uint32_t silent_timeouts = 0;
    bool timer = false;
    std::uint64_t timer_at = 0;  // `acknowledged` when the timer was set
    BatchNumber ack_sent = 0;    // signing batch of the last acknowledgement sent
  };

  bool refresh(SiteId site, const Link& link, Outgoing& state, ForwarderActions& actions);
  void send_messages(SiteId site, const LogicalMachine& machine, const ThresholdSign& signing,
                     Outgoing& state, ForwarderActions& actions);
  void send_ack(SiteId site, const LogicalMachine& machine, const ThresholdSign& signing,
                Outgoing& state, ForwarderActions& actions);
  void set_timer(SiteId site, const Link& link, Outgoing& state, ForwarderActions& actions);
  wire::SiteData alone(const OutMessage& ack, const Bytes& signature) const;
  wire::SiteData data_for(const OutMessage& message, const Bytes& signature) const;

  const ClusterConfig& config_;
  const ServerId self_;
  std::map<SiteId, Outgoing> outgoing_;
  std::set<ServerId> ack_repeated_;  // to these, in the last 100 ms
};

}  // namespace steward::site::blink
