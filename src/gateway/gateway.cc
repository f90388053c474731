#include "gateway/gateway.h"

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <set>

#include "common/log.h"
#include "gateway/connection.h"

namespace steward::gateway {

namespace asio = boost::asio;
using asio::ip::tcp;
using ErrorOf = boost::system::error_code;

namespace {

class Client;

// What the clients of one gateway have in common.
struct Common {
  Common(asio::io_context& io, Backend& service) : context(io), backend(service) {}

  asio::io_context& context;
  Backend& backend;
  Shared shared;
  // The newest state that any client has been told of: no client reads an older one, so that an
  // application may use several connections as if they were one.
  Sequence seen = 0;
  std::set<std::shared_ptr<Client>> clients;
  std::array<char, 64 << 10> scratch{};  // where every read lands first
};

std::string name_of(const tcp::endpoint& endpoint) {
  const bool v6 = endpoint.address().is_v6();
  const std::string address = endpoint.address().to_string();
  return (v6 ? "[" + address + "]" : address) + ":" + std::to_string(endpoint.port());
}

std::string local_name(const tcp::socket& socket) {
  ErrorOf error;
  const tcp::endpoint endpoint = socket.local_endpoint(error);
  return error ? "?" : name_of(endpoint);
}

// One socket. Alive as long as Common lists it or an operation of it is pending.
class Client : public std::enable_shared_from_this<Client> {
 public:
  Client(Common& common, tcp::socket socket, const tcp::endpoint& peer)
      : common_(common),
        socket_(std::move(socket)),
        connection_(
            std::make_unique<Connection>(common.shared, name_of(peer), local_name(socket_))) {}

  void start() {
    ErrorOf ignored;
    socket_.non_blocking(true, ignored);
    socket_.set_option(tcp::no_delay(true), ignored);
    socket_.set_option(asio::socket_base::keep_alive(true), ignored);
    wait_readable();
  }

  // Also from Common's end; nothing of Common is touched afterwards.
  void close() {
    ErrorOf ignored;
    socket_.close(ignored);
    connection_.reset();
  }

 private:
  void end() {
    const auto self = shared_from_this();
    close();
    common_.clients.erase(self);
  }

  void wait_readable() {
    socket_.async_wait(tcp::socket::wait_read, [self = shared_from_this()](const ErrorOf& error) {
      if (!self->connection_) return;
      if (error) return self->end();
      self->read();
    });
  }

  // Takes what the socket has, as far as the connection wants it.
  void read() {
    while (connection_->wants_input()) {
      ErrorOf error;
      const std::size_t size = socket_.read_some(asio::buffer(common_.scratch), error);
      if (error == asio::error::would_block || error == asio::error::try_again) break;
      if (error) {
        finished_ = true;  // what came before is still answered
        break;
      }
      connection_->receive({common_.scratch.data(), size});
    }
    step();
  }

  // Goes on with whatever can be done now.
  void step() {
    while (!waiting_ && !writing_) {
      auto request = connection_->advance();
      if (request) issue(std::move(*request));
      if (!write()) return end();
      if (request || writing_ || connection_->has_backlog()) continue;
      if (connection_->closing() || finished_) return end();
      return wait_readable();
    }
  }

  void issue(Connection::Request request) {
    waiting_ = true;
    auto done = [self = shared_from_this()](Result<Answer> answer) {
      if (self->connection_) self->answered(std::move(answer));
    };
    if (request.update) {
      common_.backend.submit(std::move(request.payload), std::move(done));
    } else {
      common_.backend.query(std::move(request.payload), common_.seen, std::move(done));
    }
  }

  void answered(Result<Answer> answer) {
    waiting_ = false;
    if (answer.ok()) {
      common_.seen = std::max(common_.seen, answer->sequence);
      connection_->complete(std::move(answer->result));
    } else {
      connection_->complete(answer.error());
    }
    step();
  }

  // Writes the output at once if the socket takes it, else in the background. False: it is broken.
  bool write() {
    if (connection_->output().empty()) return true;
    outgoing_ = std::exchange(connection_->output(), {});
    ErrorOf error;
    std::size_t written = socket_.write_some(asio::buffer(outgoing_), error);
    if (error == asio::error::would_block || error == asio::error::try_again) {
      error.clear();
      written = 0;
    }
    if (error) return false;
    if (written == outgoing_.size()) {
      outgoing_ = {};
      return true;
    }
    writing_ = true;
    asio::async_write(socket_, asio::buffer(outgoing_) + written,
                      [self = shared_from_this()](const ErrorOf& failure, std::size_t) {
                        if (!self->connection_) return;
                        if (failure) return self->end();
                        self->writing_ = false;
                        self->outgoing_ = {};
                        self->step();
                      });
    return true;
  }

  Common& common_;
  tcp::socket socket_;
  std::unique_ptr<Connection> connection_;  // null once closed
  Bytes outgoing_;
  bool waiting_ = false;  // for the backend
  bool writing_ = false;
  bool finished_ = false;  // the client sends no more
};

Error cannot_listen(const GatewayOptions& options, const std::string& reason) {
  return {ErrorCode::kIo, "cannot listen for Redis clients on " + options.host + ":" +
                              std::to_string(options.port) + ": " + reason};
}

}  // namespace

class Gateway::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(asio::io_context& context, const GatewayOptions& options, Backend& backend)
      : common_(context, backend), acceptor_(context), retry_(context) {
    common_.shared.linearizable_reads = options.linearizable_reads;
    common_.shared.max_connections = options.max_connections;
    common_.shared.backend_facts = [&backend] { return backend.facts(); };
  }

  Status open(const GatewayOptions& options) {
    ErrorOf error;
    tcp::resolver resolver(common_.context);
    const auto found =
        resolver.resolve(options.host, std::to_string(options.port), tcp::resolver::passive, error);
    if (error) return cannot_listen(options, error.message());
    const tcp::endpoint endpoint = found.begin()->endpoint();
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (error == asio::error::address_in_use) return cannot_listen(options, "the port is taken");
    if (error) return cannot_listen(options, error.message());
    common_.shared.port = acceptor_.local_endpoint(error).port();
    return {};
  }

  void accept() {
    acceptor_.async_accept(peer_,
                           [self = shared_from_this()](const ErrorOf& error, tcp::socket socket) {
                             if (self->closed_) return;
                             if (error) return self->accept_later(error);
                             self->admit(std::move(socket));
                             self->accept();
                           });
  }

  void close() {
    closed_ = true;
    ErrorOf ignored;
    acceptor_.close(ignored);
    retry_.cancel();
    for (const auto& client : common_.clients) client->close();
    common_.clients.clear();
  }

  std::uint16_t port() const { return common_.shared.port; }

 private:
  void admit(tcp::socket socket) {
    if (common_.clients.size() >= common_.shared.max_connections) {
      constexpr std::string_view kFull = "-ERR max number of clients reached\r\n";
      ErrorOf ignored;
      socket.non_blocking(true, ignored);
      socket.write_some(asio::buffer(kFull), ignored);
      return;
    }
    auto client = std::make_shared<Client>(common_, std::move(socket), peer_);
    common_.clients.insert(client);
    client->start();
  }

  // Out of file descriptors, most likely: others may be closed in a while.
  void accept_later(const ErrorOf& error) {
    log::warning("cannot accept a Redis client: {}", error.message());
    retry_.expires_after(std::chrono::milliseconds(200));
    retry_.async_wait([self = shared_from_this()](const ErrorOf&) {
      if (!self->closed_) self->accept();
    });
  }

  Common common_;
  tcp::acceptor acceptor_;
  asio::steady_timer retry_;
  tcp::endpoint peer_;
  bool closed_ = false;
};

Result<std::unique_ptr<Gateway>> Gateway::listen(asio::io_context& context,
                                                 const GatewayOptions& options, Backend& backend) {
  auto impl = std::make_shared<Impl>(context, options, backend);
  if (Status opened = impl->open(options); !opened.ok()) return opened.error();
  impl->accept();
  return std::unique_ptr<Gateway>(new Gateway(std::move(impl)));
}

Gateway::Gateway(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

Gateway::~Gateway() { impl_->close(); }

std::uint16_t Gateway::port() const { return impl_->port(); }

}  // namespace steward::gateway
