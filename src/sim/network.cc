#include "sim/network.h"

#include <algorithm>

namespace steward::sim {
namespace {

constexpr std::size_t kFramingBytes = 4;            // the length before each frame
constexpr std::size_t kMaxBacklogBytes = 32 << 20;  // waiting on one link; more is dropped

}  // namespace

Network::Network(const ClusterConfig& config, EventQueue& events, Random random, Deliver deliver,
                 Deliver deliver_damaged)
    : config_(config),
      events_(events),
      random_(random),
      deliver_(std::move(deliver)),
      deliver_damaged_(std::move(deliver_damaged)) {}

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
  if (from.site != to.site && (cut_sites_.contains(from.site) || cut_sites_.contains(to.site))) {
    return true;
  }
  if (cut_servers_.empty() && blocked_.empty()) return false;
  if (spares(from, to)) return false;
  return cut_servers_.contains(from) || cut_servers_.contains(to) || blocked_.contains({from, to});
}

bool Network::spares(ServerId from, ServerId to) const {
  return spared_.contains(from) && spared_.contains(to);
}

std::uint32_t Network::times_slower(ServerId server) const {
  const auto found = slow_.find(server);
  return found == slow_.end() ? 1 : found->second;
}

void Network::block(ServerId from, ServerId to, bool blocked) {
  if (from == to) return;
  if (blocked) {
    ++blocked_[{from, to}];
    return;
  }
  const auto found = blocked_.find({from, to});
  if (found != blocked_.end() && --found->second == 0) blocked_.erase(found);
}

void Network::slow_links(ServerId server, std::uint32_t times) {
  if (times > 1) {
    slow_[server] = times;
  } else {
    slow_.erase(server);
  }
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

void Network::heal() {
  faults_ = {};
  cut_sites_.clear();
  cut_servers_.clear();
  blocked_.clear();
  slow_.clear();
  spared_.clear();
}

void Network::send(ServerId from, ServerId to, const Frame& frame) {
  Link& link = link_between(from, to);
  const std::size_t bytes = frame->size() + kFramingBytes;
  const bool lost = lost_ && lost_(from, to, *frame);
  if (lost || is_cut(from, to) || link.backlog_bytes + bytes > kMaxBacklogBytes) {
    ++dropped_;
    return;
  }
  if (from.site != to.site) wide_bytes_[{from.site, to.site}] += bytes;
  const bool spared = spares(from, to);
  // A slow link is one on which everything is longer.
  std::size_t length = bytes;
  if (!spared && !slow_.empty()) length *= std::max(times_slower(from), times_slower(to));
  const auto arrival = link.shaper.pass(events_.now(), length);
  if (!arrival || (!spared && random_.chance(faults_.loss_ppm))) {
    ++dropped_;
    return;
  }
  arrive(link, from, to, frame, *arrival);
  if (!spared && random_.chance(faults_.duplicate_ppm)) arrive(link, from, to, frame, *arrival);
}

// Some bits of one byte turned over.
Frame Network::damage(const Frame& frame) {
  auto copy = std::make_shared<Bytes>(*frame);
  if (!copy->empty()) {
    char& byte = (*copy)[random_.below(copy->size())];
    byte = static_cast<char>(byte ^ static_cast<char>(1 + random_.below(255)));
  }
  ++damaged_;
  return copy;
}

void Network::arrive(Link& link, ServerId from, ServerId to, const Frame& frame, Duration when) {
  const bool spared = spares(from, to);
  bool damaged = false;
  if (!spared) {
    if (faults_.jitter > Duration(0)) when += random_.between(Duration(0), faults_.jitter);
    if (random_.chance(faults_.spike_ppm)) when += random_.between(Duration(0), faults_.spike);
    damaged = random_.chance(faults_.corrupt_ppm);
  }
  const std::size_t bytes = frame->size() + kFramingBytes;
  link.backlog_bytes += bytes;
  max_backlog_bytes_ = std::max(max_backlog_bytes_, link.backlog_bytes);
  const Frame carried = damaged ? damage(frame) : frame;
  events_.at(when, [this, &link, from, to, carried, bytes, damaged] {
    link.backlog_bytes -= bytes;
    if (is_cut(from, to)) {
      ++dropped_;
      return;
    }
    if (damaged) {
      if (deliver_damaged_) deliver_damaged_(from, to, carried);
      return;
    }
    ++delivered_;
    deliver_(from, to, carried);
  });
}

}  // namespace steward::sim
