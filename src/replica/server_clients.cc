// How a server deals with clients, and with updates on their way to the leader site.

#include <algorithm>

#include "common/check.h"
#include "replica/server_impl.h"
#include "wire/limits.h"

namespace steward::replica {
namespace {

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

}  // namespace steward::replica
