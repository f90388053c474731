#include "hierarchy/history.h"

#include <algorithm>
#include <set>

#include "common/check.h"

namespace steward::hierarchy {
namespace {

// Kinds of records of a sequence. Batches stand apart from what refers to them, so that each is
// written once: a slot refers to at most four.
enum Kind : std::uint8_t {
  kVote = 1,
  kPrepared,
  kPreparedBefore,
  kProposal,
  kOrdered,
  kFirstBatch = 16,
};
constexpr std::uint8_t kBatches = 5;  // one more, for the one that is to replace another

crypto::Digest digest_in(const Bytes& bytes) {
  const auto digest = crypto::Digest::from(bytes);
  STEWARD_CHECK(digest.has_value());
  return *digest;
}

std::set<crypto::Digest> referred_to(const History::Slot& slot) {
  std::set<crypto::Digest> digests;
  if (slot.vote) digests.insert(slot.vote->digest);
  if (slot.prepared) digests.insert(slot.prepared->digest);
  if (slot.prepared_before) digests.insert(slot.prepared_before->digest);
  if (slot.proposal) digests.insert(digest_of(*slot.proposal));
  return digests;
}

Evidence evidence_of(const History::Slot& slot) {
  const proto::Proposal& said = slot.proposal->body.proposal();
  Evidence evidence{proto::EVIDENCE_PROPOSED,
                    {said.global_view(), said.local_view()},
                    digest_of(*slot.proposal),
                    {slot.proposal->certificate}};
  if (!slot.ordered) return evidence;
  evidence.kind = proto::EVIDENCE_ORDERED;
  for (const auto& [site, accept] : slot.accepts) evidence.proofs.push_back(accept->certificate);
  return evidence;
}

}  // namespace

crypto::Digest digest_of(const SiteWord& word) {
  return digest_in(word.body.has_proposal() ? word.body.proposal().digest()
                                            : word.body.accept().digest());
}

// --- records

void History::put(Sequence n, std::uint8_t kind, Bytes data, Appends& out) const {
  out.push_back({{n, kind, std::move(data)}, false});
}

void History::put_evidence(Sequence n, std::uint8_t kind, const std::optional<Evidence>& evidence,
                           Appends& out) const {
  proto::Evidence encoded;
  if (evidence) encode(n, *evidence, true, encoded);
  put(n, kind, encoded.SerializeAsString(), out);
}

bool History::load(std::span<const agreement::Record> records, Sequence executed) {
  for (const agreement::Record& record : records) {
    if (record.sequence > 0 && !load_one(record)) return false;
  }
  aru_ = executed;
  horizon_ = slots_.empty() ? executed : std::min(executed, slots_.begin()->first - 1);
  return true;
}

bool History::load_one(const agreement::Record& record) {
  Slot& slot = slots_[record.sequence];
  const auto load_evidence = [&](std::optional<Evidence>& into) {
    proto::Evidence encoded;
    if (!encoded.ParseFromString(record.data)) return false;
    into = decode(encoded);
    return into.has_value() || encoded.kind() == proto::EVIDENCE_NONE;
  };
  if (record.kind >= kFirstBatch) {
    auto batch = wire::decode_batch(record.data);
    if (!batch) return false;
    slot.batches[record.kind] = std::move(*batch);
    return true;
  }
  if (record.kind == kVote) {
    proto::VoteRecord vote;
    if (!vote.ParseFromString(record.data)) return false;
    const auto digest = crypto::Digest::from(vote.digest());
    if (!digest) return false;
    slot.vote = Vote{{vote.global_view(), vote.local_view()}, *digest};
    return true;
  }
  if (record.kind == kPrepared) return load_evidence(slot.prepared);
  if (record.kind == kPreparedBefore) return load_evidence(slot.prepared_before);
  if (record.kind == kProposal) {
    slot.proposal = read_certificate(record.data, nullptr);
    return slot.proposal != nullptr && slot.proposal->body.has_proposal();
  }
  proto::ProofRecord accepts;
  if (record.kind != kOrdered || !accepts.ParseFromString(record.data)) return false;
  for (const Bytes& certificate : accepts.proofs()) {
    const SiteWordPtr accept = read_certificate(certificate, nullptr);
    if (!accept || !accept->body.has_accept()) return false;
    slot.accepts[accept->site] = accept;
  }
  slot.ordered = true;
  return true;
}

// --- reading

bool History::ordered(Sequence n) const {
  if (n <= aru_) return true;
  const Slot* slot = find(n);
  return slot != nullptr && slot->ordered;
}

const History::Slot* History::find(Sequence n) const {
  const auto at = slots_.find(n);
  return at == slots_.end() ? nullptr : &at->second;
}

wire::BatchPtr History::batch(Sequence n, const crypto::Digest& digest) const {
  const Slot* slot = find(n);
  if (slot == nullptr) return nullptr;
  for (const auto& [number, batch] : slot->batches) {
    if (batch->digest == digest) return batch;
  }
  return nullptr;
}

std::optional<Evidence> History::local(Sequence n, View global) const {
  const Slot* slot = find(n);
  if (slot == nullptr) return std::nullopt;
  if (slot->proposal && slot->proposal->body.proposal().global_view() == global) {
    Evidence evidence = evidence_of(*slot);
    evidence.kind = proto::EVIDENCE_PROPOSED;
    evidence.proofs.resize(1);
    return evidence;
  }
  if (slot->prepared && slot->prepared->view.global == global) return slot->prepared;
  return std::nullopt;
}

std::optional<Evidence> History::best(Sequence n) const {
  const Slot* slot = find(n);
  if (slot == nullptr) return std::nullopt;
  std::optional<Evidence> best;
  const auto offer = [&](const Evidence& evidence) {
    if (!best || outranks(evidence, *best)) best = evidence;
  };
  if (slot->proposal) offer(evidence_of(*slot));
  if (slot->prepared) offer(*slot->prepared);
  if (slot->prepared_before) offer(*slot->prepared_before);
  return best;
}

// --- writing

void History::keep_batch(Sequence n, const wire::BatchPtr& batch, Appends& out) {
  if (n <= horizon_ || this->batch(n, batch->digest)) return;
  Slot& slot = slots_[n];
  const std::set<crypto::Digest> needed = referred_to(slot);
  for (std::uint8_t number = kFirstBatch; number < kFirstBatch + kBatches; ++number) {
    wire::BatchPtr& place = slot.batches[number];
    if (place && needed.contains(place->digest)) continue;
    place = batch;
    return put(n, number, batch->encoded, out);
  }
  STEWARD_CHECK(false);  // a slot refers to four batches
}

void History::vote(Sequence n, const Vote& vote, Appends& out) {
  slots_[n].vote = vote;
  proto::VoteRecord record;
  record.set_global_view(vote.view.global);
  record.set_local_view(vote.view.local);
  record.set_digest(vote.digest.str());
  put(n, kVote, record.SerializeAsString(), out);
}

void History::prepare(Sequence n, Evidence certificate, Appends& out) {
  Slot& slot = slots_[n];
  slot.prepared = std::move(certificate);
  put_evidence(n, kPrepared, slot.prepared, out);
}

bool History::propose(Sequence n, const SiteWordPtr& proposal, Appends& out) {
  if (ordered(n)) return false;
  Slot& slot = slots_[n];
  const proto::Proposal& said = proposal->body.proposal();
  if (slot.proposal && slot.proposal->body.proposal().global_view() >= said.global_view()) {
    return false;
  }
  slot.proposal = proposal;
  put(n, kProposal, proposal->certificate, out);
  return true;
}

bool History::accept(Sequence n, const SiteWordPtr& accept) {
  if (ordered(n)) return false;
  SiteWordPtr& place = slots_[n].accepts[accept->site];
  if (place && place->body.accept().global_view() >= accept->body.accept().global_view()) {
    return false;
  }
  place = accept;
  return true;
}

std::vector<SiteWordPtr> History::agreeing(Sequence n) const {
  std::vector<SiteWordPtr> agreeing;
  const Slot* slot = find(n);
  if (slot == nullptr || !slot->proposal) return agreeing;
  const proto::Proposal& said = slot->proposal->body.proposal();
  for (const auto& [site, accept] : slot->accepts) {
    const proto::Accept& other = accept->body.accept();
    const bool agrees = site != slot->proposal->site && other.digest() == said.digest() &&
                        other.global_view() == said.global_view();
    if (agrees) agreeing.push_back(accept);
  }
  return agreeing;
}

void History::order(Sequence n, const SiteWordPtr& proposal,
                    const std::vector<SiteWordPtr>& accepts, Appends& out) {
  STEWARD_CHECK(!ordered(n));
  Slot& slot = slots_[n];
  if (slot.proposal != proposal) {
    slot.proposal = proposal;
    put(n, kProposal, proposal->certificate, out);
  }
  slot.ordered = true;
  slot.accepts.clear();
  proto::ProofRecord record;
  for (const SiteWordPtr& accept : accepts) {
    slot.accepts[accept->site] = accept;
    record.add_proofs(accept->certificate);
  }
  put(n, kOrdered, record.SerializeAsString(), out);
}

std::optional<agreement::Commit> History::take_ordered() {
  const Slot* slot = find(aru_ + 1);
  if (slot == nullptr || !slot->ordered) return std::nullopt;
  wire::BatchPtr batch = this->batch(aru_ + 1, digest_of(*slot->proposal));
  if (!batch) return std::nullopt;
  return agreement::Commit{++aru_, std::move(batch)};
}

void History::leave_global_view(Appends& out) {
  for (auto& [n, slot] : slots_) {
    if (!slot.prepared) continue;
    if (!slot.prepared_before || outranks(*slot.prepared, *slot.prepared_before)) {
      slot.prepared_before = std::move(slot.prepared);
      put_evidence(n, kPreparedBefore, slot.prepared_before, out);
    }
    slot.prepared.reset();
    put_evidence(n, kPrepared, std::nullopt, out);
  }
}

void History::replace_local(Sequence base, View global, const EvidenceBySequence& evidence,
                            Appends& out) {
  for (auto at = slots_.upper_bound(base); at != slots_.end(); ++at) {
    auto& [n, slot] = *at;
    const auto found = evidence.find(n);
    const bool kept = found != evidence.end() && found->second.view.global == global &&
                      found->second.kind == proto::EVIDENCE_PREPARED;
    if (!slot.prepared || kept) continue;
    slot.prepared.reset();
    put_evidence(n, kPrepared, std::nullopt, out);
  }
  for (const auto& [n, one] : evidence) {
    if (n <= base || n <= horizon_ || one.view.global != global) continue;
    if (one.kind == proto::EVIDENCE_PREPARED) {
      prepare(n, one, out);
    } else if (const SiteWordPtr proposal = read_certificate(one.proofs.at(0), nullptr)) {
      propose(n, proposal, out);
    }
  }
}

void History::skip_to(Sequence n) {
  aru_ = std::max(aru_, n);
  forget(n);
}

void History::forget(Sequence n) {
  STEWARD_CHECK(n <= aru_);
  if (n <= horizon_) return;
  horizon_ = n;
  slots_.erase(slots_.begin(), slots_.upper_bound(n));
}

}  // namespace steward::hierarchy
