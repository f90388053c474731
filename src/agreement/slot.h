// One position of the order: what this peer voted for, what its peers voted for, and what was
// chosen. PBFT and Paxos share the shape, because both open with a leader's proposal that the
// others echo: PrePrepare and Prepare in PBFT, Proposal and Accept in Paxos.
//
// Plain values and pure rules; not thread-safe.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "agreement/core.h"
#include "agreement/reader.h"

namespace steward::agreement {

// The leader's batch, accepted by this peer: its one vote for (view, sequence).
struct Proposal {
  View view = 0;
  wire::BatchPtr batch;
  Bytes header;  // the leader's signed bytes; empty without signatures
  bool delivered =
      true;  // false at the leader until its own message has come back, thus is durable
};

// PBFT: evidence that no other batch can be chosen for this sequence in this view.
struct Certificate {
  View view = 0;
  crypto::Digest digest;
  std::vector<Bytes> proofs;  // the PrePrepare's header, then those of quorum - 1 Prepares
  wire::BatchPtr batch;       // kept, whatever is voted for later: a new leader may ask for it
};

struct Chosen {
  View view = 0;
  wire::BatchPtr batch;
  std::vector<Bytes> proofs;  // PBFT: a quorum of Commit headers
};

struct Vote {
  View view = 0;
  crypto::Digest digest;
  Bytes header;
};
using Votes = std::map<PeerId, Vote>;  // at most one per peer

struct Slot {
  std::optional<Proposal> proposal;
  Votes echoes;  // Prepare or Accept
  std::optional<Certificate> prepared;
  Votes commits;
  std::optional<Chosen> chosen;
};

// How many votes are for exactly this, not counting `except`.
std::size_t count_votes(const Votes& votes, View view, const crypto::Digest& digest,
                        std::optional<PeerId> except = std::nullopt);

// The headers of the first `count` such votes in the order of peers.
std::vector<Bytes> vote_headers(const Votes& votes, View view, const crypto::Digest& digest,
                                std::size_t count, std::optional<PeerId> except = std::nullopt);

// A quorum stands behind the proposal of `view`: its leader, and quorum - 1 others that echo it.
bool is_backed(const Slot& slot, View view, PeerId leader, std::uint32_t quorum);

// Canonical bytes, for Core::save. The decoders return false for malformed bytes.
void encode_votes(const Votes& votes, Bytes& out);
bool decode_votes(Reader& in, Votes& votes);
void encode_slot(const Slot& slot, Bytes& out);
bool decode_slot(Reader& in, Slot& slot);

}  // namespace steward::agreement
