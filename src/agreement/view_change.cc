#include "agreement/view_change.h"

#include <algorithm>

namespace steward::agreement {
namespace {

// Far above any sequence that is reached, and sums with it do not overflow.
constexpr Sequence kMaxSequence = Sequence{1} << 62;

void add_candidate(wire::ViewChange& out, Sequence n, View view, const crypto::Digest& digest) {
  wire::Candidate& candidate = *out.add_candidates();
  candidate.set_sequence(n);
  candidate.set_view(view);
  candidate.set_digest(digest.str());
}

// A header contains the body.
wire::HeldMessage to_record(PeerId peer, const wire::AgreementMessage& body, const Bytes& header) {
  wire::HeldMessage out;
  out.set_peer(peer);
  if (header.empty()) {
    out.set_body(body.SerializeAsString());
  } else {
    out.set_header(header);
  }
  return out;
}

bool read_body(const wire::HeldMessage& in, wire::AgreementMessage& body) {
  if (in.header().empty()) return body.ParseFromString(in.body());
  wire::SignedHeader header;
  return header.ParseFromString(in.header()) && body.ParseFromString(header.body());
}

}  // namespace

HeldViewChangePtr hold(PeerId peer, wire::ViewChange body, Bytes header) {
  const crypto::Digest digest = crypto::sha256(body.SerializeAsString());
  return std::make_shared<const HeldViewChange>(
      HeldViewChange{peer, std::move(body), std::move(header), digest});
}

bool Plan::allows(Sequence n, const crypto::Digest& digest) const {
  if (n <= base) return false;
  const auto entry = bound.find(n);
  return entry == bound.end() || entry->second == digest;
}

wire::ViewChange make_view_change(View view, const OrderedLog& log, const Options& options) {
  wire::ViewChange out;
  out.set_view(view);
  *out.mutable_checkpoint() = log.stable_certificate();
  // An own vote without proof is one that this message itself proves.
  auto* proofs = out.mutable_checkpoint()->mutable_proofs();
  proofs->erase(std::remove(proofs->begin(), proofs->end(), Bytes()), proofs->end());
  for (const auto& [n, slot] : log.slots()) {
    if (n <= log.stable()) continue;
    if (options.quorums.byzantine) {
      if (!slot.prepared) continue;
      add_candidate(out, n, slot.prepared->view, slot.prepared->digest);
      for (const Bytes& proof : slot.prepared->proofs) {
        if (proof.empty()) continue;
        out.mutable_candidates(out.candidates_size() - 1)->add_proofs(proof);
      }
    } else if (slot.chosen) {
      add_candidate(out, n, slot.chosen->view, slot.chosen->batch->digest);
    } else if (slot.proposal) {
      add_candidate(out, n, slot.proposal->view, slot.proposal->batch->digest);
    }
  }
  return out;
}

bool well_formed(const wire::ViewChange& in, const Options& options) {
  const Sequence base = in.checkpoint().sequence();
  if (base > kMaxSequence || base % options.checkpoint_interval != 0) return false;
  if (base > 0 && !crypto::Digest::from(in.checkpoint().digest())) return false;
  if (static_cast<std::size_t>(in.known_size()) > options.quorums.peers) return false;
  if (static_cast<std::size_t>(in.births_size()) > options.quorums.peers) return false;
  Sequence last = base;
  for (const wire::Candidate& candidate : in.candidates()) {
    const bool fits = candidate.sequence() > last &&
                      candidate.sequence() <= base + 2 * Sequence{options.checkpoint_interval} &&
                      candidate.view() < in.view() &&
                      crypto::Digest::from(candidate.digest()).has_value();
    if (!fits) return false;
    last = candidate.sequence();
  }
  return true;
}

Plan make_plan(const std::map<PeerId, HeldViewChangePtr>& view_changes) {
  Plan plan;
  for (const auto& [peer, held] : view_changes) {
    if (held->body.checkpoint().sequence() <= plan.base) continue;
    plan.base = held->body.checkpoint().sequence();
    plan.checkpoint = held->body.checkpoint();
    plan.holder = peer;
  }
  std::map<Sequence, const wire::Candidate*> best;
  for (const auto& [peer, held] : view_changes) {
    for (const wire::Candidate& candidate : held->body.candidates()) {
      if (candidate.sequence() <= plan.base) continue;
      const wire::Candidate*& chosen = best[candidate.sequence()];
      if (chosen == nullptr || candidate.view() > chosen->view()) chosen = &candidate;
    }
  }
  plan.last = best.empty() ? plan.base : best.rbegin()->first;
  const crypto::Digest null = null_batch()->digest;
  for (Sequence n = plan.base + 1; n <= plan.last; ++n) {
    const auto entry = best.find(n);
    plan.bound[n] = entry == best.end() ? null : *crypto::Digest::from(entry->second->digest());
  }
  return plan;
}

wire::BatchPtr null_batch() { return wire::make_batch({}); }

wire::AgreementMessage body_of(const HeldNewView& new_view) {
  wire::AgreementMessage body;
  wire::NewView& out = *body.mutable_new_view();
  out.set_view(new_view.view);
  for (const auto& [peer, digest] : new_view.named) {
    wire::ViewChangeRef& ref = *out.add_view_changes();
    ref.set_peer(peer);
    ref.set_digest(digest.str());
  }
  return body;
}

wire::AgreementMessage body_of(const wire::ViewChange& view_change) {
  wire::AgreementMessage body;
  *body.mutable_view_change() = view_change;
  return body;
}

wire::AgreementMessage evidence(const Bytes& header) {
  wire::AgreementMessage body;
  body.mutable_evidence()->set_header(header);
  return body;
}

wire::ViewRecord to_record(const HeldNewView& new_view) {
  wire::ViewRecord record;
  record.set_view(new_view.view);
  *record.mutable_new_view() = to_record(new_view.from, body_of(new_view), new_view.header);
  for (const auto& [peer, held] : new_view.held) {
    *record.add_view_changes() = to_record(peer, body_of(held->body), held->header);
  }
  return record;
}

bool from_record(const wire::ViewRecord& record, HeldNewView& new_view) {
  new_view = {record.view(), record.new_view().peer(), record.new_view().header(), {}, {}};
  if (record.view() == 0) return true;
  wire::AgreementMessage body;
  if (!read_body(record.new_view(), body) || body.new_view().view() != record.view()) return false;
  for (const wire::ViewChangeRef& ref : body.new_view().view_changes()) {
    const auto digest = crypto::Digest::from(ref.digest());
    if (!digest) return false;
    new_view.named[ref.peer()] = *digest;
  }
  for (const wire::HeldMessage& one : record.view_changes()) {
    if (!read_body(one, body)) return false;
    new_view.held[one.peer()] = hold(one.peer(), body.view_change(), one.header());
  }
  return true;
}

}  // namespace steward::agreement
