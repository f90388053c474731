#include "agreement/slot.h"

namespace steward::agreement {
namespace {

bool counts(const std::pair<const PeerId, Vote>& entry, View view, const crypto::Digest& digest,
            std::optional<PeerId> except) {
  return entry.second.view == view && entry.second.digest == digest && entry.first != except;
}

void encode_proofs(const std::vector<Bytes>& proofs, Bytes& out) {
  append_u32(out, static_cast<std::uint32_t>(proofs.size()));
  for (const Bytes& proof : proofs) append_framed(out, proof);
}

std::vector<Bytes> decode_proofs(Reader& in) {
  std::vector<Bytes> proofs;
  for (std::uint32_t left = in.u32(); left > 0 && in.ok(); --left) proofs.push_back(in.framed());
  return proofs;
}

wire::BatchPtr read_batch(Reader& in) {
  auto batch = wire::decode_batch(in.framed());
  if (batch.ok()) return *batch;
  in.fail();
  return nullptr;
}

}  // namespace

std::size_t count_votes(const Votes& votes, View view, const crypto::Digest& digest,
                        std::optional<PeerId> except) {
  std::size_t count = 0;
  for (const auto& entry : votes) {
    if (counts(entry, view, digest, except)) ++count;
  }
  return count;
}

std::vector<Bytes> vote_headers(const Votes& votes, View view, const crypto::Digest& digest,
                                std::size_t count, std::optional<PeerId> except) {
  std::vector<Bytes> headers;
  for (const auto& entry : votes) {
    if (headers.size() == count) break;
    if (counts(entry, view, digest, except)) headers.push_back(entry.second.header);
  }
  return headers;
}

bool is_backed(const Slot& slot, View view, PeerId leader, std::uint32_t quorum) {
  if (!slot.proposal || !slot.proposal->delivered || slot.proposal->view != view) return false;
  return count_votes(slot.echoes, view, slot.proposal->batch->digest, leader) + 1 >= quorum;
}

void encode_votes(const Votes& votes, Bytes& out) {
  append_u32(out, static_cast<std::uint32_t>(votes.size()));
  for (const auto& [peer, vote] : votes) {
    append_u32(out, peer);
    append_u64(out, vote.view);
    append_framed(out, vote.digest.view());
    append_framed(out, vote.header);
  }
}

bool decode_votes(Reader& in, Votes& votes) {
  for (std::uint32_t left = in.u32(); left > 0 && in.ok(); --left) {
    const PeerId peer = in.u32();
    Vote& vote = votes[peer];
    vote.view = in.u64();
    vote.digest = in.digest();
    vote.header = in.framed();
  }
  return in.ok();
}

void encode_slot(const Slot& slot, Bytes& out) {
  append_u8(out, slot.proposal ? 1 : 0);
  if (slot.proposal) {
    append_u64(out, slot.proposal->view);
    append_framed(out, slot.proposal->batch->encoded);
    append_framed(out, slot.proposal->header);
    append_u8(out, slot.proposal->delivered ? 1 : 0);
  }
  encode_votes(slot.echoes, out);
  append_u8(out, slot.prepared ? 1 : 0);
  if (slot.prepared) {
    append_u64(out, slot.prepared->view);
    append_framed(out, slot.prepared->digest.view());
    encode_proofs(slot.prepared->proofs, out);
    const bool proposed = slot.proposal && slot.proposal->batch->digest == slot.prepared->digest;
    append_u8(out, proposed ? 1 : 0);
    if (!proposed) append_framed(out, slot.prepared->batch->encoded);
  }
  encode_votes(slot.commits, out);
  append_u8(out, slot.chosen ? 1 : 0);
  if (slot.chosen) {
    append_u64(out, slot.chosen->view);
    // The batch is mostly the one proposed: written once.
    const bool proposed =
        slot.proposal && slot.proposal->batch->digest == slot.chosen->batch->digest;
    append_u8(out, proposed ? 1 : 0);
    if (!proposed) append_framed(out, slot.chosen->batch->encoded);
    encode_proofs(slot.chosen->proofs, out);
  }
}

bool decode_slot(Reader& in, Slot& slot) {
  if (in.u8() == 1) {
    Proposal& proposal = slot.proposal.emplace();
    proposal.view = in.u64();
    proposal.batch = read_batch(in);
    proposal.header = in.framed();
    proposal.delivered = in.u8() == 1;
  }
  if (!decode_votes(in, slot.echoes)) return false;
  if (in.u8() == 1) {
    Certificate& prepared = slot.prepared.emplace();
    prepared.view = in.u64();
    prepared.digest = in.digest();
    prepared.proofs = decode_proofs(in);
    const bool proposed = in.u8() == 1;
    if (proposed && !slot.proposal) return false;
    prepared.batch = proposed ? slot.proposal->batch : read_batch(in);
  }
  if (!decode_votes(in, slot.commits)) return false;
  if (in.u8() == 1) {
    Chosen& chosen = slot.chosen.emplace();
    chosen.view = in.u64();
    const bool proposed = in.u8() == 1;
    if (proposed && !slot.proposal) return false;
    chosen.batch = proposed ? slot.proposal->batch : read_batch(in);
    chosen.proofs = decode_proofs(in);
  }
  return in.ok();
}

}  // namespace steward::agreement
