#include "gateway/cluster_backend.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>

#include "client/client.h"
#include "common/log.h"
#include "net/client_channel.h"

namespace steward::gateway {
namespace {

client::Options client_options(const ClusterBackendOptions& options) {
  const Quorums quorums = options.config.sites.at(options.site).quorums();
  client::Options out;
  out.client = options.signer->public_key();
  out.servers = quorums.peers;
  // Servers that only crash do not lie: one answer will do.
  out.rules = {quorums.one_correct(), quorums.byzantine ? quorums.quorum() : 1};
  out.retry = options.config.timeouts.client_retry;
  out.first_session = options.first_session;
  return out;
}

}  // namespace

class ClusterBackend::Impl {
 public:
  Impl(boost::asio::io_context& context, ClusterBackendOptions options)
      : context_(context),
        options_(std::move(options)),
        domain_{options_.directory->cluster_id().str(), options_.config.epoch},
        client_(client_options(options_)) {}

  Status connect();

  void submit(Bytes payload, Callback done) {
    callbacks_[++last_token_] = std::move(done);
    client::Output out;
    client_.submit(std::move(payload), last_token_, options_.deadline, out);
    perform(std::move(out));
  }

  void query(Bytes payload, Sequence min_sequence, Callback done) {
    callbacks_[++last_token_] = std::move(done);
    client::Output out;
    client_.query(std::move(payload), min_sequence, last_token_, options_.deadline, out);
    perform(std::move(out));
  }

  std::vector<std::pair<std::string, std::string>> facts() const;

 private:
  void on_frame(ServerIndex server, const Bytes& frame);
  void perform(client::Output out);
  void send(const client::Send& send);
  void set_timer(const client::TimerChange& change);
  void complete(client::Completion completion);

  boost::asio::io_context& context_;
  const ClusterBackendOptions options_;
  const wire::Domain domain_;
  client::Client client_;
  std::map<ServerIndex, std::unique_ptr<net::ClientChannel>> channels_;
  std::map<client::TimerId, std::unique_ptr<boost::asio::steady_timer>> timers_;
  std::map<client::Token, Callback> callbacks_;
  client::Token last_token_ = 0;
  std::uint64_t malformed_ = 0;
};

Status ClusterBackend::Impl::connect() {
  const SiteConfig& site = options_.config.sites.at(options_.site);
  for (ServerIndex server = 0; server < site.servers.size(); ++server) {
    net::ClientChannelOptions channel;
    channel.host = site.servers[server].host;
    channel.port = site.servers[server].port;
    channel.server_key = options_.directory->sites.at(options_.site).servers.at(server);
    channel.seed = options_.seed;
    net::ClientChannelCallbacks callbacks;
    callbacks.on_up = [this, server] {
      client::Output out;
      client_.connected(server, out);
      perform(std::move(out));
    };
    callbacks.on_frame = [this, server](const Bytes& frame) { on_frame(server, frame); };
    callbacks.on_down = [this, server](const std::string& reason) {
      log::debug("server {}.{}: {}", options_.site, server, reason);
      client::Output out;
      client_.disconnected(server, out);
      perform(std::move(out));
    };
    auto opened = net::ClientChannel::open(context_, std::move(channel), std::move(callbacks));
    if (!opened) return opened.error();
    channels_[server] = std::move(*opened);
  }
  return {};
}

void ClusterBackend::Impl::on_frame(ServerIndex server, const Bytes& frame) {
  wire::ClientMessage message;
  if (!message.ParseFromString(frame)) {
    ++malformed_;
    return;
  }
  client::Output out;
  client_.received(server, message, out);
  perform(std::move(out));
}

// What the client asks for. Signing leads to more, so it goes round until nothing is left.
void ClusterBackend::Impl::perform(client::Output out) {
  while (true) {
    for (const client::Send& one : out.sends) send(one);
    for (const client::TimerChange& change : out.timers) set_timer(change);
    for (client::Completion& completion : out.completions) complete(std::move(completion));
    if (out.to_sign.empty()) return;
    client::Output next;
    for (client::SignRequest& request : out.to_sign) {
      client_.update_signed(
          request.request,
          client::sign_update(domain_, *options_.signer, std::move(request.update)), next);
    }
    out = std::move(next);
  }
}

void ClusterBackend::Impl::send(const client::Send& send) {
  const auto frame = std::make_shared<const Bytes>(send.message.SerializeAsString());
  for (const ServerIndex server : send.to) {
    const auto channel = channels_.find(server);
    if (channel != channels_.end()) (void)channel->second->send(frame);
  }
}

void ClusterBackend::Impl::set_timer(const client::TimerChange& change) {
  timers_.erase(change.timer);
  if (!change.after) return;
  auto timer = std::make_unique<boost::asio::steady_timer>(context_, *change.after);
  timer->async_wait(
      [this, id = change.timer, self = timer.get()](const boost::system::error_code& error) {
        // One that had expired already when it was moved says no error, and is not the one in
        // place.
        const auto armed = timers_.find(id);
        if (error || armed == timers_.end() || armed->second.get() != self) return;
        timers_.erase(armed);
        client::Output out;
        client_.timer_fired(id, out);
        perform(std::move(out));
      });
  timers_[change.timer] = std::move(timer);
}

// Never from inside submit or query.
void ClusterBackend::Impl::complete(client::Completion completion) {
  auto found = callbacks_.extract(completion.token);
  if (found.empty()) return;
  boost::asio::post(
      context_, [done = std::move(found.mapped()), completion = std::move(completion)]() mutable {
        if (!completion.result) return done(completion.result.error());
        done(Answer{completion.sequence, std::move(completion.result).value()});
      });
}

std::vector<std::pair<std::string, std::string>> ClusterBackend::Impl::facts() const {
  std::uint64_t connected = 0;
  for (const auto& [server, channel] : channels_)
    connected += static_cast<std::uint64_t>(channel->connected());
  std::uint64_t lies = 0;
  for (const std::uint64_t of_server : client_.lies()) lies += of_server;
  return {{"steward_cluster", options_.config.name},
          {"steward_site", options_.config.sites.at(options_.site).name},
          {"steward_servers", std::to_string(channels_.size())},
          {"steward_servers_connected", std::to_string(connected)},
          {"steward_requests_under_way", std::to_string(client_.outstanding())},
          {"steward_sessions", std::to_string(client_.sessions())},
          {"steward_wrong_answers", std::to_string(lies)},
          {"steward_malformed_frames", std::to_string(malformed_)}};
}

Result<std::unique_ptr<ClusterBackend>> ClusterBackend::open(boost::asio::io_context& context,
                                                             ClusterBackendOptions options) {
  auto impl = std::make_unique<Impl>(context, std::move(options));
  const Status status = impl->connect();
  if (!status) return status.error();
  return std::unique_ptr<ClusterBackend>(new ClusterBackend(std::move(impl)));
}

ClusterBackend::ClusterBackend(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ClusterBackend::~ClusterBackend() = default;

void ClusterBackend::submit(Bytes payload, Callback done) {
  impl_->submit(std::move(payload), std::move(done));
}
void ClusterBackend::query(Bytes payload, Sequence min_sequence, Callback done) {
  impl_->query(std::move(payload), min_sequence, std::move(done));
}
std::vector<std::pair<std::string, std::string>> ClusterBackend::facts() const {
  return impl_->facts();
}

}  // namespace steward::gateway
