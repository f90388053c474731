// What a server does with clients' updates while another site leads: it passes them on, keeps them
// until they are executed, has its own site order those that the leader site is late with, and
// hands them to the next leader site (docs/protocols.md, section 12).

#include "replica/server_impl.h"
#include "wire/limits.h"

namespace steward::replica {
namespace {

// Updates for the leader site are gathered for so long while others are on their way.
constexpr Duration kForwardDelay = 2ms;
constexpr std::size_t kMaxForwarded = 1 << 14;
constexpr std::size_t kMaxForwardedBytes = 16 << 20;

// Parts and multiples of T0, after which an update is late.
constexpr int kLookPart = 4;
constexpr int kForgetAfter = 8;
// Of one server at a time: enough to make all sites expect work, and no burden to a slow cluster.
constexpr std::size_t kMaxLate = 64;

site::UpdateKey key_of(const CheckedUpdate& update) {
  return {update.client, update.session, update.timestamp};
}

std::optional<CheckedUpdate> known_update(const Bytes& encoded) {
  const auto key = site::update_key(encoded);
  if (!key) return std::nullopt;
  return CheckedUpdate{key->client, key->session, key->timestamp, encoded};
}

}  // namespace

// Gathers: the first goes at once, what follows shortly after goes together.
void Server::Impl::forward(const CheckedUpdate& update) {
  if (to_forward_.size() >= limits::kMaxForwardUpdates) return reject("forward: queue full");
  if (machine_.leader_site() != self_.site) {
    // It comes again, so whoever got it may be down: from now on the next server gets all.
    const bool again = forwarded_.contains(key_of(update));
    if (again && !std::exchange(shifted_, true)) ++forward_shift_;
    if (!again) remember_forwarded(update);
  }
  to_forward_.push_back(update);
  if (!forward_timer_) flush_forward();
}

void Server::Impl::flush_forward() {
  if (to_forward_.empty()) return;
  // Into another site: to the server with our index, or after a repeat to the next. Within the
  // leader site: to the local leader.
  const SiteId leader_site = machine_.leader_site();
  ServerId target = in_site(core_->progress().leader);
  if (leader_site != self_.site) {
    const auto servers = config_.sites[leader_site].servers.size();
    target = {leader_site, static_cast<ServerIndex>((self_.server + forward_shift_) % servers)};
  }
  if (target == self_) {  // became leader meanwhile
    for (const CheckedUpdate& update : std::exchange(to_forward_, {})) accept_update(update, false);
    return;
  }
  wire::Forward message;
  std::size_t bytes = 0;
  const auto flush = [&] {
    if (message.updates_size() > 0) send({target}, wire::KIND_FORWARD, message);
    message.clear_updates();
    bytes = 0;
  };
  for (CheckedUpdate& update : std::exchange(to_forward_, {})) {
    if (bytes + update.encoded.size() > limits::kMaxBatchBytes) flush();
    bytes += update.encoded.size();
    message.add_updates(std::move(update.encoded));
  }
  flush();
  forward_timer_ = true;
  set_timer(timer_id(TimerClass::kForward), kForwardDelay);
}

void Server::Impl::remember_forwarded(const CheckedUpdate& update) {
  const bool full = forwarded_.size() >= kMaxForwarded ||
                    forwarded_bytes_ + update.encoded.size() > kMaxForwardedBytes;
  if (full) {
    reject("forward: too many to remember");
    forwarded_.clear();
    forwarded_bytes_ = 0;
  }
  if (!forwarded_.emplace(key_of(update), Forwarded{update}).second) return;
  forwarded_bytes_ += update.encoded.size();
  if (std::exchange(late_timer_, true)) return;
  set_timer(timer_id(TimerClass::kLate), config_.timeouts.client_retry / kLookPart);
}

void Server::Impl::forget_forwarded(const site::UpdateKey& key) {
  const auto known = forwarded_.find(key);
  if (known == forwarded_.end()) return;
  forwarded_bytes_ -= known->second.update.encoded.size();
  forwarded_.erase(known);
}

// What is not executed T0 after it was passed on is ordered by this site: all its servers, and then
// all sites, know of it.
void Server::Impl::watch_forwarded() {
  shifted_ = false;
  const Duration t0 = config_.timeouts.client_retry;
  std::vector<site::UpdateKey> settled;
  std::vector<const CheckedUpdate*> late;
  std::size_t late_already = 0;
  for (auto& [key, one] : forwarded_) {
    one.age += t0 / kLookPart;
    late_already += one.late ? 1 : 0;
    if (execution_.settled(key) || one.age > kForgetAfter * t0) settled.push_back(key);
  }
  for (auto& [key, one] : forwarded_) {
    if (late_already >= kMaxLate || machine_.leader_site() == self_.site) break;
    if (one.late || one.age < t0 || execution_.settled(key)) continue;
    one.late = true;
    ++late_already;
    late.push_back(&one.update);
  }
  const ServerIndex leader = core_->progress().leader;
  for (const CheckedUpdate* update : late) {
    reject("forward: the leader site is late");
    order_here(*update);
    wire::Forward message;
    message.add_updates(update->encoded);
    if (leader != self_.server) send({in_site(leader)}, wire::KIND_FORWARD, message);
  }
  for (const site::UpdateKey& key : settled) forget_forwarded(key);
  if (forwarded_.empty() || std::exchange(late_timer_, true)) return;
  set_timer(timer_id(TimerClass::kLate), t0 / kLookPart);
}

void Server::Impl::order_here(const CheckedUpdate& update) {
  const site::UpdateKey key = key_of(update);
  if (machine_.knows(key)) return reject("update: being ordered");
  if (execution_.settled(key)) return reject("update: executed before");
  if (!queue_.add_update(key, update.encoded)) reject("update: waiting already, or queue full");
}

// A new leader site gets what was passed to the former one.
void Server::Impl::follow_leader_site() {
  const agreement::Progress wide = machine_.wide();
  if (wide.changing || wide.view == followed_wide_view_) return;
  const bool led = followed_leader_ == self_.site;
  followed_wide_view_ = wide.view;
  followed_leader_ = machine_.leader_site();
  if (followed_leader_ == self_.site) {
    for (const auto& [key, one] : std::exchange(forwarded_, {})) accept_update(one.update, true);
    forwarded_bytes_ = 0;
    return;
  }
  if (led) hand_over(core_->progress().leader == self_.server);
  for (auto& [key, one] : forwarded_) {
    one.age = Duration(0);
    one.late = machine_.knows(key);
    // The server that the client asks first has it, and is one; if it does not pass it on, it will
    // be late again.
    if (key.session % site_.servers.size() != self_.server) continue;
    if (to_forward_.size() >= limits::kMaxForwardUpdates) flush_forward();
    to_forward_.push_back(one.update);
  }
  if (!forward_timer_) flush_forward();
}

// This site led until now: what waits here is for the new leader site.
void Server::Impl::hand_over(bool to_send) {
  std::vector<Bytes> updates;
  for (const site::EventQueue::Waiting& one : queue_.waiting(limits::kMaxForwardUpdates)) {
    updates.insert(updates.end(), one.updates.begin(), one.updates.end());
  }
  for (const Bytes& encoded : updates) {
    const auto update = known_update(encoded);
    if (!update) continue;
    queue_.forget_update(key_of(*update));
    remember_forwarded(*update);
  }
  if (!to_send) return;
  for (Bytes& encoded : machine_.pending_updates().waiting()) updates.push_back(std::move(encoded));
  for (const Bytes& encoded : updates) {
    const auto update = known_update(encoded);
    if (!update) continue;
    if (to_forward_.size() >= limits::kMaxForwardUpdates) flush_forward();
    to_forward_.push_back(*update);
  }
}

}  // namespace steward::replica
