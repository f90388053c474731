// For the tests of net/: a cluster on loopback ports, and what its servers have heard.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "net/links.h"
#include "net/tls_identity.h"

namespace steward::net {

inline bool eventually(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

// A plain socket for what is no well-behaved peer.
class RawSocket {
 public:
  RawSocket() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {}
  ~RawSocket() { ::close(fd_); }
  RawSocket(const RawSocket&) = delete;
  RawSocket& operator=(const RawSocket&) = delete;

  std::uint16_t bind_to_free_port() {
    sockaddr_in address = loopback(0);
    EXPECT_EQ(::bind(fd_, generic(&address), sizeof address), 0);
    socklen_t size = sizeof address;
    EXPECT_EQ(::getsockname(fd_, generic(&address), &size), 0);
    return ntohs(address.sin_port);
  }
  void listen() { ASSERT_EQ(::listen(fd_, 16), 0); }
  void connect(std::uint16_t port) {
    sockaddr_in address = loopback(port);
    ASSERT_EQ(::connect(fd_, generic(&address), sizeof address), 0);
  }
  void send(BytesView bytes) {
    ASSERT_EQ(::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  int fd() const { return fd_; }
  // True once the other side has closed, whatever it sent before.
  bool is_closed() {
    char buffer[4096];
    const ssize_t got = ::recv(fd_, buffer, sizeof buffer, MSG_DONTWAIT);
    return got == 0 || (got < 0 && errno == ECONNRESET);
  }

 private:
  static sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
  }
  static sockaddr* generic(sockaddr_in* address) { return reinterpret_cast<sockaddr*>(address); }

  int fd_;
};

// Servers with seeds made of their numbers, and one listed client.
struct TestCluster {
  ClusterConfig config;
  crypto::KeyDirectory directory;
  Bytes client_seed = Bytes(kSeedBytes, 'C');

  explicit TestCluster(const std::vector<std::uint32_t>& servers_per_site) {
    std::vector<std::unique_ptr<RawSocket>> held;  // so that no port is given out twice
    for (SiteId site = 0; site < servers_per_site.size(); ++site) {
      config.sites.emplace_back();
      directory.sites.emplace_back();
      for (ServerIndex server = 0; server < servers_per_site[site]; ++server) {
        held.push_back(std::make_unique<RawSocket>());
        config.sites[site].servers.push_back({"127.0.0.1", held.back()->bind_to_free_port()});
        directory.sites[site].servers.push_back(public_key_of_seed(seed({site, server})).value());
      }
    }
    directory.clients.push_back(public_key_of_seed(client_seed).value());
  }

  static Bytes seed(ServerId id) {
    return Bytes(kSeedBytes, static_cast<char>(1 + id.site * 16 + id.server));
  }
  std::uint16_t port(ServerId id) const { return config.sites[id.site].servers[id.server].port; }

  LinksOptions options(ServerId self) const {
    LinksOptions options;
    options.self = self;
    options.seed = seed(self);
    options.config = config;
    options.directory = std::make_shared<const crypto::KeyDirectory>(directory);
    return options;
  }
};

// A running server's links, with everything they have delivered. Thread-safe.
class TestServer {
 public:
  explicit TestServer(const LinksOptions& options) {
    LinksCallbacks callbacks;
    callbacks.on_server_frame = [this](ServerId from, Bytes frame) {
      const std::lock_guard lock(mutex_);
      frames_[from].push_back(std::move(frame));
    };
    callbacks.on_client_frame = [this](ClientConnectionId id, const Bytes& key, Bytes frame) {
      const std::lock_guard lock(mutex_);
      clients_.insert(id);
      client_keys_.insert(key);
      client_frames_.push_back(std::move(frame));
    };
    callbacks.on_client_closed = [this](ClientConnectionId id) {
      const std::lock_guard lock(mutex_);
      clients_.erase(id);
      ++clients_closed_;
    };
    auto started = Links::start(options, std::move(callbacks));
    EXPECT_TRUE(started.ok()) << (started.ok() ? "" : started.error().message);
    if (started.ok()) links_ = std::move(started).value();
  }

  Links& links() { return *links_; }
  void send(ServerId to, Bytes frame) {
    links_->send(to, std::make_shared<const Bytes>(std::move(frame)));
  }

  std::vector<Bytes> frames_from(ServerId from) const {
    const std::lock_guard lock(mutex_);
    const auto found = frames_.find(from);
    return found == frames_.end() ? std::vector<Bytes>{} : found->second;
  }
  std::vector<Bytes> client_frames() const {
    const std::lock_guard lock(mutex_);
    return client_frames_;
  }
  std::set<Bytes> client_keys() const {
    const std::lock_guard lock(mutex_);
    return client_keys_;
  }
  std::set<ClientConnectionId> clients() const {  // that have sent something and not closed
    const std::lock_guard lock(mutex_);
    return clients_;
  }
  int clients_closed() const {
    const std::lock_guard lock(mutex_);
    return clients_closed_;
  }

  PeerStats peer(ServerId id) const {
    for (const PeerStats& peer : links_->stats().peers) {
      if (peer.id == id) return peer;
    }
    ADD_FAILURE() << "no peer " << to_string(id);
    return {};
  }
  bool connected_with(ServerId id) const {
    const PeerStats stats = peer(id);
    return stats.connected && stats.connected_back;
  }

 private:
  mutable std::mutex mutex_;
  std::map<ServerId, std::vector<Bytes>> frames_;
  std::vector<Bytes> client_frames_;
  std::set<Bytes> client_keys_;
  std::set<ClientConnectionId> clients_;
  int clients_closed_ = 0;
  std::unique_ptr<Links> links_;  // last: its thread uses the above
};

}  // namespace steward::net
