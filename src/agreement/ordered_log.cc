#include "agreement/ordered_log.h"

#include <algorithm>

namespace steward::agreement {
namespace {

constexpr std::size_t kMaxTailBytes = 4 << 20;

Error corrupt(const std::string& what) {
  return {ErrorCode::kCorrupt, "agreement records: " + what};
}

Record proposed_record(RecordKind kind, Sequence n, View view, const wire::Batch& batch,
                       const Bytes& header) {
  wire::ProposedRecord record;
  record.set_view(view);
  record.set_digest(batch.digest.str());
  record.set_batch(batch.encoded);
  record.set_proof(header);
  return {n, kind, record.SerializeAsString()};
}

// Leaves up to `stable` no more than the newest batches of so many bytes.
void shorten_tail(std::map<Sequence, Slot>& slots, Sequence stable) {
  std::size_t bytes = 0;
  for (auto slot = slots.upper_bound(stable); slot != slots.begin();) {
    --slot;
    if (slot->second.chosen) bytes += slot->second.chosen->batch->encoded.size();
    if (bytes <= kMaxTailBytes) continue;
    slots.erase(slots.begin(), std::next(slot));
    return;
  }
}

Record certificate_record(RecordKind kind, Sequence n, View view, const crypto::Digest& digest,
                          const std::vector<Bytes>& proofs) {
  wire::CertificateRecord record;
  record.set_view(view);
  record.set_digest(digest.str());
  for (const Bytes& proof : proofs) record.add_proofs(proof);
  return {n, kind, record.SerializeAsString()};
}

Result<Proposal> read_proposed(const Bytes& data) {
  wire::ProposedRecord record;
  if (!record.ParseFromString(data)) return corrupt("a proposal cannot be read");
  auto batch = wire::decode_batch(std::move(*record.mutable_batch()));
  if (!batch.ok() || (*batch)->digest.view() != record.digest()) {
    return corrupt("a batch does not fit its digest");
  }
  return Proposal{record.view(), *batch, std::move(*record.mutable_proof()), true};
}

Result<Certificate> read_certificate(const Bytes& data) {
  wire::CertificateRecord record;
  if (!record.ParseFromString(data)) return corrupt("a certificate cannot be read");
  const auto digest = crypto::Digest::from(record.digest());
  if (!digest) return corrupt("a certificate has no digest");
  return Certificate{
      record.view(), *digest, {record.proofs().begin(), record.proofs().end()}, nullptr};
}

}  // namespace

// Parts of committed slots, which come in several records.
struct OrderedLog::Loaded {
  std::map<Sequence, Proposal> learned;
  std::map<Sequence, Proposal> prepared;
  std::map<Sequence, Certificate> committed;
};

OrderedLog::OrderedLog(const Options& options) : options_(options) {}

Status OrderedLog::load(std::span<const Record> records) {
  Loaded loaded;
  for (const Record& record : records) {
    if (Status status = load_record(record, loaded); !status) return status;
  }
  for (auto& [n, certificate] : loaded.committed) {
    Slot& slot = slots_[n];
    const auto learned = loaded.learned.find(n);
    wire::BatchPtr batch;
    if (slot.proposal && slot.proposal->batch->digest == certificate.digest) {
      batch = slot.proposal->batch;
    } else if (learned != loaded.learned.end() &&
               learned->second.batch->digest == certificate.digest) {
      batch = learned->second.batch;
    }
    // Lazy records may be lost one by one: without its batch the slot is not committed yet.
    if (batch) slot.chosen = Chosen{certificate.view, batch, std::move(certificate.proofs)};
  }
  if (!is_checkpoint(stable()) || (!slots_.empty() && slots_.rbegin()->first > high())) {
    return corrupt("they do not fit checkpoint_interval; was it changed?");
  }
  committed_ = covered_ = stable();
  forget();
  for (auto& [n, slot] : slots_) {
    if (slot.prepared && !join_batch(slot, loaded.prepared[n].batch)) {
      return corrupt("a certificate has no proposal");
    }
  }
  return check_loaded();
}

// Records that this core cannot have written, whatever it received.
Status OrderedLog::check_loaded() const {
  const View view = view_record_ ? view_record_->view() : 0;
  for (const auto& [n, slot] : slots_) {
    if (slot.proposal && slot.proposal->view > view) {
      return corrupt("a proposal is of a later view than the recorded one");
    }
    const std::size_t quorum = options_.quorums.byzantine ? options_.quorums.quorum() : 0;
    if (slot.chosen && slot.chosen->proofs.size() < quorum) {
      return corrupt("a committed batch has too few proofs; was the protocol changed?");
    }
    if (!slot.prepared) continue;
    if (!options_.quorums.byzantine || slot.prepared->proofs.size() != quorum) {
      return corrupt("a certificate is not a quorum's; was the protocol changed?");
    }
    const Certificate& prepared = *slot.prepared;
    const auto differs = [&prepared](const auto& other) {
      return other.view == prepared.view && other.batch->digest != prepared.digest;
    };
    if (slot.proposal->view < prepared.view || differs(*slot.proposal) ||
        (slot.chosen && differs(*slot.chosen))) {
      return corrupt("a certificate contradicts the proposal or what is committed");
    }
  }
  for (const auto& [n, digest] : taken_) {
    if (n > high() || !is_checkpoint(n)) return corrupt("an own checkpoint is out of place");
  }
  return {};
}

// Gives a certificate its batch: the one voted for, or the one kept beside it.
bool OrderedLog::join_batch(Slot& slot, const wire::BatchPtr& kept) {
  if (!slot.proposal) return false;
  const wire::BatchPtr& voted = slot.proposal->batch;
  const crypto::Digest& digest = slot.prepared->digest;
  if (voted->digest == digest) {
    slot.prepared->batch = voted;
  } else if (kept && kept->digest == digest) {
    slot.prepared->batch = kept;
  }
  return slot.prepared->batch != nullptr;
}

Status OrderedLog::load_record(const Record& record, Loaded& loaded) {
  const Sequence n = record.sequence;
  if (record.kind == kViewRecord) {
    if (!view_record_.emplace().ParseFromString(record.data)) {
      return corrupt("the view cannot be read");
    }
  } else if (record.kind == kViewChangeRecord) {
    if (!view_change_record_.emplace().ParseFromString(record.data)) {
      return corrupt("a view change cannot be read");
    }
  } else if (record.kind == kStableRecord) {
    if (!stable_.ParseFromString(record.data)) return corrupt("the checkpoint cannot be read");
  } else if (record.kind == kCheckpointRecord) {
    wire::StableCheckpoint own;
    const bool parsed = own.ParseFromString(record.data);
    const auto digest = crypto::Digest::from(own.digest());
    if (!parsed || !digest) return corrupt("an own checkpoint cannot be read");
    taken_[n] = *digest;
  } else if (record.kind == kProposedRecord || record.kind == kLearnedRecord ||
             record.kind == kPreparedBatchRecord) {
    auto proposal = read_proposed(record.data);
    if (!proposal.ok()) return proposal.error();
    if (record.kind == kLearnedRecord) {
      loaded.learned[n] = std::move(*proposal);
    } else if (record.kind == kPreparedBatchRecord) {
      loaded.prepared[n] = std::move(*proposal);
    } else {
      proposal->delivered = proposal->view % options_.quorums.peers != options_.self;
      slots_[n].proposal = std::move(*proposal);
    }
  } else if (record.kind == kPreparedRecord || record.kind == kCommittedRecord) {
    auto certificate = read_certificate(record.data);
    if (!certificate.ok()) return certificate.error();
    if (record.kind == kCommittedRecord) {
      loaded.committed[n] = std::move(*certificate);
    } else {
      slots_[n].prepared = std::move(*certificate);
    }
  } else {
    return corrupt("unknown kind " + std::to_string(record.kind));
  }
  return {};
}

Slot* OrderedLog::find(Sequence n) {
  const auto found = slots_.find(n);
  return found == slots_.end() ? nullptr : &found->second;
}

Slot& OrderedLog::at(Sequence n) {
  STEWARD_CHECK(in_window(n));
  return slots_[n];
}

void OrderedLog::record_view(wire::ViewRecord record, Actions& actions) {
  actions.appends.push_back({{0, kViewRecord, record.SerializeAsString()}, false});
  view_record_ = std::move(record);
}

void OrderedLog::record_view_change(wire::ViewChangeRecord record, Actions& actions) {
  actions.appends.push_back({{0, kViewChangeRecord, record.SerializeAsString()}, false});
  view_change_record_ = std::move(record);
}

void OrderedLog::drop_votes() {
  for (auto& [n, slot] : slots_) {
    slot.echoes.clear();
    slot.commits.clear();
  }
  // A slot that held nothing but votes is as if nobody had spoken of it.
  std::erase_if(slots_, [](const auto& entry) {
    const Slot& slot = entry.second;
    return !slot.proposal && !slot.prepared && !slot.chosen;
  });
}

void OrderedLog::propose(Sequence n, Proposal proposal, Actions& actions) {
  const Slot& held = at(n);
  // The vote's record is about to be replaced; the batch of the certificate may live only there.
  if (held.prepared && held.prepared->digest == held.proposal->batch->digest &&
      held.prepared->digest != proposal.batch->digest) {
    actions.appends.push_back(
        {proposed_record(kPreparedBatchRecord, n, held.prepared->view, *held.prepared->batch, {}),
         false});
  }
  actions.appends.push_back(
      {proposed_record(kProposedRecord, n, proposal.view, *proposal.batch, proposal.header),
       false});
  at(n).proposal = std::move(proposal);
}

void OrderedLog::prepare(Sequence n, Certificate certificate, Actions& actions) {
  actions.appends.push_back({certificate_record(kPreparedRecord, n, certificate.view,
                                                certificate.digest, certificate.proofs),
                             false});
  at(n).prepared = std::move(certificate);
}

void OrderedLog::choose(Sequence n, Chosen chosen, Actions& actions) {
  Slot& slot = at(n);
  STEWARD_CHECK(!slot.chosen);
  const bool voted = slot.proposal && slot.proposal->batch->digest == chosen.batch->digest;
  if (!voted) {
    actions.appends.push_back(
        {proposed_record(kLearnedRecord, n, chosen.view, *chosen.batch, {}), true});
  }
  actions.appends.push_back(
      {certificate_record(kCommittedRecord, n, chosen.view, chosen.batch->digest, chosen.proofs),
       true});
  slot.chosen = std::move(chosen);
  slot.echoes.clear();
  slot.commits.clear();
  deliver(actions);
}

void OrderedLog::deliver(Actions& actions) {
  for (Slot* next = find(committed_ + 1); next && next->chosen; next = find(committed_ + 1)) {
    ++committed_;
    actions.commits.push_back({committed_, next->chosen->batch});
  }
}

void OrderedLog::take_checkpoint(Sequence n, const crypto::Digest& digest, Actions& actions) {
  STEWARD_CHECK(in_window(n) && is_checkpoint(n));
  const auto [known, added] = taken_.emplace(n, digest);
  STEWARD_CHECK(known->second == digest);  // two states at one sequence: this server is broken
  if (added) {
    wire::StableCheckpoint own;
    own.set_sequence(n);
    own.set_digest(digest.str());
    actions.appends.push_back({{n, kCheckpointRecord, own.SerializeAsString()}, false});
  }
  cover(n, actions);
}

void OrderedLog::cover(Sequence n, Actions& actions) {
  if (n <= committed_) return;
  committed_ = covered_ = n;
  deliver(actions);
}

void OrderedLog::resume(Actions& actions) {
  deliver(actions);
  if (!taken_.empty()) cover(taken_.rbegin()->first, actions);
}

void OrderedLog::make_stable(const wire::StableCheckpoint& certificate, Actions& actions) {
  STEWARD_CHECK(certificate.sequence() > stable() && is_checkpoint(certificate.sequence()));
  stable_ = certificate;
  actions.appends.push_back({{0, kStableRecord, stable_.SerializeAsString()}, false});
  forget();
  if (tail_start() > 0) actions.truncate = tail_start();
  cover(stable(), actions);
}

// Kept for peers that are behind. Far away these learn late that they are.
Sequence OrderedLog::tail_start() const {
  const Sequence tail =
      2 * Sequence{options_.reliable ? options_.checkpoint_interval : options_.window};
  return stable() > tail ? stable() - tail : 0;
}

void OrderedLog::forget() {
  slots_.erase(slots_.begin(), slots_.upper_bound(tail_start()));
  if (options_.reliable) shorten_tail(slots_, stable());
  for (auto slot = slots_.begin(); slot != slots_.end() && slot->first <= stable();) {
    slot = slot->second.chosen ? std::next(slot) : slots_.erase(slot);
  }
  taken_.erase(taken_.begin(), taken_.upper_bound(stable()));
}

void OrderedLog::encode(Bytes& out) const {
  append_framed(out, stable_.SerializeAsString());
  append_u64(out, committed_);
  append_u64(out, covered_);
  append_u32(out, static_cast<std::uint32_t>(slots_.size()));
  for (const auto& [n, slot] : slots_) {
    append_u64(out, n);
    encode_slot(slot, out);
  }
  append_u32(out, static_cast<std::uint32_t>(taken_.size()));
  for (const auto& [n, digest] : taken_) {
    append_u64(out, n);
    append_framed(out, digest.view());
  }
}

bool OrderedLog::decode(Reader& in) {
  if (!stable_.ParseFromString(in.framed())) return false;
  committed_ = in.u64();
  covered_ = in.u64();
  for (std::uint32_t left = in.u32(); left > 0 && in.ok(); --left) {
    const Sequence n = in.u64();
    if (!decode_slot(in, slots_[n])) return false;
    if (n <= tail_start() || n > high()) return false;
  }
  for (std::uint32_t left = in.u32(); left > 0 && in.ok(); --left) {
    const Sequence n = in.u64();
    taken_[n] = in.digest();
    if (!in_window(n)) return false;
  }
  return in.ok() && committed_ >= stable() && committed_ <= high();
}

void OrderedLog::check_invariants() const {
  STEWARD_CHECK(is_checkpoint(stable()) && stable() <= committed_ && committed_ <= high());
  STEWARD_CHECK(covered_ <= committed_);
  for (const auto& [n, slot] : slots_) {
    STEWARD_CHECK(n > tail_start() && n <= high());
    STEWARD_CHECK(slot.chosen || n > stable());
    STEWARD_CHECK(slot.echoes.size() <= options_.quorums.peers);
    STEWARD_CHECK(slot.commits.size() <= options_.quorums.peers);
    if (!slot.prepared) continue;
    // Prepared is for what was voted for, and within a view nothing else can be chosen.
    STEWARD_CHECK(slot.proposal && slot.proposal->view >= slot.prepared->view);
    STEWARD_CHECK(slot.prepared->batch && slot.prepared->batch->digest == slot.prepared->digest);
    if (slot.proposal->view == slot.prepared->view) {
      STEWARD_CHECK(slot.proposal->batch->digest == slot.prepared->digest);
    }
    if (slot.chosen && slot.chosen->view == slot.prepared->view) {
      STEWARD_CHECK(slot.chosen->batch->digest == slot.prepared->digest);
    }
  }
  for (Sequence n = std::max(stable(), covered_) + 1; n <= committed_; ++n) {
    const auto slot = slots_.find(n);
    STEWARD_CHECK(slot != slots_.end() && slot->second.chosen);
  }
  const auto next = slots_.find(committed_ + 1);
  STEWARD_CHECK(next == slots_.end() || !next->second.chosen);  // nothing committed is held back
  for (const auto& [n, digest] : taken_) {
    STEWARD_CHECK(is_checkpoint(n) && n > stable() && n <= committed_);
  }
}

}  // namespace steward::agreement
