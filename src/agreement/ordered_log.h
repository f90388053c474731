// The window of slots that a core holds, its durable records, and what follows from them: which
// batches are committed in order, which checkpoint is stable, what may be forgotten.
//
//      forgotten   |   tail    |   window, 2 checkpoint intervals    |  not accepted yet
//   ---------------+-----------+-------------------------------------+------------------>
//             stable - tail   stable     ^ committed            high()
//
// The tail is kept so that peers a little behind catch up with batches and not with a snapshot.
//
// Records (SPEC 3.1, "durable before"). A vote, a prepared certificate and an own checkpoint are
// promises and durable before they are sent; what is committed is lazy, since peers can show it
// again.
#pragma once

#include <map>
#include <optional>
#include <span>

#include "agreement/slot.h"

namespace steward::agreement {

enum RecordKind : std::uint8_t {
  kViewRecord = 1,        // sequence 0: ViewRecord, the installed view
  kStableRecord = 2,      // sequence 0: StableCheckpoint, the last stable one with its proofs
  kProposedRecord = 3,    // ProposedRecord: this peer's vote
  kPreparedRecord = 4,    // CertificateRecord
  kLearnedRecord = 5,     // ProposedRecord: a committed batch other than the one voted for
  kCommittedRecord = 6,   // CertificateRecord
  kCheckpointRecord = 7,  // StableCheckpoint without proofs: this peer's own checkpoint
  kViewChangeRecord = 8,  // sequence 0: ViewChangeRecord, this peer's last
  kPreparedBatchRecord =
      9,  // ProposedRecord: what is prepared, where the vote is for another batch
};

class OrderedLog {
 public:
  explicit OrderedLog(const Options& options);

  // Rebuilds from records; once, before anything else. Fails with kCorrupt.
  Status load(std::span<const Record> records);

  Sequence stable() const { return stable_.sequence(); }
  Sequence committed() const { return committed_; }
  Sequence high() const { return stable() + 2 * Sequence{options_.checkpoint_interval}; }
  bool in_window(Sequence n) const { return n > stable() && n <= high(); }
  bool is_checkpoint(Sequence n) const { return n % options_.checkpoint_interval == 0; }
  const wire::StableCheckpoint& stable_certificate() const { return stable_; }
  const std::map<Sequence, Slot>& slots() const { return slots_; }
  const std::map<Sequence, crypto::Digest>& taken() const { return taken_; }
  const std::optional<wire::ViewRecord>& view_record() const { return view_record_; }
  const std::optional<wire::ViewChangeRecord>& view_change_record() const {
    return view_change_record_;
  }

  Slot* find(Sequence n);
  Slot& at(Sequence n);  // made when new; n is in the window

  void record_view(wire::ViewRecord record, Actions& actions);
  void record_view_change(wire::ViewChangeRecord record, Actions& actions);
  void restore_view_change(wire::ViewChangeRecord record) {
    view_change_record_ = std::move(record);
  }
  // Votes of a view that is left count no more.
  void drop_votes();
  void propose(Sequence n, Proposal proposal, Actions& actions);
  void prepare(Sequence n, Certificate certificate, Actions& actions);

  // Final. Hands the host all that is now committed without a gap.
  void choose(Sequence n, Chosen chosen, Actions& actions);

  // After load: hands the host again what the records show as committed above stable().
  void resume(Actions& actions);

  // The host's own checkpoint above stable(): it holds a durable state there, so all up to it is
  // committed, even where a crash has lost the lazy records that would say so.
  void take_checkpoint(Sequence n, const crypto::Digest& digest, Actions& actions);

  // The host holds a durable state there: by its own checkpoint or by a snapshot.
  void make_stable(const wire::StableCheckpoint& certificate, Actions& actions);

  void encode(Bytes& out) const;
  bool decode(Reader& in);
  void check_invariants() const;

 private:
  struct Loaded;
  void deliver(Actions& actions);
  void cover(Sequence n, Actions& actions);
  Status load_record(const Record& record, Loaded& loaded);
  Status check_loaded() const;
  static bool join_batch(Slot& slot, const wire::BatchPtr& kept);
  void forget();
  Sequence tail_start() const;  // the last sequence that is forgotten

  Options options_;
  std::optional<wire::ViewRecord> view_record_;
  std::optional<wire::ViewChangeRecord> view_change_record_;
  wire::StableCheckpoint stable_;
  Sequence committed_ = 0;
  Sequence covered_ = 0;  // up to here a checkpoint or snapshot stands for the batches
  std::map<Sequence, Slot> slots_;
  std::map<Sequence, crypto::Digest> taken_;  // own checkpoints that are not stable yet
};

}  // namespace steward::agreement
