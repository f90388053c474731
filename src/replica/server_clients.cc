// How a server deals with clients, with updates on their way to the leader site, and with peers
// that need its state or have the state that it needs.

#include <algorithm>

#include "common/check.h"
#include "replica/server_impl.h"
#include "wire/limits.h"

namespace steward::replica {
namespace {

constexpr Duration kFetchRetry = 500ms;
constexpr std::size_t kMaxParkedQueries = 4096;
constexpr std::size_t kMaxParkedBytes = 16 << 20;

site::UpdateKey key_of(const CheckedUpdate& update) {
  return {update.client, update.session, update.timestamp};
}

}  // namespace

// --- updates

void Server::Impl::on(ConnectionId connection, const CheckedUpdate& in) {
  if (auto reply = execution_.reply(key_of(in))) {
    ToClient answer{connection, in.client, {}};
    *answer.message.mutable_reply() = std::move(*reply);
    out_.to_clients.push_back(std::move(answer));
    return;
  }
  accept_update(in, true);
}

// Queues an update where it will be ordered, and sends it on towards there. All servers of the
// leader site keep what they know of until it is executed: a leader that drops it is noticed, and
// the next one has it.
void Server::Impl::accept_update(const CheckedUpdate& update, bool pass_on) {
  const site::UpdateKey key = key_of(update);
  if (execution_.table().judge(key) == ClientTable::Verdict::kDuplicate) {
    return reject("update: executed before");
  }
  if (machine_.leader_site() != self_.site) return forward(update);
  if (machine_.knows(key)) return reject("update: being ordered");
  if (!queue_.add_update(key, update.encoded)) reject("update: waiting already, or queue full");
  if (pass_on && core_->progress().leader != self_.server) forward(update);
}

void Server::Impl::on(ServerId from, const ForwardedUpdates& in) {
  if (machine_.leader_site() != self_.site) {
    // An update crosses the wide area once: only the leader site takes what others forward. Who
    // does so within a site holds that the leader site is late.
    if (from.site != self_.site) return reject("forward: not the leader site");
    for (const CheckedUpdate& update : in.updates) order_here(update);
    return;
  }
  // Who forwards within a site sees to it that the leader gets it.
  const bool pass_on = from.site != self_.site;
  for (const CheckedUpdate& update : in.updates) accept_update(update, pass_on);
}

void Server::Impl::answer_clients() {
  for (wire::Reply& reply : execution_.take_replies()) {
    forget_forwarded({reply.client(), reply.session(), reply.timestamp()});
    ToClient answer{0, reply.client(), {}};
    *answer.message.mutable_reply() = std::move(reply);
    out_.to_clients.push_back(std::move(answer));
  }
  const auto ready = [&](const ParkedQuery& parked) {
    return parked.query.min_sequence() <= execution_.executed();
  };
  if (std::none_of(parked_.begin(), parked_.end(), ready)) return;
  for (ParkedQuery& parked : std::exchange(parked_, {})) {
    if (ready(parked)) {
      parked_bytes_ -= parked.query.payload().size();
      answer_query(parked.connection, parked.query);
    } else {
      parked_.push_back(std::move(parked));
    }
  }
}

// --- reads

void Server::Impl::on(ConnectionId connection, const wire::Query& in) {
  if (in.min_sequence() <= execution_.executed()) return answer_query(connection, in);
  parked_.push_back({connection, in});
  parked_bytes_ += in.payload().size();
  while (parked_.size() > kMaxParkedQueries || parked_bytes_ > kMaxParkedBytes) {
    parked_bytes_ -= parked_.front().query.payload().size();
    parked_.pop_front();
    reject("query: too many waiting");
  }
}

void Server::Impl::answer_query(ConnectionId connection, const wire::Query& query) {
  ToClient answer{connection, {}, {}};
  wire::QueryReply* reply = answer.message.mutable_query_reply();
  reply->set_id(query.id());
  reply->set_sequence(execution_.executed());
  reply->set_result(execution_.query(query.payload()));
  out_.to_clients.push_back(std::move(answer));
}

void Server::Impl::on(ConnectionId connection, const wire::StatusRequest& in) {
  ToClient answer{connection, {}, {}};
  *answer.message.mutable_status_reply() = status();
  answer.message.mutable_status_reply()->set_id(in.id());
  out_.to_clients.push_back(std::move(answer));
}

// --- snapshots, given and taken

void Server::Impl::on(ServerId from, const wire::ManifestRequest& in) {
  const auto snapshot = snapshots_.find(in.sequence());
  if (snapshot == snapshots_.end()) return reject("manifest: no such snapshot");
  send({from}, wire::KIND_MANIFEST, manifest(in.sequence(), snapshot->second));
}

void Server::Impl::on(ServerId from, const wire::PagesRequest& in) {
  const auto snapshot = snapshots_.find(in.sequence());
  if (snapshot == snapshots_.end()) return reject("pages: no such snapshot");
  send({from}, wire::KIND_PAGES, answer_pages(in.sequence(), snapshot->second, in));
}

void Server::Impl::on(ServerId from, const wire::Manifest& in) {
  StateFetch::Requests requests;
  fetch_.on_manifest(from.server, in, pages_.pages(), requests);
  apply(std::move(requests));
}

void Server::Impl::on(ServerId from, const wire::Pages& in) {
  StateFetch::Requests requests;
  fetch_.on_pages(from.server, in, requests);
  apply(std::move(requests));
}

void Server::Impl::apply(StateFetch::Requests requests) {
  const bool asked = !requests.manifests.empty() || !requests.pages.empty();
  for (const auto& [to, request] : requests.manifests) {
    send({in_site(to)}, wire::KIND_MANIFEST_REQUEST, request);
  }
  for (const auto& [to, request] : requests.pages) {
    send({in_site(to)}, wire::KIND_PAGES_REQUEST, request);
  }
  // What nobody asked for does not move the timer: it would keep a silent source in its place.
  if (asked) set_timer(timer_id(TimerClass::kFetch), kFetchRetry);
  if (auto snapshot = fetch_.take_complete()) install(std::move(*snapshot));
}

void Server::Impl::install(StateFetch::Snapshot snapshot) {
  const Sequence sequence = snapshot.certificate.sequence();
  if (sequence <= machine_.executed()) return;
  pages_.replace(std::move(snapshot.pages));
  // Certified by a quorum of the site: that it does not load is our own mistake.
  STEWARD_CHECK(machine_.load(pages_.range(0, kExecutionPage)));
  STEWARD_CHECK(execution_.load());
  STEWARD_CHECK(machine_.executed() == sequence);
  pages_.save_changes(out_.write);
  const auto digest = crypto::Digest::from(snapshot.certificate.digest());
  STEWARD_CHECK(digest.has_value());
  layout::put_marker(sequence, *digest, out_.write);
  out_.sync = true;
  snapshots_.clear();
  snapshots_[sequence] = pages_.pages();
  for (const auto& [timer, generation] : lm_timers_) {
    out_.timers.push_back({timer_id(TimerClass::kLogicalMachine, timer), std::nullopt});
  }
  lm_timers_.clear();
  expiries_.clear();
  queue_.forget_drawn();
  step_core(agreement::SnapshotInstalled{snapshot.certificate});
  resume_from_state();
}

}  // namespace steward::replica
