// Private to net/: keeps one outgoing connection up. Includes Asio.
#pragma once

#include <memory>
#include <string>

#include "net/connection.h"

namespace steward::net {

inline constexpr Duration kFirstBackoff = 50ms;
inline constexpr Duration kLastBackoff = 2s;

// Dials, and dials again after a pause that doubles with every failure. On the io_context's thread.
class Dialer final : public std::enable_shared_from_this<Dialer>, private Connection::Owner {
 public:
  class Owner {
   public:
    virtual void on_up(Connection& connection) = 0;
    virtual void on_frame(Bytes frame) = 0;
    virtual void on_written(std::size_t bytes) = 0;
    // An attempt failed, or the connection that was up is lost, and `unsent` with it.
    virtual void on_down(bool was_up, const Backlog& unsent, const std::string& reason) = 0;

   protected:
    ~Owner() = default;
  };

  struct Target {
    std::string host;
    std::uint16_t port = 0;
  };

  // `limit` is for each step of an attempt: finding and reaching the host, and the handshake.
  Dialer(asio::io_context& context, Target target, std::shared_ptr<const TlsContext> tls,
         Duration limit, std::shared_ptr<Traffic> traffic, Owner& owner);

  void start() { dial(); }

  // Closes. No callback comes after it; the owner may go.
  void stop();

 private:
  void dial();
  void on_resolved(const boost::system::error_code& error,
                   const tcp::resolver::results_type& found);
  void on_reached(const boost::system::error_code& error);
  void attempt_failed(const std::string& reason);
  void again();

  void on_ready(Connection& connection) override;
  void on_frame(Connection&, Bytes frame) override { owner_.on_frame(std::move(frame)); }
  void on_written(Connection&, std::size_t bytes) override { owner_.on_written(bytes); }
  void on_closed(Connection& connection, const std::string& reason) override;

  Target target_;
  std::shared_ptr<const TlsContext> tls_;
  Duration limit_;
  std::shared_ptr<Traffic> traffic_;
  Owner& owner_;
  tcp::resolver resolver_;
  tcp::socket socket_;
  asio::steady_timer timer_;  // of the attempt, or of the pause before the next
  ConnectionPtr connection_;
  Duration backoff_ = kFirstBackoff;
  bool up_ = false;
  bool timed_out_ = false;
  bool stopped_ = false;
};

}  // namespace steward::net
