// Private to net/: connections that gateways and operators have made to this server. Includes Asio.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>

#include "net/connection.h"
#include "net/links.h"
#include "net/occasional_log.h"

namespace steward::net {

// On the net thread, except the counters.
class ClientSessions {
 public:
  // Both must outlive this.
  ClientSessions(const LinksOptions& options, const LinksCallbacks& callbacks);
  ~ClientSessions();

  // Takes the connection over and greets it, or closes it when there are too many.
  void admit(ConnectionPtr connection);

  // Ends a client that lets too much pile up: it would wait for replies that never come.
  void send(ClientConnectionId to, FramePtr frame);

  void refuse(ClientConnectionId client, const std::string& reason);

  // Any thread.
  std::uint64_t count() const { return count_; }
  std::uint64_t refused() const { return refused_; }
  const Traffic& traffic() const { return *traffic_; }

 private:
  class Session;

  void make_room_for(const Bytes& key);
  void end(ClientConnectionId client);

  const LinksOptions& options_;
  const LinksCallbacks& callbacks_;
  std::shared_ptr<Traffic> traffic_ = std::make_shared<Traffic>();
  std::map<ClientConnectionId, std::unique_ptr<Session>> sessions_;  // the oldest first
  ClientConnectionId last_id_ = 0;
  OccasionalLog log_;
  std::atomic<std::uint64_t> count_ = 0;
  std::atomic<std::uint64_t> refused_ = 0;
};

}  // namespace steward::net
