// The network between servers: the link model of real servers (net/shaper.h) for each directed pair
// of sites, shared by all their servers, and worse on demand: loss, duplicates, damage, delay
// spikes, reordering, slow links, cut sites and servers, pairs of servers that do not reach each
// other.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>

#include "common/bytes.h"
#include "common/ids.h"
#include "net/shaper.h"
#include "sim/event_queue.h"
#include "sim/random.h"
#include "steward/cluster_config.h"

namespace steward::sim {

struct NetworkFaults {
  std::uint32_t loss_ppm = 0;  // of messages, in parts per million
  std::uint32_t duplicate_ppm = 0;
  std::uint32_t corrupt_ppm = 0;
  std::uint32_t spike_ppm = 0;
  Duration spike{0};   // at most so much later
  Duration jitter{0};  // of every message; messages overtake each other
};

using Frame = std::shared_ptr<const Bytes>;

class Network {
 public:
  using Deliver = std::function<void(ServerId from, ServerId to, const Frame& frame)>;

  // `events` and `config` outlive the network. A damaged message goes to `deliver_damaged`, or
  // nowhere where there is none.
  Network(const ClusterConfig& config, EventQueue& events, Random random, Deliver deliver,
          Deliver deliver_damaged = {});

  void send(ServerId from, ServerId to, const Frame& frame);

  void set_faults(const NetworkFaults& faults) { faults_ = faults; }
  void cut_site(SiteId site, bool cut);        // from all other sites
  void cut_server(ServerId server, bool cut);  // from all other servers
  // As often as it was blocked it has to be unblocked.
  void block(ServerId from, ServerId to, bool blocked);
  void slow_links(ServerId server, std::uint32_t times);  // once: as usual
  // What these send each other suffers from nothing but cut sites.
  void spare(std::set<ServerId> servers) { spared_ = std::move(servers); }

  // What this says is lost.
  using Lost = std::function<bool(ServerId from, ServerId to, const Bytes& frame)>;
  void lose(Lost lost) { lost_ = std::move(lost); }

  void heal();  // as if none of this had been asked for, but for lose()

  // Bytes that entered each directed wide-area link, framing included.
  const std::map<std::pair<SiteId, SiteId>, std::uint64_t>& wide_bytes() const {
    return wide_bytes_;
  }
  std::uint64_t delivered() const { return delivered_; }
  std::uint64_t dropped() const { return dropped_; }
  std::uint64_t damaged() const { return damaged_; }
  std::size_t max_backlog_bytes() const { return max_backlog_bytes_; }

 private:
  // Between two sites one link in each direction; inside a site one for each pair of servers.
  struct Link {
    net::Shaper shaper;
    std::size_t backlog_bytes = 0;
  };

  Link& link_between(ServerId from, ServerId to);
  bool is_cut(ServerId from, ServerId to) const;
  bool spares(ServerId from, ServerId to) const;
  std::uint32_t times_slower(ServerId server) const;
  Frame damage(const Frame& frame);
  void arrive(Link& link, ServerId from, ServerId to, const Frame& frame, Duration when);

  const ClusterConfig& config_;
  EventQueue& events_;
  Random random_;
  const Deliver deliver_;
  const Deliver deliver_damaged_;
  NetworkFaults faults_;
  std::map<std::pair<ServerId, ServerId>, Link> links_;
  std::set<SiteId> cut_sites_;
  std::set<ServerId> cut_servers_;
  std::map<std::pair<ServerId, ServerId>, std::uint32_t> blocked_;  // how often
  std::map<ServerId, std::uint32_t> slow_;                          // times
  std::set<ServerId> spared_;
  Lost lost_;
  std::map<std::pair<SiteId, SiteId>, std::uint64_t> wide_bytes_;
  std::uint64_t delivered_ = 0;
  std::uint64_t dropped_ = 0;
  std::uint64_t damaged_ = 0;
  std::size_t max_backlog_bytes_ = 0;
};

}  // namespace steward::sim
