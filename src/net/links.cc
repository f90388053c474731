#include "net/links.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <map>
#include <mutex>
#include <thread>

#include "common/log.h"
#include "net/client_sessions.h"
#include "net/listener.h"
#include "net/peer.h"

namespace steward::net {
namespace {

// Frames to clients that the net thread has not looked at yet. Only a net thread that is stuck
// lets this many gather.
constexpr std::size_t kMaxUnsortedClientBytes = 64 << 20;

Status check(const LinksOptions& options) {
  const ClusterConfig& config = options.config;
  const ServerId self = options.self;
  const auto& sites = options.directory->sites;
  bool fits = sites.size() == config.sites.size();
  for (std::size_t i = 0; fits && i < sites.size(); ++i) {
    fits = sites[i].servers.size() == config.sites[i].servers.size();
  }
  if (!fits) return bad_input("the key directory does not list the servers of the cluster file");
  if (self.site >= sites.size() || self.server >= sites[self.site].servers.size()) {
    return bad_input("there is no server " + to_string(self) + " in the cluster file");
  }
  auto key = public_key_of_seed(options.seed);
  if (!key) return key.error();
  if (*key != sites[self.site].servers[self.server]) {
    return bad_input("this is not the key that the key directory lists for server " +
                     to_string(self));
  }
  return {};
}

}  // namespace

class Links::Impl final : private Listener::Owner {
 public:
  Impl(LinksOptions options, LinksCallbacks callbacks)
      : options_(std::move(options)),
        callbacks_(std::move(callbacks)),
        clients_(options_, callbacks_) {}

  // The objects below use the context and call back without asking who is still there; so the
  // thread ends before any of them does.
  ~Impl() {
    context_.stop();
    if (thread_.joinable()) thread_.join();
  }

  Status start();
  void send(ServerId to, FramePtr frame);
  void to_client(ClientConnectionId client, FramePtr frame);
  Status set_cut(const std::vector<SiteId>& sites, bool cut);
  LinksStats stats() const;

 private:
  struct Outgoing {
    Peer* peer = nullptr;  // null: to `client`
    ClientConnectionId client = 0;
    FramePtr frame;  // null: close the client
  };

  Status listen();
  Status add_peers(SiteId site);
  void enqueue(Outgoing outgoing);
  void drain();
  void on_authenticated(ConnectionPtr connection) override;

  const LinksOptions options_;
  const LinksCallbacks callbacks_;
  asio::io_context context_{1};
  ClientSessions clients_;
  std::map<ServerId, std::unique_ptr<Peer>> peers_;    // constant after start()
  std::map<SiteId, std::shared_ptr<Shaper>> shapers_;  // constant after start()
  std::unique_ptr<Listener> listener_;
  std::atomic<std::uint64_t> refused_ = 0;

  std::mutex mutex_;  // guards what follows
  std::vector<Outgoing> outgoing_;
  std::size_t client_bytes_ = 0;

  std::thread thread_;
};

Status Links::Impl::start() {
  if (auto checked = check(options_); !checked) return checked;
  if (auto listening = listen(); !listening) return listening;
  for (SiteId site = 0; site < options_.config.sites.size(); ++site) {
    if (auto added = add_peers(site); !added) return added;
  }
  listener_->start();
  for (const auto& [id, peer] : peers_) peer->start();
  thread_ = std::thread([this] {
    const auto work = asio::make_work_guard(context_);
    context_.run();
  });
  return {};
}

Status Links::Impl::listen() {
  auto tls = TlsContext::make(TlsRole::kServer, options_.seed, [this](BytesView key) {
    return options_.directory->find_server(key) || options_.directory->is_client(key);
  });
  if (!tls) return tls.error();
  const ServerConfig& address =
      options_.config.sites[options_.self.site].servers[options_.self.server];
  auto listener = Listener::open(context_, address.host, address.port, *tls,
                                 options_.handshake_limit, options_.max_pending_handshakes, *this);
  if (!listener) return listener.error();
  listener_ = *std::move(listener);
  return {};
}

Status Links::Impl::add_peers(SiteId site) {
  const ServerId self = options_.self;
  std::shared_ptr<Shaper> shaper;
  if (options_.config.topology.shape && site != self.site) {
    // The seed need not be a secret, only different for every link.
    const std::uint64_t seed =
        (std::uint64_t{self.site} << 40) ^ (std::uint64_t{self.server} << 20) ^ std::uint64_t{site};
    shaper = std::make_shared<Shaper>(options_.config.topology.between(self.site, site),
                                      Shaper::Loss::kDelay, seed);
    shapers_[site] = shaper;
  }
  const auto& servers = options_.config.sites[site].servers;
  for (ServerIndex index = 0; index < servers.size(); ++index) {
    const ServerId id{site, index};
    if (id == self) continue;
    auto tls = TlsContext::make(TlsRole::kClient, options_.seed,
                                [expected = options_.directory->sites[site].servers[index]](
                                    BytesView key) { return key == expected; });
    if (!tls) return tls.error();
    peers_[id] = std::make_unique<Peer>(context_, id,
                                        Dialer::Target{servers[index].host, servers[index].port},
                                        *tls, options_, shaper, callbacks_.on_server_frame);
  }
  return {};
}

void Links::Impl::on_authenticated(ConnectionPtr connection) {
  const auto server = options_.directory->find_server(connection->peer_key());
  if (!server) return clients_.admit(std::move(connection));
  if (const auto peer = peers_.find(*server); peer != peers_.end()) {
    return peer->second->accept(std::move(connection));
  }
  ++refused_;  // our own key: somebody runs a second server with it
  log::warning("refused a connection from {}: it uses this server's own key", connection->remote());
  connection->close();
}

void Links::Impl::send(ServerId to, FramePtr frame) {
  const auto peer = peers_.find(to);
  STEWARD_CHECK(peer != peers_.end());
  if (peer->second->reserve(frame->size())) enqueue({peer->second.get(), 0, std::move(frame)});
}

void Links::Impl::to_client(ClientConnectionId client, FramePtr frame) {
  if (frame && frame->size() > limits::kMaxFrameBytes) {
    log::error("dropped a frame of {} bytes to a client: too large", frame->size());
    return;
  }
  enqueue({nullptr, client, std::move(frame)});
}

// One wake-up of the net thread for everything that gathers until it comes to drain().
void Links::Impl::enqueue(Outgoing outgoing) {
  {
    const std::lock_guard lock(mutex_);
    if (outgoing.peer == nullptr && outgoing.frame != nullptr) {
      if (client_bytes_ + outgoing.frame->size() > kMaxUnsortedClientBytes) return;
      client_bytes_ += outgoing.frame->size();
    }
    outgoing_.push_back(std::move(outgoing));
    if (outgoing_.size() > 1) return;
  }
  asio::post(context_, [this] { drain(); });
}

void Links::Impl::drain() {
  std::vector<Outgoing> batch;
  {
    const std::lock_guard lock(mutex_);
    batch.swap(outgoing_);
    client_bytes_ = 0;
  }
  for (Outgoing& outgoing : batch) {
    if (outgoing.peer != nullptr) {
      outgoing.peer->send(std::move(outgoing.frame));
    } else if (outgoing.frame != nullptr) {
      clients_.send(outgoing.client, std::move(outgoing.frame));
    } else {
      clients_.refuse(outgoing.client, "it broke the rules");
    }
  }
}

Status Links::Impl::set_cut(const std::vector<SiteId>& sites, bool cut) {
  if (!options_.config.topology.shape) {
    return bad_input("links can be cut only where the cluster file says `shape = true`");
  }
  for (const SiteId site : sites) {
    if (site >= options_.config.sites.size()) {
      return bad_input("there is no site " + std::to_string(site) + " in the cluster file");
    }
  }
  asio::post(context_, [this, sites, cut] {
    for (const SiteId site : sites) {
      const auto shaper = shapers_.find(site);
      if (shaper == shapers_.end()) continue;  // our own site
      shaper->second->set_cut(cut);
      for (const auto& [id, peer] : peers_) {
        if (id.site == site) peer->set_cut(cut);
      }
    }
  });
  return {};
}

LinksStats Links::Impl::stats() const {
  LinksStats stats;
  for (const auto& [id, peer] : peers_) stats.peers.push_back(peer->stats());
  stats.clients = clients_.count();
  stats.client_bytes_in = clients_.traffic().bytes_in;
  stats.client_bytes_out = clients_.traffic().bytes_out;
  stats.refused_connections = refused_ + clients_.refused() + listener_->failed_handshakes();
  return stats;
}

Links::Links(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Links::~Links() = default;

Result<std::unique_ptr<Links>> Links::start(LinksOptions options, LinksCallbacks callbacks) {
  auto impl = std::make_unique<Impl>(std::move(options), std::move(callbacks));
  if (auto started = impl->start(); !started) return started.error();
  return std::unique_ptr<Links>(new Links(std::move(impl)));
}

void Links::send(ServerId to, std::shared_ptr<const Bytes> frame) {
  impl_->send(to, std::move(frame));
}

void Links::send_client(ClientConnectionId to, Bytes frame) {
  impl_->to_client(to, std::make_shared<const Bytes>(std::move(frame)));
}

void Links::close_client(ClientConnectionId client) { impl_->to_client(client, nullptr); }

Status Links::set_cut(const std::vector<SiteId>& sites, bool cut) {
  return impl_->set_cut(sites, cut);
}

LinksStats Links::stats() const { return impl_->stats(); }

}  // namespace steward::net
