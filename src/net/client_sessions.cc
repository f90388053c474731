#include "net/client_sessions.h"

#include "common/log.h"

namespace steward::net {

class ClientSessions::Session final : private Connection::Owner {
 public:
  Session(ClientSessions& parent, ClientConnectionId id, ConnectionPtr connection)
      : parent_(parent), id_(id), connection_(std::move(connection)) {
    connection_->set_owner(*this);
    connection_->set_traffic(parent_.traffic_);
    connection_->send(std::make_shared<const Bytes>());  // the greeting
  }
  ~Session() { connection_->close(); }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  Connection& connection() { return *connection_; }

 private:
  void on_ready(Connection&) override {}
  void on_frame(Connection& connection, Bytes frame) override {
    parent_.callbacks_.on_client_frame(id_, connection.peer_key(), std::move(frame));
  }
  void on_written(Connection&, std::size_t) override {}
  void on_closed(Connection& connection, const std::string& reason) override {
    log::info("the client at {} is gone: {}", connection.remote(), reason);
    parent_.end(id_);  // destroys this
  }

  ClientSessions& parent_;
  const ClientConnectionId id_;
  const ConnectionPtr connection_;
};

ClientSessions::ClientSessions(const LinksOptions& options, const LinksCallbacks& callbacks)
    : options_(options), callbacks_(callbacks) {}

ClientSessions::~ClientSessions() = default;

void ClientSessions::admit(ConnectionPtr connection) {
  make_room_for(connection->peer_key());
  if (sessions_.size() >= options_.max_clients) {
    ++refused_;
    log_.warning("refused a client at " + connection->remote() + ": " +
                 std::to_string(sessions_.size()) + " are connected already");
    connection->close();
    return;
  }
  const ClientConnectionId id = ++last_id_;
  sessions_.emplace(id, std::make_unique<Session>(*this, id, std::move(connection)));
  count_ = sessions_.size();
}

// A client that comes back again and again without closing must not use up everybody's places.
void ClientSessions::make_room_for(const Bytes& key) {
  std::size_t same = 0;
  ClientConnectionId oldest = 0;
  for (const auto& [id, session] : sessions_) {
    if (session->connection().peer_key() != key) continue;
    if (same++ == 0) oldest = id;
  }
  if (same >= options_.max_connections_per_client) {
    refuse(oldest, "the same client has made too many newer connections");
  }
}

void ClientSessions::send(ClientConnectionId to, FramePtr frame) {
  const auto found = sessions_.find(to);
  if (found == sessions_.end()) return;
  Connection& connection = found->second->connection();
  if (connection.backlog().bytes + frame->size() > options_.max_client_queue_bytes) {
    return refuse(to, "it does not read what it asked for");
  }
  connection.send(std::move(frame));
}

void ClientSessions::refuse(ClientConnectionId client, const std::string& reason) {
  const auto found = sessions_.find(client);
  if (found == sessions_.end()) return;
  ++refused_;
  log_.warning("cut off the client at " + found->second->connection().remote() + ": " + reason);
  end(client);
}

void ClientSessions::end(ClientConnectionId client) {
  sessions_.erase(client);
  count_ = sessions_.size();
  callbacks_.on_client_closed(client);
}

}  // namespace steward::net
