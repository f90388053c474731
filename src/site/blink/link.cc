#include "site/blink/link.h"

#include <algorithm>

#include "common/check.h"

namespace steward::site::blink {
namespace {

PageKey message_page(std::uint64_t link_sequence) {
  return static_cast<PageKey>(1 + link_sequence % kMaxQueuedMessages);
}

}  // namespace

wire::Leaf to_leaf(const OutMessage& message, std::uint32_t destination) {
  wire::Leaf leaf;
  leaf.set_index(message.index);
  leaf.set_type(message.type);
  leaf.set_destination(destination);
  leaf.set_link_sequence(message.link_sequence);
  leaf.set_body(message.body);
  if (message.attachment) leaf.set_attachment(message.attachment->encoded);
  for (const crypto::Digest& step : message.path) leaf.add_path(step.str());
  return leaf;
}

BatchNumber Link::first_batch(BatchNumber none) const {
  // Only a skip at the front is younger than what stands behind it.
  for (std::size_t i = 0; i < std::min<std::size_t>(2, unacknowledged_.size()); ++i) {
    none = std::min(none, unacknowledged_[i].batch);
  }
  return none;
}

void Link::push(OutMessage message) {
  STEWARD_CHECK(unacknowledged_.empty() ||
                unacknowledged_.back().link_sequence < message.link_sequence);
  queued_bytes_ += message.bytes();
  unacknowledged_.push_back(std::move(message));
}

bool Link::acknowledge(std::uint64_t cumulative) {
  if (cumulative <= acknowledged_ || cumulative >= next_out_) return false;
  acknowledged_ = cumulative;
  while (!unacknowledged_.empty() && unacknowledged_.front().link_sequence <= cumulative) {
    queued_bytes_ -= unacknowledged_.front().bytes();
    unacknowledged_.pop_front();
  }
  failures_ = 0;
  return true;
}

std::uint64_t Link::prune(std::size_t keep_bytes) {
  std::uint64_t last = 0;
  while (queued_bytes_ > keep_bytes || unacknowledged_.size() > kMaxQueuedMessages / 2) {
    last = unacknowledged_.front().link_sequence;
    queued_bytes_ -= unacknowledged_.front().bytes();
    unacknowledged_.pop_front();
  }
  return last;
}

void Link::push_skip(OutMessage skip) { unacknowledged_.push_front(std::move(skip)); }

void Link::replace_virtual_link() {
  ++replaced_.links;
  ++failures_;
}

void Link::replace_forwarder() {
  ++replaced_.forwarders;
  replace_virtual_link();
}

void Link::collect(PageChanges& changes, PageKey base) {
  wire::LinkPage page;
  page.set_next_out(next_out_);
  page.set_acknowledged(acknowledged_);
  page.set_links_replaced(replaced_.links);
  page.set_forwarders_replaced(replaced_.forwarders);
  page.set_failures(failures_);
  page.set_covers(covers_);
  page.set_next_in(next_in_);
  page.set_last_ack_number(last_ack_number_);
  changes[base] = page.SerializeAsString();

  std::map<std::uint64_t, BatchNumber> now;
  for (const OutMessage& message : unacknowledged_) now[message.link_sequence] = message.batch;
  for (const auto& [sequence, batch] : saved_) {
    if (!now.contains(sequence)) changes[base + message_page(sequence)] = std::nullopt;
  }
  for (const OutMessage& message : unacknowledged_) {
    const auto old = saved_.find(message.link_sequence);
    if (old != saved_.end() && old->second == message.batch) continue;
    changes[base + message_page(message.link_sequence)] = encode_out_message(message);
  }
  saved_ = std::move(now);
}

bool Link::load(const std::map<PageKey, Bytes>& pages, PageKey base) {
  *this = Link();
  const auto meta = pages.find(base);
  wire::LinkPage page;
  if (meta == pages.end() || !page.ParseFromString(meta->second)) return false;
  next_out_ = page.next_out();
  acknowledged_ = page.acknowledged();
  replaced_ = {page.links_replaced(), page.forwarders_replaced()};
  if (replaced_.forwarders > replaced_.links) return false;
  failures_ = page.failures();
  covers_ = page.covers();
  next_in_ = page.next_in();
  last_ack_number_ = page.last_ack_number();

  std::vector<OutMessage> messages;
  for (auto it = pages.upper_bound(base); it != pages.end() && it->first < base + kPagesPerLink;
       ++it) {
    auto message = decode_out_message(it->second);
    if (!message) return false;
    messages.push_back(std::move(*message));
  }
  std::sort(messages.begin(), messages.end(), [](const OutMessage& a, const OutMessage& b) {
    return a.link_sequence < b.link_sequence;
  });
  for (OutMessage& message : messages) {
    const std::uint64_t sequence = message.link_sequence;
    if (sequence <= acknowledged_ || sequence >= next_out_ || saved_.contains(sequence)) {
      return false;
    }
    saved_[sequence] = message.batch;
    push(std::move(message));
  }
  return true;
}

Bytes encode_out_message(const OutMessage& message) {
  wire::OutMessagePage page;
  *page.mutable_leaf() = to_leaf(message, 0);
  page.set_batch(message.batch);
  page.set_leaf_count(message.leaf_count);
  page.set_root(message.root.str());
  return page.SerializeAsString();
}

std::optional<OutMessage> decode_out_message(BytesView encoded) {
  wire::OutMessagePage page;
  if (!page.ParseFromArray(encoded.data(), static_cast<int>(encoded.size()))) return std::nullopt;
  const auto root = crypto::Digest::from(page.root());
  if (!root) return std::nullopt;
  OutMessage message;
  message.type = page.leaf().type();
  message.link_sequence = page.leaf().link_sequence();
  message.body = page.leaf().body();
  if (!page.leaf().attachment().empty()) {
    auto batch = wire::decode_batch(page.leaf().attachment());
    if (!batch) return std::nullopt;
    message.attachment = *batch;
  }
  message.batch = page.batch();
  message.index = page.leaf().index();
  message.leaf_count = page.leaf_count();
  message.root = *root;
  for (const Bytes& step : page.leaf().path()) {
    const auto digest = crypto::Digest::from(step);
    if (!digest) return std::nullopt;
    message.path.push_back(*digest);
  }
  return message;
}

}  // namespace steward::site::blink
