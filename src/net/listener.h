// Private to net/: accepts connections and brings them through the handshake. Includes Asio.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <list>
#include <memory>
#include <string>

#include "common/result.h"
#include "net/connection.h"
#include "net/occasional_log.h"

namespace steward::net {

// On the io_context's thread.
class Listener final : private Connection::Owner {
 public:
  class Owner {
   public:
    // Takes the connection over (Connection::set_owner) and greets it, or closes it.
    virtual void on_authenticated(ConnectionPtr connection) = 0;

   protected:
    ~Owner() = default;
  };

  // A taken port and an address that is not ours are kIo, with a sentence that names them.
  // `max_pending` connections may be in their handshake; the oldest gives way to a new one, so that
  // somebody who only holds connections open does not lock out those who mean it.
  static Result<std::unique_ptr<Listener>> open(asio::io_context& context, const std::string& host,
                                                std::uint16_t port,
                                                std::shared_ptr<const TlsContext> tls,
                                                Duration handshake_limit, std::size_t max_pending,
                                                Owner& owner);
  ~Listener();

  void start() { accept(); }
  void close();

  // Connections that ended before they were authenticated.
  std::uint64_t failed_handshakes() const { return failed_.load(); }

 private:
  Listener(tcp::acceptor acceptor, std::shared_ptr<const TlsContext> tls, Duration handshake_limit,
           std::size_t max_pending, Owner& owner);

  void accept();
  void admit(tcp::socket socket);
  void count_failure(const Connection& connection, const std::string& reason);

  void on_ready(Connection& connection) override;
  void on_frame(Connection&, Bytes) override {}  // none before on_ready
  void on_written(Connection&, std::size_t) override {}
  void on_closed(Connection& connection, const std::string& reason) override;

  tcp::acceptor acceptor_;
  asio::steady_timer retry_;
  std::shared_ptr<const TlsContext> tls_;
  Duration handshake_limit_;
  std::size_t max_pending_;
  Owner& owner_;
  std::list<ConnectionPtr> pending_;  // oldest first
  OccasionalLog log_;
  std::atomic<std::uint64_t> failed_ = 0;
};

}  // namespace steward::net
