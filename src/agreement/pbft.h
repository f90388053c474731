// PBFT's common case (SPEC 3.1): agreement among n peers of which f may lie, n >= 3f + 1. q is the
// quorum; any two quorums share a correct peer. View changes are not part of this core yet: the
// view stays what the records say, and what a change of view needs (votes with the signed
// PrePrepare, prepared certificates with their proofs) is kept and durable.
//
// Messages, and what is durable at the sender before each leaves:
//   PrePrepare{v,n,d} + batch   the leader's (v,n,batch)
//   Prepare{v,n,d}              (v,n,batch) and the PrePrepare's signed header
//   Commit{v,n,d}               the prepared certificate: PrePrepare and q-1 Prepares of others
//   Checkpoint{n,D}             (n,D), and the host's state there
// A batch is committed with q Commits and a prepared certificate; that record may be lost in a
// crash, since q peers can show it again.
//
// Why it is safe. A correct peer has one vote for (v,n) over its whole life, because it is durable
// before it is sent and read back at restart. A prepared certificate is q votes for one digest;
// two for different digests would share a correct peer that voted twice. So all that is committed
// in a view for one sequence is equal. The leader's PrePrepare is its vote: its Prepares do not
// count, or it would be counted twice. A peer that learns of a committed batch checks q Commits,
// at least one of them from a correct peer that was prepared.
//
// A checkpoint is stable with q equal Checkpoints, and only where this peer's own host has a
// durable state too: what lies below is then never needed again, here or, beyond f failures, there.
#pragma once

#include "agreement/leader_core.h"

namespace steward::agreement {

class Pbft final : public LeaderCore {
 public:
  explicit Pbft(const Options& options) : LeaderCore(options) {}
  void check_invariants() const override;

 private:
  bool receive_vote(const Message& message, Actions& actions) override;
  void on_backed(Sequence n, Slot& slot, Actions& actions) override;
  void on_checkpoint(Sequence n, Actions& actions) override;
  wire::AgreementMessage proposal_body(const Ballot& ballot) const override;
  wire::AgreementMessage echo_body(const Ballot& ballot) const override;
  void resend_later_votes(Sequence n, const Slot& slot, std::optional<PeerId> to,
                          Actions& actions) const override;
  void resend_checkpoints(Sequence above, std::optional<PeerId> to,
                          Actions& actions) const override;
  bool is_prepared(const Slot& slot) const override { return slot.prepared.has_value(); }
  void encode_more(Bytes& out) const override;
  bool decode_more(Reader& in) override;
  void forget_below_stable() override;

  void on_commit(const Ballot& ballot, const Message& message, Actions& actions);
  void try_commit(Sequence n, const Slot& slot, Actions& actions);
  void on_checkpoint_vote(const Message& message, Actions& actions);
  void try_stable(Sequence n, Actions& actions);

  std::map<Sequence, Votes> checkpoint_votes_;  // above stable(), inside the window
};

}  // namespace steward::agreement
