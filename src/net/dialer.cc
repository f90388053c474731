#include "net/dialer.h"

#include <algorithm>
#include <boost/asio/connect.hpp>

namespace steward::net {

using ErrorCode = boost::system::error_code;

Dialer::Dialer(asio::io_context& context, Target target, std::shared_ptr<const TlsContext> tls,
               Duration limit, std::shared_ptr<Traffic> traffic, Owner& owner)
    : target_(std::move(target)),
      tls_(std::move(tls)),
      limit_(limit),
      traffic_(std::move(traffic)),
      owner_(owner),
      resolver_(context),
      socket_(context),
      timer_(context) {}

void Dialer::stop() {
  stopped_ = true;
  timer_.cancel();
  resolver_.cancel();
  ErrorCode ignored;
  socket_.close(ignored);
  if (connection_) connection_->close();
  connection_.reset();
}

void Dialer::dial() {
  timed_out_ = false;
  timer_.expires_after(limit_);
  timer_.async_wait([weak = weak_from_this()](const ErrorCode& error) {
    const auto self = weak.lock();
    if (!self || error || self->stopped_) return;
    self->timed_out_ = true;  // what is pending ends with an error now
    self->resolver_.cancel();
    ErrorCode ignored;
    self->socket_.close(ignored);
  });
  resolver_.async_resolve(target_.host, std::to_string(target_.port),
                          tcp::resolver::numeric_service,
                          [self = shared_from_this()](const ErrorCode& error, const auto& found) {
                            self->on_resolved(error, found);
                          });
}

void Dialer::on_resolved(const ErrorCode& error, const tcp::resolver::results_type& found) {
  if (stopped_) return;
  if (timed_out_) return attempt_failed("looking up the host name took too long");
  if (error) return attempt_failed("the host name is not known: " + error.message());
  asio::async_connect(socket_, found,
                      [self = shared_from_this()](const ErrorCode& failed, const tcp::endpoint&) {
                        self->on_reached(failed);
                      });
}

void Dialer::on_reached(const ErrorCode& error) {
  if (stopped_) return;
  if (timed_out_) return attempt_failed("the host does not answer");
  if (error) return attempt_failed(error.message());
  timer_.cancel();
  connection_ = make_connection(std::exchange(socket_, tcp::socket(socket_.get_executor())), tls_);
  if (!connection_) return attempt_failed("no memory for a TLS session");
  connection_->set_traffic(traffic_);
  connection_->start(*this, limit_);
}

void Dialer::on_ready(Connection& connection) {
  up_ = true;
  backoff_ = kFirstBackoff;
  owner_.on_up(connection);
}

void Dialer::on_closed(Connection& connection, const std::string& reason) {
  const Backlog unsent = connection.backlog();
  connection_.reset();
  const bool was_up = std::exchange(up_, false);
  again();
  owner_.on_down(was_up, unsent, reason);
}

void Dialer::attempt_failed(const std::string& reason) {
  again();
  owner_.on_down(false, {}, reason);
}

void Dialer::again() {
  timer_.expires_after(backoff_);
  backoff_ = std::min(2 * backoff_, kLastBackoff);
  timer_.async_wait([weak = weak_from_this()](const ErrorCode& error) {
    const auto self = weak.lock();
    if (self && !error && !self->stopped_) self->dial();
  });
}

}  // namespace steward::net
