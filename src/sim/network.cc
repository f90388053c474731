#include "sim/network.h"

#include <algorithm>

namespace steward::sim {
namespace {

constexpr std::size_t kFramingBytes = 4;            // the length before each frame
constexpr std::size_t kMaxBacklogBytes = 32 << 20;  // waiting on one link; more is dropped

}  // namespace

Network::Network(const ClusterConfig& config, EventQueue& events, Random random, Deliver deliver)
    : config_(config), events_(events), random_(random), deliver_(std::move(deliver)) {}

Network::Link& Network::link_between(ServerId from, ServerId to) {
  const bool wide = from.site != to.site;
  const auto key =
      wide ? std::pair(ServerId{from.site, 0}, ServerId{to.site, 0}) : std::pair(from, to);
  auto found = links_.find(key);
  if (found == links_.end()) {
    const LinkConfig& link = config_.topology.between(from.site, to.site);
    net::Shaper shaper(link, net::Shaper::Loss::kDrop, random_.next());
    found = links_.emplace(key, Link{std::move(shaper), 0}).first;
  }
  return found->second;
}

bool Network::is_cut(ServerId from, ServerId to) const {
  if (cut_servers_.contains(from) || cut_servers_.contains(to)) return true;
  return from.site != to.site && (cut_sites_.contains(from.site) || cut_sites_.contains(to.site));
}

void Network::cut_site(SiteId site, bool cut) {
  if (cut) {
    cut_sites_.insert(site);
  } else {
    cut_sites_.erase(site);
  }
}

void Network::cut_server(ServerId server, bool cut) {
  if (cut) {
    cut_servers_.insert(server);
  } else {
    cut_servers_.erase(server);
  }
}

void Network::send(ServerId from, ServerId to, const Frame& frame) {
  Link& link = link_between(from, to);
  const std::size_t bytes = frame->size() + kFramingBytes;
  if (is_cut(from, to) || link.backlog_bytes + bytes > kMaxBacklogBytes) {
    ++dropped_;
    return;
  }
  if (from.site != to.site) wide_bytes_[{from.site, to.site}] += bytes;
  const auto arrival = link.shaper.pass(events_.now(), bytes);
  if (!arrival || random_.chance(faults_.loss_ppm)) {
    ++dropped_;
    return;
  }
  arrive(link, from, to, frame, *arrival);
  if (random_.chance(faults_.duplicate_ppm)) arrive(link, from, to, frame, *arrival);
}

void Network::arrive(Link& link, ServerId from, ServerId to, const Frame& frame, Duration when) {
  if (faults_.jitter > Duration(0)) when += random_.between(Duration(0), faults_.jitter);
  if (random_.chance(faults_.spike_ppm)) when += random_.between(Duration(0), faults_.spike);
  const std::size_t bytes = frame->size() + kFramingBytes;
  link.backlog_bytes += bytes;
  max_backlog_bytes_ = std::max(max_backlog_bytes_, link.backlog_bytes);
  events_.at(when, [this, &link, from, to, frame, bytes] {
    link.backlog_bytes -= bytes;
    if (is_cut(from, to)) {
      ++dropped_;
      return;
    }
    ++delivered_;
    deliver_(from, to, frame);
  });
}

}  // namespace steward::sim
