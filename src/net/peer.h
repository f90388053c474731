// Private to net/: the connections with one other server, and the link model between. Includes
// Asio.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>

#include "net/dialer.h"
#include "net/links.h"
#include "net/shaper.h"

namespace steward::net {

// On the net thread, except what says otherwise.
class Peer final : private Dialer::Owner, private Connection::Owner {
 public:
  using OnFrame = std::function<void(ServerId from, Bytes frame)>;

  // `shaper` is shared by the peers of one site; null for a link that is not shaped.
  Peer(asio::io_context& context, ServerId id, Dialer::Target target,
       std::shared_ptr<const TlsContext> tls, const LinksOptions& options,
       std::shared_ptr<Shaper> shaper, const OnFrame& on_frame);
  ~Peer();

  void start() { dialer_->start(); }

  // Any thread: may this frame enter the queue? If so it is counted as queued, and send() must
  // follow; if not, as dropped.
  bool reserve(std::size_t bytes);
  void send(FramePtr frame);

  // The newest connection from this server replaces an older one, which may be half dead.
  void accept(ConnectionPtr connection);

  void set_cut(bool cut);

  PeerStats stats() const;  // any thread

 private:
  void release_due();
  void discard_delayed(std::atomic<std::uint64_t>& counter);

  void on_up(Connection& connection) override;
  void on_frame(Bytes) override {}  // nothing but the greeting comes on the connection we dialled
  void on_written(std::size_t bytes) override { queued_bytes_ -= bytes; }
  void on_down(bool was_up, const Backlog& unsent, const std::string& reason) override;

  void on_ready(Connection&) override {}
  void on_frame(Connection&, Bytes frame) override;
  void on_written(Connection&, std::size_t) override {}
  void on_closed(Connection& connection, const std::string& reason) override;

  struct Delayed {
    Duration departure;  // since the steady clock's start
    FramePtr frame;
  };

  const ServerId id_;
  const std::string name_;  // for log lines
  const std::size_t max_queue_bytes_;
  const OnFrame& on_frame_;
  std::shared_ptr<Shaper> shaper_;
  std::shared_ptr<Traffic> traffic_ = std::make_shared<Traffic>();
  std::shared_ptr<Dialer> dialer_;
  Connection* outgoing_ = nullptr;  // while up
  ConnectionPtr incoming_;
  std::deque<Delayed> delayed_;
  asio::steady_timer timer_;
  bool failure_logged_ = false;

  std::atomic<bool> connected_ = false;
  std::atomic<bool> connected_back_ = false;
  std::atomic<bool> cut_ = false;
  std::atomic<std::uint64_t> queued_bytes_ = 0;
  std::atomic<std::uint64_t> dropped_ = 0;
  std::atomic<std::uint64_t> cut_frames_ = 0;
};

}  // namespace steward::net
