// The client's end of a connection to one server: for gateways and the operator's command.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "common/bytes.h"
#include "common/result.h"
#include "common/time.h"

namespace boost::asio {
class io_context;
}

namespace steward::net {

struct ClientChannelOptions {
  std::string host;
  std::uint16_t port = 0;
  Bytes server_key;  // the only public key that is accepted there
  Bytes seed;        // of the client's own Ed25519 key, 32 bytes
  std::size_t max_queue_bytes = 16 << 20;
  Duration handshake_limit{5'000'000};
};

// On the thread that runs the io_context. They must not destroy the channel.
struct ClientChannelCallbacks {
  std::function<void()> on_up;
  std::function<void(Bytes frame)> on_frame;
  // The connection was lost, or another attempt to make one failed. What was sent may be lost.
  std::function<void(const std::string& reason)> on_down;
};

// Connects, and again after every loss, with a pause that grows from 50 ms to 2 s. Everything,
// construction and destruction too, on the thread that runs the io_context, or while none does.
class ClientChannel {
 public:
  static Result<std::unique_ptr<ClientChannel>> open(boost::asio::io_context& context,
                                                     ClientChannelOptions options,
                                                     ClientChannelCallbacks callbacks);
  ~ClientChannel();  // no callback afterwards
  ClientChannel(const ClientChannel&) = delete;
  ClientChannel& operator=(const ClientChannel&) = delete;

  // False, and nothing is sent, while not connected, while `max_queue_bytes` wait to leave, and for
  // a frame beyond limits::kMaxFrameBytes.
  bool send(std::shared_ptr<const Bytes> frame);

  bool connected() const;

 private:
  class Impl;
  explicit ClientChannel(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace steward::net
