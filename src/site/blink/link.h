// One logical link between two sites, as replicated state of the logical machine at one end: what
// goes out in which order and is not yet acknowledged, which virtual link carries it, and what is
// expected in (SPEC 2.4, 2.6). Deterministic: changed only by executing ordered events.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "common/bytes.h"
#include "common/ids.h"
#include "crypto/sha256.h"
#include "site/blink/virtual_links.h"
#include "site/jobs.h"
#include "steward/state_machine.h"
#include "wire/batch.h"
#include "wire/site.pb.h"

namespace steward::site::blink {

// An output with what proves it: its place in the Merkle tree of the signing batch it belongs to.
struct OutMessage {
  wire::LeafType type = wire::LEAF_MESSAGE;
  std::uint64_t link_sequence = 0;
  Bytes body;
  wire::BatchPtr attachment;
  BatchNumber batch = 0;
  std::uint32_t index = 0;
  std::uint32_t leaf_count = 0;
  crypto::Digest root;
  std::vector<crypto::Digest> path;

  std::size_t bytes() const { return body.size() + (attachment ? attachment->encoded.size() : 0); }
};

// As it travels. `destination` is the receiving site, or kEverySite.
inline constexpr std::uint32_t kEverySite = 0xffffffff;
wire::Leaf to_leaf(const OutMessage& message, std::uint32_t destination);

class Link {
 public:
  // --- sending side
  std::uint64_t next_out() const { return next_out_; }
  std::uint64_t acknowledged() const { return acknowledged_; }
  std::size_t queued_bytes() const { return queued_bytes_; }
  const std::deque<OutMessage>& unacknowledged() const { return unacknowledged_; }

  // Lowest signing batch of a waiting message, or `none`.
  BatchNumber first_batch(BatchNumber none) const;

  std::uint64_t allocate() { return next_out_++; }
  void push(OutMessage message);  // its link_sequence has been allocated

  // The receiver has everything up to `cumulative`. True if that is news.
  bool acknowledge(std::uint64_t cumulative);

  // Drops the oldest messages until `keep_bytes` are left, and returns the last link sequence
  // dropped; the caller pushes a LEAF_SKIP in its place with `push_skip`.
  std::uint64_t prune(std::size_t keep_bytes);
  void push_skip(OutMessage skip);

  // --- monitoring: a timer covers all that was outstanding when it was set
  const Replaced& replaced() const { return replaced_; }
  std::uint64_t failures() const { return failures_; }
  bool monitored() const { return covers_ != 0; }
  bool covered_all() const { return acknowledged_ >= covers_; }
  void monitor() { covers_ = next_out_ - 1; }
  void stop_monitoring() { covers_ = 0; }
  void replace_virtual_link();
  void replace_forwarder();  // where a peer is known not to be the reason

  // --- receiving side
  std::uint64_t next_in() const { return next_in_; }
  std::uint64_t last_ack_number() const { return last_ack_number_; }
  void received(std::uint64_t link_sequence) { next_in_ = link_sequence + 1; }
  void saw_ack_number(std::uint64_t number) { last_ack_number_ = number; }

  // --- snapshot: pages under keys 0 … 2^19-1; page 0 is everything but the messages
  void collect(PageChanges& changes, PageKey base);
  bool load(const std::map<PageKey, Bytes>& pages, PageKey base);

 private:
  std::uint64_t next_out_ = 1;
  std::uint64_t acknowledged_ = 0;
  std::deque<OutMessage> unacknowledged_;
  std::size_t queued_bytes_ = 0;
  Replaced replaced_;
  std::uint64_t failures_ = 0;
  std::uint64_t covers_ = 0;
  std::uint64_t next_in_ = 1;
  std::uint64_t last_ack_number_ = 0;

  // Link sequences whose pages exist in the last snapshot taken.
  std::map<std::uint64_t, BatchNumber> saved_;
};

// Pages that one link may use, and how many of its messages may wait.
inline constexpr PageKey kPagesPerLink = 1 << 19;
inline constexpr std::size_t kMaxQueuedMessages = kPagesPerLink - 1;

Bytes encode_out_message(const OutMessage& message);
std::optional<OutMessage> decode_out_message(BytesView encoded);

}  // namespace steward::site::blink
