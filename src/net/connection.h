// Private to net/: one TLS connection that carries frames. Includes Asio.
//
// All calls and callbacks on the thread that runs the io_context. Held by its owner and by its own
// pending operations.
#pragma once

#include <array>
#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "common/bytes.h"
#include "common/time.h"
#include "net/frame.h"
#include "net/tls_identity.h"

namespace steward::net {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;
using FramePtr = std::shared_ptr<const Bytes>;

// What one peer has cost so far; read from any thread. Bytes are those of the socket, TLS included.
struct Traffic {
  std::atomic<std::uint64_t> bytes_in = 0;
  std::atomic<std::uint64_t> bytes_out = 0;
};

// Frames that are queued, with their payload; after the end of a connection: that were lost with
// it.
struct Backlog {
  std::uint64_t frames = 0;
  std::uint64_t bytes = 0;
};

// The accepting side greets with an empty frame once it has admitted the other. In TLS 1.3 the
// dialling side ends its handshake before it can know whether it is accepted; so it waits for this.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  class Owner {
   public:
    virtual void on_ready(Connection&) = 0;  // peer_key() is proven; dialling side: and admitted
    virtual void on_frame(Connection&, Bytes frame) = 0;
    virtual void on_written(Connection&, std::size_t bytes) = 0;  // payload that left the queue
    // The connection is over, by error or by the other side. Not called after close().
    virtual void on_closed(Connection&, const std::string& reason) = 0;

   protected:
    ~Owner() = default;
  };

  // `session` is taken over. No callback before start().
  Connection(tcp::socket socket, std::shared_ptr<const TlsContext> context, ssl_st* session);

  // Handshakes; on_closed when it is not done in `limit`. `owner` must outlive the connection or
  // close it, or pass it on with set_owner.
  void start(Owner& owner, Duration limit);
  void set_owner(Owner& owner) { owner_ = &owner; }
  void set_traffic(std::shared_ptr<Traffic> traffic) { traffic_ = std::move(traffic); }

  // What is sent within one turn of the event loop leaves in as few writes as possible.
  void send(FramePtr frame);

  // Drops what is queued. No callback comes after it.
  void close();

  const Bytes& peer_key() const { return peer_key_; }
  const std::string& remote() const { return remote_; }  // "127.0.0.1:4711", for log lines
  const Backlog& backlog() const { return backlog_; }

 private:
  void on_handshake(const boost::system::error_code& error);
  void become_ready();
  void read();
  void on_read(const boost::system::error_code& error, std::size_t bytes);
  void deliver(Bytes frame);
  void flush();
  void on_write(const boost::system::error_code& error);
  void count_traffic();
  void fail(const std::string& reason);

  std::shared_ptr<const TlsContext> context_;
  asio::ssl::stream<tcp::socket> stream_;
  asio::steady_timer deadline_;
  Owner* owner_ = nullptr;
  std::shared_ptr<Traffic> traffic_ = std::make_shared<Traffic>();
  std::string remote_ = "nowhere";
  Bytes peer_key_;
  bool ready_ = false;
  bool closed_ = false;

  FrameParser parser_;
  std::array<char, 16 << 10> read_buffer_;

  std::deque<FramePtr> queue_;
  Backlog backlog_;  // of the queue and the write buffer
  Bytes write_buffer_;
  Backlog in_write_buffer_;
  bool writing_ = false;  // a write, or the flush that will start it, is pending

  std::uint64_t counted_in_ = 0;
  std::uint64_t counted_out_ = 0;
};

using ConnectionPtr = std::shared_ptr<Connection>;

// nullptr when there is no memory for a session.
ConnectionPtr make_connection(tcp::socket socket, std::shared_ptr<const TlsContext> context);

}  // namespace steward::net
