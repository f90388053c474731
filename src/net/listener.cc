#include "net/listener.h"

#include <algorithm>

namespace steward::net {

using SystemError = boost::system::error_code;

namespace {

Result<tcp::acceptor> listen(asio::io_context& context, const std::string& host,
                             std::uint16_t port) {
  const std::string where = host + ":" + std::to_string(port);
  const auto failed = [&](const SystemError& error) {
    return Error{ErrorCode::kIo, "cannot listen on " + where + ": " + error.message()};
  };
  SystemError error;
  tcp::resolver resolver(context);
  const auto found = resolver.resolve(
      host, std::to_string(port), tcp::resolver::passive | tcp::resolver::numeric_service, error);
  if (error || found.empty()) return failed(error);
  const tcp::endpoint endpoint = *found.begin();
  tcp::acceptor acceptor(context);
  if (acceptor.open(endpoint.protocol(), error); error) return failed(error);
  if (acceptor.set_option(tcp::acceptor::reuse_address(true), error); error) return failed(error);
  if (acceptor.bind(endpoint, error); error) return failed(error);
  if (acceptor.listen(tcp::acceptor::max_listen_connections, error); error) return failed(error);
  return acceptor;
}

}  // namespace

Result<std::unique_ptr<Listener>> Listener::open(asio::io_context& context, const std::string& host,
                                                 std::uint16_t port,
                                                 std::shared_ptr<const TlsContext> tls,
                                                 Duration handshake_limit, std::size_t max_pending,
                                                 Owner& owner) {
  auto acceptor = listen(context, host, port);
  if (!acceptor) return acceptor.error();
  return std::unique_ptr<Listener>(
      new Listener(std::move(*acceptor), std::move(tls), handshake_limit, max_pending, owner));
}

Listener::Listener(tcp::acceptor acceptor, std::shared_ptr<const TlsContext> tls,
                   Duration handshake_limit, std::size_t max_pending, Owner& owner)
    : acceptor_(std::move(acceptor)),
      retry_(acceptor_.get_executor()),
      tls_(std::move(tls)),
      handshake_limit_(handshake_limit),
      max_pending_(max_pending),
      owner_(owner) {}

Listener::~Listener() { close(); }

void Listener::close() {
  SystemError ignored;
  acceptor_.close(ignored);
  retry_.cancel();
  for (const ConnectionPtr& connection : pending_) connection->close();
  pending_.clear();
}

void Listener::accept() {
  acceptor_.async_accept([this](const SystemError& error, tcp::socket socket) {
    if (error == asio::error::operation_aborted) return;  // closed; `this` may be gone
    if (!error) {
      admit(std::move(socket));
      return accept();
    }
    // Out of file descriptors, most likely. Trying again at once would only burn the processor.
    log_.warning("cannot accept a connection: " + error.message());
    retry_.expires_after(100ms);
    retry_.async_wait([this](const SystemError& cancelled) {
      if (!cancelled) accept();
    });
  });
}

void Listener::admit(tcp::socket socket) {
  if (pending_.size() >= max_pending_) {
    const ConnectionPtr oldest = pending_.front();
    pending_.pop_front();
    oldest->close();
    count_failure(*oldest, "too many connections wait to be authenticated");
  }
  ConnectionPtr connection = make_connection(std::move(socket), tls_);
  if (!connection) return;
  pending_.push_back(connection);
  connection->start(*this, handshake_limit_);
}

void Listener::on_ready(Connection& connection) {
  pending_.remove_if([&](const ConnectionPtr& other) { return other.get() == &connection; });
  owner_.on_authenticated(connection.shared_from_this());
}

void Listener::on_closed(Connection& connection, const std::string& reason) {
  pending_.remove_if([&](const ConnectionPtr& other) { return other.get() == &connection; });
  count_failure(connection, reason);
}

void Listener::count_failure(const Connection& connection, const std::string& reason) {
  ++failed_;
  log_.warning("refused a connection from " + connection.remote() + ": " + reason);
}

}  // namespace steward::net
