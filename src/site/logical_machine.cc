#include "site/logical_machine.h"

#include <algorithm>

#include "common/check.h"
#include "crypto/merkle.h"
#include "site/machine_timers.h"
#include "wire/client.pb.h"
#include "wire/limits.h"

namespace steward::site {
namespace {

// Part of the time-out of wide views.
constexpr int kStatusPart = 4;

// Page keys of a snapshot.
constexpr PageKey kMachinePage = 0;
constexpr PageKey kWidePages = 1;  // one after the other, kWidePageBytes each
constexpr PageKey kMaxWidePages = 1 << 16;
constexpr std::size_t kWidePageBytes = 64 << 10;
constexpr PageKey kRefreshPages = 1 << 17;
constexpr PageKey kLinkPages = 1 << 19;  // + site * blink::kPagesPerLink

PageKey link_base(SiteId site) { return kLinkPages + site * blink::kPagesPerLink; }

agreement::Options wide_options(const ClusterConfig& config, SiteId self) {
  agreement::Options options;
  options.self = self;
  options.quorums = config.quorums();
  options.window = config.ordering.wide_window;
  options.checkpoint_interval = config.ordering.wide_checkpoint_interval;
  options.view_change_timeout = wide_view_change(config);
  options.view_change_cap = config.timeouts.wide_view_change_cap;
  options.status_interval = options.view_change_timeout / kStatusPart;
  options.idle_status_interval = options.status_interval;
  // BLink delivers, or says that it does not. Alone it keeps nothing for others.
  options.reliable = config.sites.size() > 1;
  options.asks_first = true;
  return options;
}

std::unique_ptr<agreement::Core> fresh_wide_core(const ClusterConfig& config, SiteId self) {
  const auto protocol =
      config.wide == WideProtocol::kPbft ? agreement::Protocol::kPbft : agreement::Protocol::kPaxos;
  auto core = agreement::open_core(protocol, wide_options(config, self), {});
  return std::move(core).value();
}

// The part of a SiteData that proves one leaf to anyone, for certificates of the wide protocol.
Bytes leaf_header(const wire::SiteData& data, const wire::Leaf& leaf) {
  wire::SiteData header = data;
  header.clear_leaves();
  *header.add_leaves() = leaf;
  header.mutable_leaves(0)->clear_attachment();
  return header.SerializeAsString();
}

// Whose proofs it holds; they were checked before it was ordered.
std::set<ServerIndex> signers(const wire::LmTimeout& timeout) {
  std::set<ServerIndex> servers;
  for (const Bytes& proof : timeout.proofs()) {
    wire::SignedHeader header;
    if (header.ParseFromString(proof)) servers.insert(header.server());
  }
  return servers;
}

bool carries_batch(const wire::AgreementMessage& body) {
  return body.has_pre_prepare() || body.has_proposal() || body.has_committed() ||
         body.has_batch_shown();
}

}  // namespace

LogicalMachine::LogicalMachine(const ClusterConfig& config, wire::Domain domain, SiteId self,
                               crypto::SitePublicKeyPtr key, Application& application)
    : config_(config),
      domain_(std::move(domain)),
      self_(self),
      application_(application),
      wide_(fresh_wide_core(config, self)),
      refresh_(std::move(key), config.sites[self].quorums(), domain_, self),
      pending_(self) {
  for (SiteId site = 0; site < config.sites.size(); ++site) {
    if (site != self) links_[site];
  }
  if (refresh_.possible() && config.crypto.refresh_interval > Duration(0)) {
    timers_[kRefreshIntervalTimer] = {next_generation_++, config.crypto.refresh_interval};
  }
}

void LogicalMachine::execute(Sequence local, const wire::Batch& batch, LmOutputs& out) {
  STEWARD_CHECK(local == executed_ + 1);
  for (const Bytes& item : batch.items) {
    wire::LmEvent event;
    if (!event.ParseFromString(item)) {
      reject("event: malformed");
      continue;
    }
    if (event.has_client_update()) on_client_update(event.client_update(), out);
    if (event.has_site_data()) on_site_data(event.site_data(), out);
    if (event.has_timeout()) on_timeout(event.timeout(), out);
    if (event.has_refresh()) on_refresh(event.refresh(), out);
    if (event.has_refresh_order()) on_refresh_order(event.refresh_order(), out);
    if (event.has_refresh() || event.has_refresh_order()) out.refreshes.push_back(item);
  }
  propose_pending(out);
  settle_work(out);
  finish_batch(local, out);
  executed_ = local;
}

void LogicalMachine::on_client_update(const Bytes& signed_update, LmOutputs& out) {
  const auto key = update_key(signed_update);
  if (!key) return reject("update: malformed");
  out.updates.push_back(*key);
  // Where another site leads, an update is ordered only when that one is late with it.
  add_pending(*key, signed_update, self_, leader_site() != self_);
}

void LogicalMachine::add_pending(const UpdateKey& key, const Bytes& update, SiteId from,
                                 bool late) {
  if (application_.settled(key)) return reject("update: executed before");
  const auto added = pending_.add(key, update, from, late);
  if (added == PendingUpdates::Added::kFull) return reject("update: too many pending");
  if (added == PendingUpdates::Added::kKnown) return reject("update: already known");
}

void LogicalMachine::on_site_data(const wire::SiteData& data, LmOutputs& out) {
  if (!links_.contains(data.site())) return reject("site data: unknown site");
  out.heard_from.insert(data.site());
  for (const wire::Leaf& leaf : data.leaves()) {
    if (leaf.type() == wire::LEAF_ACK) {
      on_acknowledgement(data.site(), leaf, out);
    } else {
      on_message(data.site(), data, leaf, out);
    }
  }
}

void LogicalMachine::on_message(SiteId from, const wire::SiteData& data, const wire::Leaf& leaf,
                                LmOutputs& out) {
  blink::Link& link = links_.at(from);
  if (leaf.destination() != self_) return reject("site data: for another site");
  if (leaf.link_sequence() < link.next_in()) return reject("site data: duplicate");
  const bool skip = leaf.type() == wire::LEAF_SKIP;
  if (leaf.link_sequence() > link.next_in() && !skip) return reject("site data: gap");
  link.received(leaf.link_sequence());
  if (!std::exchange(ack_changed_, true)) arm(kAckTimer, config_.timeouts.acknowledge, out);
  if (skip) {
    reject("site data: skipped by the sender");
    return step_wide(agreement::LinkSkipped{from}, out);
  }
  if (leaf.type() == wire::LEAF_UPDATE) {
    const auto key = update_key(leaf.body());
    return key ? add_pending(*key, leaf.body(), from, true) : reject("update: malformed");
  }

  auto message = std::make_shared<agreement::Message>();
  message->from = from;
  if (!message->body.ParseFromString(leaf.body())) return reject("wide message: malformed");
  if (carries_batch(message->body)) {
    auto batch = wire::decode_batch(leaf.attachment());
    if (!batch) return reject("wide message: bad batch");
    message->batch = std::move(*batch);
  }
  if (config_.wide == WideProtocol::kPbft) {
    message->header = leaf_header(data, leaf);
    if (!follow_evidence(*message)) return reject("wide evidence: malformed");
    keep_word(from, *message);
  }
  if (message->body.has_view_change()) {
    View& seen = view_changes_seen_[message->from];
    seen = std::max<View>(seen, message->body.view_change().view());
  }
  step_wide(agreement::Received{{std::move(message), wire::Voucher{}}}, out);
}

void LogicalMachine::on_acknowledgement(SiteId from, const wire::Leaf& leaf, LmOutputs& out) {
  blink::Link& link = links_.at(from);
  wire::AckVector vector;
  if (!vector.ParseFromString(leaf.body())) return reject("acknowledgement: malformed");
  if (vector.number() <= link.last_ack_number()) return reject("acknowledgement: old");
  link.saw_ack_number(vector.number());
  for (const wire::LinkAck& ack : vector.links()) {
    if (ack.site() != self_ || !link.acknowledge(ack.cumulative())) continue;
    out.changed_links.insert(from);
    // The timer covers all that was outstanding when it was set, not only the head: a forwarder
    // cannot buy time with one message each time-out.
    if (link.monitored() && link.covered_all()) {
      link.stop_monitoring();
      disarm(kLinkTimer | from, out);
      monitor_link(from, link, out);
    }
  }
}

void LogicalMachine::on_timeout(const wire::LmTimeout& timeout, LmOutputs& out) {
  out.timeouts.emplace_back(timeout.timer(), timeout.generation());
  if (!armed(timeout.timer(), timeout.generation())) return reject("timeout: not armed");
  const bool forwarder = lacks_forwarder(timeout);
  const std::uint32_t quorum = config_.sites[self_].quorums().quorum();
  if (forwarder && signers(timeout).size() < quorum) return reject("timeout: too few for a link");
  timers_.erase(timeout.timer());
  const LmTimerId kind = timeout.timer() >> 32 << 32;
  const auto number = static_cast<std::uint32_t>(timeout.timer());
  if (kind == kWideTimer) step_wide(agreement::TimerFired{number}, out);
  if (kind == kAckTimer) ack_due_ = true;
  if (kind == kPendingTimer) on_pending_timer(out);
  if (kind == kRefreshPhaseTimer) follow_refresh(refresh_.on_phase_timer(), out);
  if (kind == kRefreshIntervalTimer) follow_refresh(refresh_.on_interval(), out);
  if (kind == kLinkTimer) replace_virtual_link(number, forwarder, out);
}

// --- renewal of the key shares

void LogicalMachine::on_refresh(const Bytes& signed_header, LmOutputs& out) {
  wire::SignedHeader header;
  wire::RefreshMessage message;
  const bool parsed = header.ParseFromString(signed_header) && header.site() == self_ &&
                      message.ParseFromString(header.body());
  if (!parsed) return reject("refresh: malformed");
  follow_refresh(refresh_.on_message(header.server(), message), out);
}

void LogicalMachine::on_refresh_order(const Bytes& encoded, LmOutputs& out) {
  wire::RefreshOrder order;
  if (!order.ParseFromString(encoded) || order.site() != self_) {
    return reject("refresh order: malformed");
  }
  follow_refresh(refresh_.on_order(order.share_epoch()), out);
}

// The phase timer runs while a renewal is under way, the interval timer (if one is asked for)
// while none is.
void LogicalMachine::follow_refresh(const char* rejected, LmOutputs& out) {
  if (rejected != nullptr) reject(rejected);
  if (!refresh_.take_timer_change()) return;
  const bool idle = refresh_.phase() == KeyRefresh::Phase::kIdle;
  disarm(idle ? kRefreshPhaseTimer : kRefreshIntervalTimer, out);
  if (!idle) {
    arm(kRefreshPhaseTimer, config_.timeouts.link, out);
  } else if (config_.crypto.refresh_interval > Duration(0)) {
    arm(kRefreshIntervalTimer, config_.crypto.refresh_interval, out);
  }
}

// --- links

bool LogicalMachine::lacks_forwarder(const wire::LmTimeout& timeout) const {
  const auto site = static_cast<SiteId>(timeout.timer());
  if (timeout.timer() >> 32 << 32 != kLinkTimer || !links_.contains(site)) return false;
  const SiteConfig& own = config_.sites[self_];
  if (!blink::benign(own, config_.sites[site])) return false;
  const blink::VirtualLink current =
      blink::virtual_link(own, config_.sites[site], links_.at(site).replaced());
  return !signers(timeout).contains(current.forwarder);
}

void LogicalMachine::replace_virtual_link(SiteId site, bool forwarder, LmOutputs& out) {
  blink::Link& link = links_.at(site);
  if (forwarder) {
    link.replace_forwarder();
  } else {
    link.replace_virtual_link();
  }
  link.stop_monitoring();
  monitor_link(site, link, out);
  out.changed_links.insert(site);
}

void LogicalMachine::monitor_link(SiteId site, blink::Link& link, LmOutputs& out) {
  if (link.monitored() || link.unacknowledged().empty()) return;
  link.monitor();
  // Doubles after every full cycle through the virtual links, up to 32-fold.
  const std::uint64_t links = blink::virtual_links(config_.sites[self_], config_.sites[site]);
  const std::uint64_t cycles = std::min<std::uint64_t>(link.failures() / links, 5);
  arm(kLinkTimer | site, config_.timeouts.link * (1LL << cycles), out);
}

// A link whose far end does not acknowledge for long keeps only the newest half of its bound; a
// signed skip stands for what was dropped (SPEC 2.6).
void LogicalMachine::prune_link(SiteId site, blink::Link& link, LmOutputs& out) {
  // Each message has a page of the snapshot to itself, so this batch's outputs must find room too.
  constexpr std::size_t kFull = blink::kMaxQueuedMessages - limits::kMaxLeavesPerBatch;
  const bool full = link.queued_bytes() > config_.ordering.link_queue_bytes ||
                    link.unacknowledged().size() >= kFull;
  if (!full) return;
  const std::uint64_t last = link.prune(config_.ordering.link_queue_bytes / 2);
  outputs_.push_back({site, wire::LEAF_SKIP, last, {}, nullptr});
  reject("link: pruned");
  pending_.tell_again();
  step_wide(agreement::LinkSkipped{site}, out);
}

void LogicalMachine::finish_batch(Sequence local, LmOutputs& out) {
  for (auto& [site, link] : links_) prune_link(site, link, out);
  // Last, so that it speaks of everything received in this batch.
  if (ack_changed_ && (ack_due_ || !outputs_.empty())) add_acknowledgement();
  ack_due_ = false;
  answers_.clear();
  if (!outputs_.empty()) sign_outputs(local, out);
  for (auto& [site, link] : links_) monitor_link(site, link, out);
}

void LogicalMachine::add_acknowledgement() {
  wire::AckVector vector;
  vector.set_number(++ack_number_);
  for (const auto& [site, link] : links_) {
    wire::LinkAck* ack = vector.add_links();
    ack->set_site(site);
    ack->set_cumulative(link.next_in() - 1);
  }
  outputs_.push_back({blink::kEverySite, wire::LEAF_ACK, 0, vector.SerializeAsString(), nullptr});
}

void LogicalMachine::sign_outputs(Sequence local, LmOutputs& out) {
  const auto leaf_count = static_cast<std::uint32_t>(outputs_.size());
  std::vector<blink::OutMessage> messages;
  std::vector<crypto::Digest> leaves;
  for (Output& output : outputs_) {
    blink::OutMessage message;
    message.type = output.type;
    const bool sent = output.type == wire::LEAF_MESSAGE || output.type == wire::LEAF_UPDATE;
    message.link_sequence = sent ? links_.at(output.destination).allocate() : output.link_sequence;
    message.body = std::move(output.body);
    message.attachment = std::move(output.attachment);
    message.batch = local;
    message.index = static_cast<std::uint32_t>(messages.size());
    message.leaf_count = leaf_count;
    const Bytes statement =
        wire::leaf_statement(domain_, self_, blink::to_leaf(message, output.destination));
    leaves.push_back(crypto::merkle_leaf(statement));
    messages.push_back(std::move(message));
  }
  const crypto::MerkleTree tree(std::move(leaves));
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const std::uint32_t destination = outputs_[i].destination;
    messages[i].root = tree.root();
    messages[i].path = tree.path(i);
    if (messages[i].type == wire::LEAF_ACK) {
      latest_ack_ = std::move(messages[i]);
      ack_changed_ = false;
      disarm(kAckTimer, out);
      for (const auto& [site, link] : links_) out.changed_links.insert(site);
      continue;
    }
    blink::Link& link = links_.at(destination);
    if (messages[i].type == wire::LEAF_SKIP) {
      link.push_skip(std::move(messages[i]));
    } else {
      link.push(std::move(messages[i]));
    }
    out.changed_links.insert(destination);
  }
  out.signing = LmOutputs::Signing{local, leaf_count, tree.root()};
  outputs_.clear();
}

// --- timers

bool LogicalMachine::has_timer(LmTimerId timer) const {
  const auto number = static_cast<std::uint32_t>(timer);
  const LmTimerId kind = timer - number;
  if (kind == kLinkTimer) return links_.contains(number);
  if (timer == kRefreshPhaseTimer || timer == kRefreshIntervalTimer) return refresh_.possible();
  return timer == kAckTimer || timer == kPendingTimer ||
         (kind == kWideTimer && number <= kMaxWideTimer);
}

bool LogicalMachine::armed(LmTimerId timer, std::uint64_t generation) const {
  const auto it = timers_.find(timer);
  return it != timers_.end() && it->second.generation == generation;
}

void LogicalMachine::arm(LmTimerId timer, Duration after, LmOutputs& out) {
  const ArmedTimer armed{next_generation_++, after};
  timers_[timer] = armed;
  out.timers.push_back({timer, armed.generation, after});
}

void LogicalMachine::disarm(LmTimerId timer, LmOutputs& out) {
  const auto it = timers_.find(timer);
  if (it == timers_.end()) return;
  out.timers.push_back({timer, it->second.generation, std::nullopt});
  timers_.erase(it);
}

std::vector<LmTimerArm> LogicalMachine::armed_timers() const {
  std::vector<LmTimerArm> armed;
  for (const auto& [timer, state] : timers_)
    armed.push_back({timer, state.generation, state.after});
  return armed;
}

// --- signing batches

std::map<BatchNumber, LmOutputs::Signing> LogicalMachine::unacknowledged_batches() const {
  std::map<BatchNumber, LmOutputs::Signing> batches;
  const auto add = [&](const blink::OutMessage& message) {
    batches[message.batch] = {message.batch, message.leaf_count, message.root};
  };
  for (const auto& [site, link] : links_) {
    for (const blink::OutMessage& message : link.unacknowledged()) add(message);
  }
  if (latest_ack_) add(*latest_ack_);
  return batches;
}

BatchNumber LogicalMachine::first_needed_batch() const {
  BatchNumber first = executed_ + 1;
  for (const auto& [site, link] : links_) first = std::min(first, link.first_batch(first));
  return first;
}

// --- snapshots

void LogicalMachine::collect(PageChanges& changes) {
  wire::MachinePage page;
  page.set_executed(executed_);
  page.set_ack_number(ack_number_);
  page.set_ack_changed(ack_changed_);
  if (latest_ack_) {
    (void)page.mutable_latest_ack()->ParseFromString(blink::encode_out_message(*latest_ack_));
  }
  page.set_next_generation(next_generation_);
  for (const auto& [timer, state] : timers_) {
    wire::ArmedTimer* armed = page.add_timers();
    armed->set_timer(timer);
    armed->set_generation(state.generation);
    armed->set_after_us(static_cast<std::uint64_t>(state.after.count()));
  }
  pending_.collect(page);
  page.set_work_expected(work_expected_);
  page.set_followed_view(followed_view_);
  changes[kMachinePage] = page.SerializeAsString();

  const Bytes wide = wide_->save();
  PageKey key = kWidePages;
  for (std::size_t offset = 0; offset < wide.size(); offset += kWidePageBytes) {
    changes[key++] = wide.substr(offset, kWidePageBytes);
  }
  STEWARD_CHECK(key < kMaxWidePages);
  for (PageKey gone = key; gone < wide_pages_; ++gone) changes[gone] = std::nullopt;
  wide_pages_ = key;
  refresh_.collect(changes, kRefreshPages);
  for (auto& [site, link] : links_) link.collect(changes, link_base(site));
}

bool LogicalMachine::load(const std::map<PageKey, Bytes>& pages) {
  const auto found = pages.find(kMachinePage);
  wire::MachinePage page;
  if (found == pages.end() || !page.ParseFromString(found->second)) return false;
  executed_ = page.executed();
  ack_number_ = page.ack_number();
  ack_changed_ = page.ack_changed();
  latest_ack_.reset();
  if (page.has_latest_ack()) {
    latest_ack_ = blink::decode_out_message(page.latest_ack().SerializeAsString());
    if (!latest_ack_) return false;
  }
  next_generation_ = page.next_generation();
  timers_.clear();
  for (const wire::ArmedTimer& armed : page.timers()) {
    timers_[armed.timer()] = {armed.generation(),
                              Duration(static_cast<std::int64_t>(armed.after_us()))};
  }
  if (!pending_.load(page)) return false;
  work_expected_ = page.work_expected();
  followed_view_ = page.followed_view();
  Bytes wide;
  for (auto it = pages.find(kWidePages); it != pages.end() && it->first < kMaxWidePages; ++it) {
    wide += it->second;
    wide_pages_ = it->first + 1;
  }
  if (!wide_->restore(wide) || !refresh_.load(pages, kRefreshPages)) return false;
  return std::all_of(links_.begin(), links_.end(),
                     [&](auto& entry) { return entry.second.load(pages, link_base(entry.first)); });
}

void LogicalMachine::check_invariants() const {
  wide_->check_invariants();
  refresh_.check_invariants();
  for (const auto& [site, link] : links_) {
    STEWARD_CHECK(link.acknowledged() < link.next_out());
    STEWARD_CHECK(link.queued_bytes() <=
                  config_.ordering.link_queue_bytes + limits::kMaxBatchBytes);
  }
  STEWARD_CHECK(outputs_.empty());
}

}  // namespace steward::site
