#include "net/client_channel.h"

#include <boost/asio/io_context.hpp>

#include "net/dialer.h"

namespace steward::net {

class ClientChannel::Impl final : private Dialer::Owner {
 public:
  Impl(asio::io_context& context, const ClientChannelOptions& options,
       std::shared_ptr<const TlsContext> tls, ClientChannelCallbacks callbacks)
      : max_queue_bytes_(options.max_queue_bytes),
        callbacks_(std::move(callbacks)),
        dialer_(std::make_shared<Dialer>(context, Dialer::Target{options.host, options.port},
                                         std::move(tls), options.handshake_limit,
                                         std::make_shared<Traffic>(),
                                         static_cast<Dialer::Owner&>(*this))) {
    dialer_->start();
  }
  ~Impl() { dialer_->stop(); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  bool connected() const { return connection_ != nullptr; }

  bool send(FramePtr frame) {
    if (!connected() || frame->size() > limits::kMaxFrameBytes ||
        connection_->backlog().bytes + frame->size() > max_queue_bytes_) {
      return false;
    }
    connection_->send(std::move(frame));
    return true;
  }

 private:
  void on_up(Connection& connection) override {
    connection_ = &connection;
    callbacks_.on_up();
  }
  void on_frame(Bytes frame) override { callbacks_.on_frame(std::move(frame)); }
  void on_written(std::size_t) override {}
  void on_down(bool, const Backlog&, const std::string& reason) override {
    connection_ = nullptr;
    callbacks_.on_down(reason);
  }

  const std::size_t max_queue_bytes_;
  const ClientChannelCallbacks callbacks_;
  Connection* connection_ = nullptr;  // while up
  std::shared_ptr<Dialer> dialer_;
};

ClientChannel::ClientChannel(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ClientChannel::~ClientChannel() = default;

Result<std::unique_ptr<ClientChannel>> ClientChannel::open(asio::io_context& context,
                                                           ClientChannelOptions options,
                                                           ClientChannelCallbacks callbacks) {
  auto tls =
      TlsContext::make(TlsRole::kClient, options.seed,
                       [expected = options.server_key](BytesView key) { return key == expected; });
  if (!tls) return tls.error();
  auto impl = std::make_unique<Impl>(context, options, *std::move(tls), std::move(callbacks));
  return std::unique_ptr<ClientChannel>(new ClientChannel(std::move(impl)));
}

bool ClientChannel::send(std::shared_ptr<const Bytes> frame) {
  return impl_->send(std::move(frame));
}

bool ClientChannel::connected() const { return impl_->connected(); }

}  // namespace steward::net
