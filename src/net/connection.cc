#include "net/connection.h"

#include <netinet/tcp.h>
#include <openssl/bio.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>

namespace steward::net {
namespace {

using ErrorCode = boost::system::error_code;

constexpr std::size_t kWriteBytes = 64 << 10;  // frames are gathered up to this

std::string describe(const ErrorCode& error) {
  if (error == asio::error::eof || error == asio::ssl::error::stream_truncated) {
    return "the other side closed the connection";
  }
  return error.message();
}

std::string describe(const tcp::socket& socket) {
  ErrorCode failed;
  const auto endpoint = socket.remote_endpoint(failed);
  if (failed) return "an address already gone";
  return endpoint.address().to_string() + ":" + std::to_string(endpoint.port());
}

// A peer that vanishes without a word must be noticed, with or without data on the way to it.
void configure(tcp::socket& socket) {
  const auto set = [&](int level, int name, int value) {
    ::setsockopt(socket.native_handle(), level, name, &value, sizeof value);
  };
  set(IPPROTO_TCP, TCP_NODELAY, 1);
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, 10);  // seconds
  set(IPPROTO_TCP, TCP_KEEPINTVL, 5);  // seconds
  set(IPPROTO_TCP, TCP_KEEPCNT, 3);
  set(IPPROTO_TCP, TCP_USER_TIMEOUT, 15'000);  // milliseconds
}

}  // namespace

ConnectionPtr make_connection(tcp::socket socket, std::shared_ptr<const TlsContext> context) {
  SSL* session = context->new_session();
  if (session == nullptr) return nullptr;
  return std::make_shared<Connection>(std::move(socket), std::move(context), session);
}

Connection::Connection(tcp::socket socket, std::shared_ptr<const TlsContext> context, SSL* session)
    : context_(std::move(context)),
      stream_(std::move(socket), session),
      deadline_(stream_.get_executor()) {}

void Connection::start(Owner& owner, Duration limit) {
  owner_ = &owner;
  remote_ = describe(stream_.next_layer());
  configure(stream_.next_layer());
  deadline_.expires_after(limit);
  deadline_.async_wait([weak = weak_from_this()](const ErrorCode& error) {
    const auto self = weak.lock();
    if (self && !error && !self->ready_) self->fail("no handshake within the time limit");
  });
  const auto side = context_->role() == TlsRole::kServer ? asio::ssl::stream_base::server
                                                         : asio::ssl::stream_base::client;
  stream_.async_handshake(
      side, [self = shared_from_this()](const ErrorCode& error) { self->on_handshake(error); });
}

void Connection::on_handshake(const ErrorCode& error) {
  if (closed_) return;
  if (error && SSL_get_verify_result(stream_.native_handle()) != X509_V_OK) {
    return fail("the key of the other side is not one that belongs there");
  }
  if (error) return fail("no TLS handshake: " + describe(error));
  auto key = proven_key(stream_.native_handle());
  if (!key) return fail("the other side does not speak this protocol");
  peer_key_ = *std::move(key);
  if (context_->role() == TlsRole::kServer) become_ready();
  if (!closed_) read();
}

void Connection::become_ready() {
  ready_ = true;
  deadline_.cancel();
  owner_->on_ready(*this);
}

void Connection::read() {
  stream_.async_read_some(asio::buffer(read_buffer_),
                          [self = shared_from_this()](const ErrorCode& error, std::size_t bytes) {
                            self->on_read(error, bytes);
                          });
}

void Connection::on_read(const ErrorCode& error, std::size_t bytes) {
  count_traffic();
  if (closed_) return;
  if (error && ready_) return fail(describe(error));
  if (error)
    return fail("we were refused, as if our key were not listed there: " + describe(error));
  std::vector<Bytes> frames;
  const bool sound = parser_.feed({read_buffer_.data(), bytes}, frames);
  for (Bytes& frame : frames) {
    deliver(std::move(frame));
    if (closed_) return;
  }
  if (!sound) return fail("a frame larger than the limit was announced");
  read();
}

void Connection::deliver(Bytes frame) {
  if (ready_) return owner_->on_frame(*this, std::move(frame));
  if (!frame.empty()) return fail("the other side does not greet");
  become_ready();
}

void Connection::send(FramePtr frame) {
  if (closed_) return;
  ++backlog_.frames;
  backlog_.bytes += frame->size();
  queue_.push_back(std::move(frame));
  if (std::exchange(writing_, true)) return;
  asio::post(stream_.get_executor(), [self = shared_from_this()] { self->flush(); });
}

void Connection::flush() {
  if (closed_) return;
  if (queue_.empty()) {
    writing_ = false;
    return;
  }
  write_buffer_.clear();
  if (write_buffer_.capacity() > 4 * kWriteBytes) write_buffer_.shrink_to_fit();
  in_write_buffer_ = {};
  do {
    append_frame(write_buffer_, *queue_.front());
    ++in_write_buffer_.frames;
    in_write_buffer_.bytes += queue_.front()->size();
    queue_.pop_front();
  } while (!queue_.empty() && write_buffer_.size() + queue_.front()->size() <= kWriteBytes);
  asio::async_write(stream_, asio::buffer(write_buffer_),
                    [self = shared_from_this()](const ErrorCode& error, std::size_t /*bytes*/) {
                      self->on_write(error);
                    });
}

void Connection::on_write(const ErrorCode& error) {
  count_traffic();
  if (closed_) return;
  if (error) return fail(describe(error));
  backlog_.frames -= in_write_buffer_.frames;
  backlog_.bytes -= in_write_buffer_.bytes;
  owner_->on_written(*this, in_write_buffer_.bytes);
  flush();
}

void Connection::count_traffic() {
  BIO* bio = SSL_get_rbio(stream_.native_handle());
  const std::uint64_t in = BIO_number_read(bio);
  const std::uint64_t out = BIO_number_written(bio);
  traffic_->bytes_in += in - std::exchange(counted_in_, in);
  traffic_->bytes_out += out - std::exchange(counted_out_, out);
}

void Connection::fail(const std::string& reason) {
  if (closed_) return;
  const auto self = shared_from_this();  // the owner may let go of it
  Owner* const owner = owner_;
  close();
  owner->on_closed(*this, reason);
}

void Connection::close() {
  if (std::exchange(closed_, true)) return;
  deadline_.cancel();
  ErrorCode ignored;
  stream_.next_layer().close(ignored);
  queue_.clear();
}

}  // namespace steward::net
