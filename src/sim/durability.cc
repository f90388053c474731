#include "sim/durability.h"

#include "agreement/ordered_log.h"
#include "replica/store_layout.h"
#include "wire/agreement.pb.h"

namespace steward::sim {
namespace {

using agreement::RecordKind;

template <class Record>
std::optional<Record> read(const Disk& disk, Sequence sequence, RecordKind kind) {
  const Bytes* found = disk.find(replica::layout::record_key(sequence, kind));
  Record record;
  if (found == nullptr || !record.ParseFromString(*found)) return std::nullopt;
  return record;
}

View installed_view(const Disk& disk) {
  const auto record = read<wire::ViewRecord>(disk, 0, agreement::kViewRecord);
  return record ? record->view() : 0;
}

View promised_view(const Disk& disk) {
  const auto record = read<wire::ViewChangeRecord>(disk, 0, agreement::kViewChangeRecord);
  return std::max(installed_view(disk), record ? record->own().view() : 0);
}

Sequence stable(const Disk& disk) {
  const auto record = read<wire::StableCheckpoint>(disk, 0, agreement::kStableRecord);
  return record ? record->sequence() : 0;
}

// Below a stable checkpoint nothing has to be remembered; a later vote replaces an earlier one.
template <class Record, class Vote>
bool remembers(const Disk& disk, const Vote& vote, RecordKind kind) {
  if (vote.sequence() <= stable(disk)) return true;
  const auto record = read<Record>(disk, vote.sequence(), kind);
  if (!record || record->view() < vote.view()) return false;
  return record->view() > vote.view() || record->digest() == vote.digest();
}

// What is prepared has to be shown in a view change, also when another batch was voted for since.
bool holds_prepared_batch(const Disk& disk, Sequence n) {
  const auto prepared = read<wire::CertificateRecord>(disk, n, agreement::kPreparedRecord);
  if (!prepared || n <= stable(disk)) return true;
  for (const RecordKind kind : {agreement::kProposedRecord, agreement::kPreparedBatchRecord}) {
    const auto record = read<wire::ProposedRecord>(disk, n, kind);
    if (record && record->digest() == prepared->digest()) return true;
  }
  return false;
}

template <class Vote>
std::optional<std::string> missing_for_proposal(const Disk& disk, const Vote& vote) {
  if (installed_view(disk) < vote.view()) return "the view";
  if (!remembers<wire::ProposedRecord>(disk, vote, agreement::kProposedRecord)) {
    return "the proposal";
  }
  if (!holds_prepared_batch(disk, vote.sequence())) return "the batch of its certificate";
  return std::nullopt;
}

std::optional<std::string> missing_for_checkpoint(const Disk& disk, const wire::Checkpoint& vote) {
  if (vote.sequence() <= stable(disk)) return std::nullopt;
  const auto own =
      read<wire::StableCheckpoint>(disk, vote.sequence(), agreement::kCheckpointRecord);
  if (!own || own->digest() != vote.digest()) return "the own checkpoint";
  const Bytes* found = disk.find(replica::layout::snapshot_key());
  wire::SnapshotMarker marker;
  const bool pages = found != nullptr && marker.ParseFromString(*found);
  if (!pages || marker.sequence() < vote.sequence()) return "the pages of the checkpoint";
  return std::nullopt;
}

}  // namespace

std::optional<std::string> not_durable(const replica::Outgoing& outgoing, const Disk& disk) {
  const bool votes =
      outgoing.kind == wire::KIND_AGREEMENT || outgoing.kind == wire::KIND_VIEW_CHANGE;
  wire::AgreementMessage body;
  if (!votes || !body.ParseFromString(outgoing.body)) return std::nullopt;
  if (body.has_pre_prepare()) return missing_for_proposal(disk, body.pre_prepare());
  if (body.has_prepare()) return missing_for_proposal(disk, body.prepare());
  if (body.has_proposal()) return missing_for_proposal(disk, body.proposal());
  if (body.has_accept()) return missing_for_proposal(disk, body.accept());
  if (body.has_checkpoint()) return missing_for_checkpoint(disk, body.checkpoint());
  if (body.has_commit()) {
    using Record = wire::CertificateRecord;
    if (remembers<Record>(disk, body.commit(), agreement::kPreparedRecord)) return std::nullopt;
    return "the certificate";
  }
  if (body.has_view_change() && promised_view(disk) < body.view_change().view()) {
    return "the promise";
  }
  // Paxos: anyone says that a view is installed.
  if (body.has_new_view() && installed_view(disk) < body.new_view().view()) return "the view";
  return std::nullopt;
}

}  // namespace steward::sim
