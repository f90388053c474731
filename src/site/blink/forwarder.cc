#include "site/blink/forwarder.h"

#include <algorithm>

namespace steward::site::blink {
namespace {

constexpr std::size_t kInitialWindowBytes = 1 << 20;
constexpr std::size_t kMinWindowBytes = 64 << 10;
constexpr std::size_t kMaxWindowBytes = 8 << 20;
constexpr std::size_t kMaxDataBytes = 1 << 20;  // leaves in one SiteData
constexpr Duration kAckRepeat = 100ms;
constexpr std::uint32_t kMaxBackoff = 4;  // doublings of the retransmission time-out

}  // namespace

VirtualLink Forwarder::current(SiteId site, const Link& link) const {
  return virtual_link(config_.sites[self_.site], config_.sites[site], link.replaced());
}

void Forwarder::pump(SiteId site, const LogicalMachine& machine, const ThresholdSign& signing,
                     ForwarderActions& actions) {
  const Link& link = machine.links().at(site);
  Outgoing& state = outgoing_[site];
  if (!refresh(site, link, state, actions)) return;
  send_messages(site, machine, signing, state, actions);
  send_ack(site, machine, signing, state, actions);
  set_timer(site, link, state, actions);
}

// Brings the sending state up to date with the link; false when another server is the forwarder.
bool Forwarder::refresh(SiteId site, const Link& link, Outgoing& state, ForwarderActions& actions) {
  if (current(site, link).forwarder != self_.server) {
    if (state.timer) actions.retransmit_timers.push_back({site, std::nullopt});
    const BatchNumber ack_sent = state.ack_sent;
    state = Outgoing{};
    state.ack_sent = ack_sent;
    return false;
  }
  if (!state.active || state.replaced != link.replaced()) {
    state.active = true;
    state.replaced = link.replaced();
    state.acknowledged = link.acknowledged();
    state.sent_up_to = link.acknowledged();
    state.window_bytes = kInitialWindowBytes;
    state.ack_sent = 0;
  }
  if (link.acknowledged() > state.acknowledged) {
    state.acknowledged = link.acknowledged();
    state.sent_up_to = std::max(state.sent_up_to, state.acknowledged);
    state.window_bytes = std::min(2 * state.window_bytes, kMaxWindowBytes);
    state.silent_timeouts = 0;
  }
  return true;
}

void Forwarder::send_messages(SiteId site, const LogicalMachine& machine,
                              const ThresholdSign& signing, Outgoing& state,
                              ForwarderActions& actions) {
  const Link& link = machine.links().at(site);
  const ServerId peer{site, current(site, link).peer};
  const std::uint64_t last_allowed = link.acknowledged() + config_.ordering.link_window;
  std::size_t in_flight = 0;
  std::optional<wire::SiteData> data;
  std::size_t data_bytes = 0;
  const auto flush = [&] {
    if (data) actions.sends.push_back({peer, std::move(*data)});
    data.reset();
    data_bytes = 0;
  };
  for (const OutMessage& message : link.unacknowledged()) {
    const std::size_t bytes = message.bytes();
    if (message.link_sequence <= state.sent_up_to) {
      in_flight += bytes;
      continue;
    }
    const bool skip = message.type == wire::LEAF_SKIP;
    if (message.link_sequence > last_allowed && !skip) break;
    if (in_flight > 0 && in_flight + bytes > state.window_bytes) break;
    const Bytes* signature = signing.signature(message.batch);
    if (signature == nullptr) {
      actions.wanted.push_back(message.batch);
      break;
    }
    if (data && (data->batch() != message.batch || data_bytes + bytes > kMaxDataBytes)) flush();
    if (!data) data = data_for(message, *signature);
    *data->add_leaves() = to_leaf(message, site);
    data_bytes += bytes;
    in_flight += bytes;
    state.sent_up_to = message.link_sequence;
    // The batch's acknowledgement rides along; it is the last leaf of its tree.
    const auto& ack = machine.latest_ack();
    if (ack && ack->batch == message.batch && state.ack_sent < ack->batch) {
      *data->add_leaves() = to_leaf(*ack, kEverySite);
      state.ack_sent = ack->batch;
    }
  }
  flush();
}

void Forwarder::send_ack(SiteId site, const LogicalMachine& machine, const ThresholdSign& signing,
                         Outgoing& state, ForwarderActions& actions) {
  const auto& ack = machine.latest_ack();
  if (!ack || state.ack_sent >= ack->batch) return;
  const Bytes* signature = signing.signature(ack->batch);
  if (signature == nullptr) {
    actions.wanted.push_back(ack->batch);
    return;
  }
  const Link& link = machine.links().at(site);
  actions.sends.push_back({ServerId{site, current(site, link).peer}, alone(*ack, *signature)});
  state.ack_sent = ack->batch;
}

void Forwarder::repeat_ack(ServerId to, const LogicalMachine& machine, const ThresholdSign& signing,
                           ForwarderActions& actions) {
  const auto& ack = machine.latest_ack();
  if (!ack || ack_repeated_.contains(to)) return;
  const Bytes* signature = signing.signature(ack->batch);
  if (signature == nullptr) {
    actions.wanted.push_back(ack->batch);
    return;
  }
  ack_repeated_.insert(to);
  actions.ack_timers.emplace_back(to, kAckRepeat);
  actions.sends.push_back({to, alone(*ack, *signature)});
}

void Forwarder::on_retransmit_timer(SiteId site, const LogicalMachine& machine,
                                    const ThresholdSign& signing, ForwarderActions& actions) {
  Outgoing& state = outgoing_[site];
  const bool armed = std::exchange(state.timer, false);
  const Link& link = machine.links().at(site);
  if (!armed || !refresh(site, link, state, actions)) return;
  state.sent_up_to = link.acknowledged();
  state.window_bytes = kMinWindowBytes;
  state.silent_timeouts = std::min(state.silent_timeouts + 1, kMaxBackoff);
  pump(site, machine, signing, actions);
}

// Runs while something sent is not acknowledged; any progress starts it anew.
void Forwarder::set_timer(SiteId site, const Link& link, Outgoing& state,
                          ForwarderActions& actions) {
  const bool waiting = state.sent_up_to > link.acknowledged();
  if (!waiting) {
    if (std::exchange(state.timer, false))
      actions.retransmit_timers.push_back({site, std::nullopt});
    return;
  }
  if (state.timer && state.timer_at == state.acknowledged) return;
  state.timer = true;
  state.timer_at = state.acknowledged;
  const Duration after = config_.timeouts.retransmit * (1LL << state.silent_timeouts);
  actions.retransmit_timers.push_back({site, after});
}

wire::SiteData Forwarder::alone(const OutMessage& ack, const Bytes& signature) const {
  wire::SiteData data = data_for(ack, signature);
  *data.add_leaves() = to_leaf(ack, kEverySite);
  return data;
}

wire::SiteData Forwarder::data_for(const OutMessage& message, const Bytes& signature) const {
  wire::SiteData data;
  data.set_site(self_.site);
  data.set_batch(message.batch);
  data.set_leaf_count(message.leaf_count);
  data.set_root(message.root.str());
  data.set_signature(signature);
  return data;
}

}  // namespace steward::site::blink
