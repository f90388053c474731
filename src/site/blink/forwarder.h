// The physical side of BLink at one server: where this server is the forwarder of a link's current
// virtual link, it sends the site's signed outputs to the peer, and again until they are
// acknowledged (SPEC 2.4). Holds no promises: everything it sends is replicated and signed.
//
// Go-back-N over a byte window that shrinks on a silent retransmission time-out and grows with
// acknowledgements, so that a slow link is not flooded with copies. Not thread-safe.
#pragma once

#include <map>
#include <optional>
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
  std::vector<BatchNumber> wanted;       // signatures that this server now needs
  std::vector<Timer> retransmit_timers;  // answered by on_retransmit_timer
  std::vector<Timer> ack_timers;         // answered by on_ack_timer
};

class Forwarder {
 public:
  Forwarder(const ClusterConfig& config, ServerId self) : config_(config), self_(self) {}

  // Something changed about this link: outputs, acknowledgements, virtual link or signatures.
  void pump(SiteId site, const LogicalMachine& machine, const ThresholdSign& signing,
            ForwarderActions& actions);

  // The far end repeats itself: our acknowledgement may be lost. At most one repeat each 100 ms.
  void repeat_ack(SiteId site, const LogicalMachine& machine, const ThresholdSign& signing,
                  ForwarderActions& actions);

  void on_retransmit_timer(SiteId site, const LogicalMachine& machine, const ThresholdSign& signing,
                           ForwarderActions& actions);
  void on_ack_timer(SiteId site) { outgoing_[site].ack_timer = false; }

  VirtualLink current(SiteId site, const Link& link) const;

 private:
  struct Outgoing {
    bool active = false;
    std::uint64_t virtual_link_index = 0;
    std::uint64_t acknowledged = 0;
    std::uint64_t sent_up_to = 0;
    std::size_t window_bytes = 0;
    std::uint32_t silent_timeouts = 0;
    bool timer = false;
    std::uint64_t timer_at = 0;  // `acknowledged` when the timer was set
    bool ack_timer = false;
    BatchNumber ack_sent = 0;  // signing batch of the last acknowledgement sent
  };

  bool refresh(SiteId site, const Link& link, Outgoing& state, ForwarderActions& actions);
  void send_messages(SiteId site, const LogicalMachine& machine, const ThresholdSign& signing,
                     Outgoing& state, ForwarderActions& actions);
  void send_ack(SiteId site, const LogicalMachine& machine, const ThresholdSign& signing,
                Outgoing& state, ForwarderActions& actions);
  void set_timer(SiteId site, const Link& link, Outgoing& state, ForwarderActions& actions);
  wire::SiteData data_for(const OutMessage& message, const Bytes& signature) const;

  const ClusterConfig& config_;
  const ServerId self_;
  std::map<SiteId, Outgoing> outgoing_;
};

}  // namespace steward::site::blink
