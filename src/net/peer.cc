#include "net/peer.h"

#include "common/log.h"

namespace steward::net {
namespace {

// What TLS adds to a frame that travels alone: record header, content type and tag.
constexpr std::size_t kTlsRecordBytes = 22;

Duration now() {
  return std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch());
}

}  // namespace

Peer::Peer(asio::io_context& context, ServerId id, Dialer::Target target,
           std::shared_ptr<const TlsContext> tls, const LinksOptions& options,
           std::shared_ptr<Shaper> shaper, const OnFrame& on_frame)
    : id_(id),
      name_("server " + to_string(id) + " at " + target.host + ":" + std::to_string(target.port)),
      max_queue_bytes_(options.max_peer_queue_bytes),
      on_frame_(on_frame),
      shaper_(std::move(shaper)),
      dialer_(std::make_shared<Dialer>(context, std::move(target), std::move(tls),
                                       options.handshake_limit, traffic_,
                                       static_cast<Dialer::Owner&>(*this))),
      timer_(context) {}

Peer::~Peer() {
  dialer_->stop();
  if (incoming_) incoming_->close();
}

bool Peer::reserve(std::size_t bytes) {
  if (connected_ && bytes <= limits::kMaxFrameBytes) {
    if (queued_bytes_.fetch_add(bytes) + bytes <= max_queue_bytes_) return true;
    queued_bytes_ -= bytes;
  }
  ++dropped_;
  return false;
}

void Peer::send(FramePtr frame) {
  if (outgoing_ == nullptr) {
    queued_bytes_ -= frame->size();
    ++dropped_;
    return;
  }
  if (!shaper_) return outgoing_->send(std::move(frame));
  const auto departure = shaper_->pass(now(), frame->size() + kFrameHeaderBytes + kTlsRecordBytes);
  if (!departure) {
    queued_bytes_ -= frame->size();
    ++cut_frames_;
    return;
  }
  delayed_.push_back({*departure, std::move(frame)});
  if (delayed_.size() == 1) release_due();
}

// Hands over what is due, and asks to be woken for the next.
void Peer::release_due() {
  while (!delayed_.empty() && delayed_.front().departure <= now()) {
    outgoing_->send(std::move(delayed_.front().frame));
    delayed_.pop_front();
  }
  if (delayed_.empty()) return;
  timer_.expires_at(std::chrono::steady_clock::time_point(delayed_.front().departure));
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) release_due();
  });
}

void Peer::discard_delayed(std::atomic<std::uint64_t>& counter) {
  for (const Delayed& delayed : delayed_) queued_bytes_ -= delayed.frame->size();
  counter += delayed_.size();
  delayed_.clear();
  timer_.cancel();
}

void Peer::accept(ConnectionPtr connection) {
  if (incoming_) incoming_->close();
  incoming_ = std::move(connection);
  incoming_->set_owner(*this);
  incoming_->set_traffic(traffic_);
  incoming_->send(std::make_shared<const Bytes>());  // the greeting
  connected_back_ = true;
}

void Peer::set_cut(bool cut) {
  cut_ = cut;
  if (cut) discard_delayed(cut_frames_);
}

void Peer::on_up(Connection& connection) {
  outgoing_ = &connection;
  connected_ = true;
  failure_logged_ = false;
  log::info("connected to {}", name_);
}

void Peer::on_down(bool was_up, const Backlog& unsent, const std::string& reason) {
  connected_ = false;
  outgoing_ = nullptr;
  queued_bytes_ -= unsent.bytes;
  dropped_ += unsent.frames;
  discard_delayed(dropped_);
  if (was_up) {
    log::warning("lost the connection to {}: {}", name_, reason);
  } else if (!std::exchange(failure_logged_, true)) {
    log::warning("cannot connect to {}, trying on: {}", name_, reason);
  }
}

void Peer::on_frame(Connection&, Bytes frame) {
  if (cut_) {
    ++cut_frames_;
    return;
  }
  on_frame_(id_, std::move(frame));
}

void Peer::on_closed(Connection&, const std::string& reason) {
  incoming_.reset();
  connected_back_ = false;
  log::info("the connection from {} ended: {}", name_, reason);
}

PeerStats Peer::stats() const {
  PeerStats stats;
  stats.id = id_;
  stats.connected = connected_;
  stats.connected_back = connected_back_;
  stats.bytes_in = traffic_->bytes_in;
  stats.bytes_out = traffic_->bytes_out;
  stats.queued_bytes = queued_bytes_;
  stats.dropped_frames = dropped_;
  stats.cut_frames = cut_frames_;
  stats.cut = cut_;
  return stats;
}

}  // namespace steward::net
