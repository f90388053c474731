#include "runtime/server_host.h"

#include <unistd.h>

#include <cstdio>
#include <utility>

#include "common/log.h"
#include "crypto/secret.h"

namespace steward::runtime {
namespace {

// Frames waiting to be verified, and bytes of one sender that wait to be verified or for the
// protocol thread; beyond it they are dropped, and come again by retransmission.
constexpr std::size_t kMaxUnverified = 8192;
constexpr std::size_t kMaxWaitingBytes = 32 << 20;
constexpr std::size_t kMaxJobs = 4096;

std::uint64_t resident_bytes() {
  std::FILE* file = std::fopen("/proc/self/statm", "r");
  if (file == nullptr) return 0;
  unsigned long total = 0;
  unsigned long resident = 0;
  const int fields = std::fscanf(file, "%lu %lu", &total, &resident);
  std::fclose(file);
  return fields == 2 ? resident * static_cast<unsigned long>(sysconf(_SC_PAGESIZE)) : 0;
}

std::uint64_t draw_nonce() {
  const crypto::SecretBytes drawn = crypto::SecretBytes::random(sizeof(std::uint64_t));
  return read_u64(drawn.view(), 0);
}

}  // namespace

ServerHost::ServerHost(ServerHostOptions options)
    : options_(std::move(options)),
      domain_{options_.directory->cluster_id().str(), options_.config.epoch},
      verifier_(options_.config, options_.directory, options_.self),
      intake_(kMaxWaitingBytes),
      loop_([this](replica::TimerId timer) { step(replica::TimerFired{timer}); }),
      verifying_(options_.verify_threads, kMaxUnverified),
      signing_(options_.signing_threads, kMaxJobs),
      writer_(*options_.store) {}

Result<std::unique_ptr<ServerHost>> ServerHost::start(ServerHostOptions options) {
  std::unique_ptr<ServerHost> host(new ServerHost(std::move(options)));
  const Status status = host->open();
  if (!status) return status.error();
  return host;
}

Status ServerHost::open() {
  replica::Server::Options server_options{options_.config,
                                          options_.self,
                                          options_.directory,
                                          options_.site_key_share,
                                          std::move(options_.state_machine),
                                          draw_nonce()};
  options_.site_key_share = nullptr;  // wiped when it has been renewed, so nobody else holds it
  auto server = replica::Server::open(std::move(server_options), *options_.store);
  if (!server) return server.error();
  server_ = std::move(*server);

  net::LinksOptions links_options;
  links_options.self = options_.self;
  links_options.seed = options_.seed;
  links_options.config = options_.config;
  links_options.directory = options_.directory;
  net::LinksCallbacks callbacks;
  callbacks.on_server_frame = [this](ServerId from, Bytes frame) {
    on_server_frame(from, std::move(frame));
  };
  callbacks.on_client_frame = [this](net::ClientConnectionId connection, const Bytes& key,
                                     Bytes frame) {
    on_client_frame(connection, key, std::move(frame));
  };
  callbacks.on_client_closed = [this](net::ClientConnectionId connection) {
    on_client_closed(connection);
  };
  auto links = net::Links::start(std::move(links_options), std::move(callbacks));
  if (!links) return links.error();
  links_ = std::move(*links);
  open_ = true;
  loop_.post([this] { perform(server_->start()); });
  loop_.start();
  return {};
}

ServerHost::~ServerHost() {
  loop_.stop();
  signing_.stop();
  writer_.stop();
  verifying_.stop();
  links_.reset();
}

// --- in

void ServerHost::on_server_frame(ServerId from, Bytes frame) {
  if (!open_) return;
  Bytes source = "server";
  append_u32(source, from.site);
  append_u32(source, from.server);
  auto ticket = intake_.admit(source, frame.size());
  if (!ticket) return reject("server frame", "too many bytes waiting");
  auto task = [this, from, ticket = std::move(ticket), frame = std::move(frame)] {
    replica::Work work;
    auto message = verifier_.from_server(from, frame, work);
    if (!message) return reject("server frame", message.error().message);
    loop_.post([this, from, ticket, message = std::move(*message)]() mutable {
      step(replica::FromServer{from, std::move(message)});
    });
  };
  if (!verifying_.post(std::move(task))) reject("server frame", "too many waiting");
}

void ServerHost::on_client_frame(net::ClientConnectionId connection, const Bytes& key,
                                 Bytes frame) {
  if (!open_) return;
  {
    const std::lock_guard lock(mutex_);
    if (client_keys_.emplace(connection, key).second) connections_[key][connection] = true;
  }
  auto ticket = intake_.admit("client" + key, frame.size());
  if (!ticket) return reject("client frame", "too many bytes waiting");
  auto task = [this, connection, key, ticket = std::move(ticket),
               frame = std::move(frame)]() mutable {
    verify_client_frame(connection, key, std::move(frame), std::move(ticket));
  };
  if (!verifying_.post(std::move(task))) reject("client frame", "too many waiting");
}

void ServerHost::verify_client_frame(net::ClientConnectionId connection, const Bytes& key,
                                     Bytes frame, Intake::Ticket ticket) {
  wire::ClientMessage cut;
  if (options_.config.topology.shape && cut.ParseFromString(frame) && cut.has_cut_request()) {
    const auto& sites = cut.cut_request().sites();
    const Status status = links_->set_cut({sites.begin(), sites.end()}, cut.cut_request().cut());
    if (!status) return reject("client frame", "a cut of a site that is not in the cluster file");
    replica::ToClient done{connection, {}, {}};
    done.message.mutable_cut_reply()->set_id(cut.cut_request().id());
    return answer(std::move(done));
  }
  replica::Work work;
  auto message = verifier_.from_client(key, frame, work);
  if (!message) {
    reject("client frame", message.error().message);
    return links_->close_client(connection);
  }
  loop_.post(
      [this, connection, ticket = std::move(ticket), message = std::move(*message)]() mutable {
        step(replica::FromClient{connection, std::move(message)});
      });
}

void ServerHost::on_client_closed(net::ClientConnectionId connection) {
  const std::lock_guard lock(mutex_);
  const auto key = client_keys_.find(connection);
  if (key == client_keys_.end()) return;
  const auto connections = connections_.find(key->second);
  connections->second.erase(connection);
  if (connections->second.empty()) connections_.erase(connections);
  client_keys_.erase(key);
}

// --- the protocol thread

void ServerHost::step(replica::Input input) {
  if (failed_) return;
  perform(server_->step(std::move(input)));
}

void ServerHost::perform(replica::Output output) {
  if (output.new_share) {
    // Without the file the server goes on: the new share follows from the log again.
    const Status status = options_.replace_share(*output.new_share);
    if (status) {
      log::info("the share of the site's key has been renewed");
    } else {
      log::error(
          "the renewed share of the site's key cannot be kept, and the old one is still on "
          "disk: {}",
          status.error().message);
    }
  }
  for (const replica::Mark& mark : output.marks) latency_.on_mark(mark);
  for (const replica::TimerChange& timer : output.timers) loop_.set_timer(timer.timer, timer.after);
  for (site::SigningJob& job : output.jobs) {
    signing_.post([this, job = std::move(job)] { run_job(job); }, true);
  }
  std::vector<replica::Outgoing> at_once;
  std::vector<replica::Outgoing> promises;
  for (replica::Outgoing& send : output.sends) {
    (send.promise ? promises : at_once).push_back(std::move(send));
  }
  const auto post_transmit = [this](std::vector<replica::Outgoing> sends) {
    if (sends.empty()) return;
    verifying_.post([this, sends = std::move(sends)]() mutable { transmit(std::move(sends)); },
                    true);
  };
  post_transmit(std::move(at_once));
  if (!output.write.empty() || !promises.empty()) {
    const auto begun = Latency::Clock::now();
    writer_.enqueue(std::move(output.write), output.sync,
                    [this, begun, post_transmit, sync = output.sync,
                     promises = std::move(promises)](const Status& status) mutable {
                      if (!status) return fail(status.error());
                      if (sync) latency_.on_disk_write(Latency::Clock::now() - begun);
                      post_transmit(std::move(promises));
                    });
  }
  for (replica::ToClient& one : output.to_clients) answer(std::move(one));
}

void ServerHost::run_job(site::SigningJob job) {
  const crypto::SecretBytes entropy = crypto::SecretBytes::random(32);
  const auto done = std::make_shared<replica::Input>(
      replica::SigningDone{site::run_signing_job(job, entropy.view())});
  loop_.post([this, done] { step(std::move(*done)); });
}

// --- out

void ServerHost::transmit(std::vector<replica::Outgoing> sends) {
  for (const replica::Outgoing& outgoing : sends) {
    const auto frame = std::make_shared<const Bytes>(
        replica::make_frame(outgoing, domain_, options_.self, *options_.signer));
    for (const ServerId to : outgoing.to) links_->send(to, frame);
    if (!outgoing.to_self) continue;
    auto message = verifier_.from_self(*frame);
    if (!message) {
      reject("own frame", message.error().message);
      continue;
    }
    loop_.post([this, message = std::move(*message)]() mutable {
      step(replica::FromServer{options_.self, std::move(message)});
    });
  }
}

void ServerHost::answer(replica::ToClient answer) {
  if (answer.message.has_status_reply()) add_runtime_status(*answer.message.mutable_status_reply());
  const Bytes frame = answer.message.SerializeAsString();
  if (answer.connection != 0) return links_->send_client(answer.connection, frame);
  const std::lock_guard lock(mutex_);
  const auto connections = connections_.find(answer.client);
  if (connections == connections_.end()) return;
  for (const auto& [connection, open] : connections->second) links_->send_client(connection, frame);
}

void ServerHost::add_runtime_status(wire::StatusReply& reply) const {
  const auto add_counter = [&reply](const std::string& name, std::uint64_t value) {
    wire::Counter* counter = reply.add_counters();
    counter->set_name(name);
    counter->set_value(value);
  };
  const net::LinksStats links = links_->stats();
  std::uint64_t dropped = 0;
  for (const net::PeerStats& stats : links.peers) {
    dropped += stats.dropped_frames;
    wire::PeerStatus* peer = reply.add_peers();
    peer->set_site(stats.id.site);
    peer->set_server(stats.id.server);
    peer->set_connected(stats.connected && !stats.cut);
    peer->set_bytes_in(stats.bytes_in);
    peer->set_bytes_out(stats.bytes_out);
    peer->set_queue_bytes(stats.queued_bytes);
  }
  reply.set_resident_bytes(resident_bytes());
  latency_.fill(reply);
  add_counter("net.clients", links.clients);
  add_counter("net.refused_connections", links.refused_connections);
  add_counter("net.dropped_frames", dropped);
  const std::lock_guard lock(mutex_);
  for (const auto& [name, value] : rejections_) add_counter(name, value);
}

// A server whose disk has failed stops at once: whatever it said after that could not be kept.
void ServerHost::fail(const Error& error) {
  if (failed_.exchange(true)) return;
  log::error("the disk failed, stopping: {}", error.message);
  if (options_.on_fatal) options_.on_fatal(error);
}

void ServerHost::reject(const char* where, const std::string& reason) {
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    first = ++rejections_[std::string("rejected.") + where + ": " + reason] == 1;
  }
  if (first) log::warning("refused a {}: {} (further ones are only counted)", where, reason);
}

}  // namespace steward::runtime
