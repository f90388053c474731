// How a server watches over the leader of its site: it tells the local protocol what waits to be
// ordered, sees to it that all know of what waits long, and suspects a leader that passes over a
// client or a link (docs/protocols.md, section 2).

#include <algorithm>

#include "common/check.h"
#include "replica/server_impl.h"
#include "wire/limits.h"

namespace steward::replica {
namespace {

// Of each client, at one time.
constexpr std::size_t kSharedUpdates = 64;
// Parts of the time-out. Waiting queues are looked at often: whoever is told of work that stands
// still gives up on the leader that much later than who knew it from the beginning.
constexpr int kWatchPart = 32;
constexpr int kSharePart = 2;

}  // namespace

// Work for which the leader is responsible. Not while a snapshot is fetched: what waits here may
// have been executed in it.
void Server::Impl::expect_work() {
  const auto armed = [this](std::uint64_t timer, std::uint64_t generation) {
    return machine_.armed(timer, generation);
  };
  queue_.forget_timeouts_unless(armed);
  const bool expected = (queue_.has_work() || empty_due_) && !fetch_.active();
  if (expected != std::exchange(work_expected_, expected)) {
    step_core(agreement::WorkExpected{expected});
    follow_view();
  }
  const bool alone = site_.servers.size() == 1 && config_.sites.size() == 1;
  if (watch_timer_ || queue_.empty() || alone) return;
  watch_timer_ = true;
  set_timer(timer_id(TimerClass::kWatch), config_.timeouts.view_change / kWatchPart);
}

// A new leader may order anew what a former one drew and lost, and gets what waits here.
void Server::Impl::follow_view() {
  const agreement::Progress now = core_->progress();
  if (now.changing || now.view == followed_view_) return;
  followed_view_ = now.view;
  watched_.clear();
  proposed_ = 0;
  queue_.forget_drawn();
  for (const auto& [site, link] : machine_.links()) {
    queue_.forget_site_data(site, link.next_in(), link.last_ack_number());
  }
  forget_settled();
  if (now.leader == self_.server) return;
  for (const site::EventQueue::Waiting& one : queue_.waiting(limits::kMaxForwardUpdates)) {
    share(one, {in_site(now.leader)});
  }
}

void Server::Impl::forget_settled() {
  queue_.forget_updates_if([this](const site::UpdateKey& key) {
    return machine_.knows(key) || execution_.table().judge(key) == ClientTable::Verdict::kDuplicate;
  });
}

void Server::Impl::watch_queues() {
  const Duration tick = config_.timeouts.view_change / kWatchPart;
  const agreement::Progress now = core_->progress();
  forget_settled();
  watch_links(tick);
  bool starved = false;
  std::map<std::uint64_t, Watched> watched;
  std::set<std::uint64_t> to_share;
  for (const site::EventQueue::Waiting& one : queue_.waiting(0)) {
    const auto known = watched_.find(one.stamp);
    if (known == watched_.end() || one.held_back) {
      watched[one.stamp] = {Duration(0), now.committed, std::nullopt};
      continue;
    }
    Watched& queue = watched[one.stamp] = known->second;
    queue.age += tick;
    // It may be that few know of it, or that the leader does not. All have to know soon where
    // nothing is ordered at all: a leader is not replaced by one server.
    const Duration since_shared = queue.age - queue.shared.value_or(Duration(0));
    const bool stands_still = !queue.shared && now.committed == queue.committed;
    if (stands_still || since_shared >= config_.timeouts.view_change / kSharePart) {
      to_share.insert(one.stamp);
      queue.shared = queue.age;
    }
    const bool passed_over = queue.age >= config_.timeouts.fair && now.committed > queue.committed;
    starved = starved || passed_over;
  }
  watched_ = std::move(watched);
  share_queues(to_share);
  if (!starved || now.changing || now.leader == self_.server || fetch_.active()) return;
  reject("leader: passes over a client or a link");
  watched_.clear();
  step_core(agreement::SuspectLeader{now.view});
}

// What is held back waits for what comes over other links. Votes may also be in the way of what
// this site asked for, when it does not hear the leader site: they are let go, since who cast them
// keeps what it shows. If nothing comes, it may be a site that lies: then what is here has to do.
// Not where only batches are missing: a vote for one of them would be lost, and nobody says it
// again once it is forgotten.
void Server::Impl::watch_links(Duration tick) {
  const agreement::Progress wide = machine_.wide();
  const std::pair<View, Sequence> now{wide.installed, wide.committed};
  links_wait_ = now == links_seen_ ? links_wait_ + tick : Duration(0);
  links_seen_ = now;
  if (links_wait_ == Duration(0)) return;
  queue_.let_through_to([this](const wire::SiteData& data) { return machine_.shows_next(data); });
  if (links_wait_ < config_.timeouts.view_change / kSharePart) return;
  links_wait_ = Duration(0);
  queue_.let_through([this](const wire::SiteData& data) {
    return machine_.readiness(data) == site::LogicalMachine::Readiness::kOtherView;
  });
}

void Server::Impl::share_queues(const std::set<std::uint64_t>& stamps) {
  if (stamps.empty()) return;
  for (const site::EventQueue::Waiting& one : queue_.waiting(kSharedUpdates)) {
    if (stamps.contains(one.stamp)) share(one, others());
  }
}

void Server::Impl::share(const site::EventQueue::Waiting& waiting,
                         const std::vector<ServerId>& to) {
  if (waiting.data) send(to, wire::KIND_SITE_DATA, *waiting.data);
  wire::Forward forward;
  std::size_t bytes = 0;
  for (const Bytes& update : waiting.updates) {
    if (bytes + update.size() > limits::kMaxBatchBytes) break;
    bytes += update.size();
    forward.add_updates(update);
  }
  if (forward.updates_size() > 0) send(to, wire::KIND_FORWARD, forward);
}

}  // namespace steward::replica
