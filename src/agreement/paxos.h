// Multi-Paxos with a standing leader, its common case (SPEC 3.2): agreement among n peers of which
// f may crash, n >= 2f + 1. With one peer it is the `single` protocol. View changes are not part
// of this core yet: the view stays what the records say, and the accepted entries that a change of
// view needs are durable.
//
// Messages, and what is durable at the sender before each leaves:
//   Proposal{v,n,d} + batch   the leader's (v,n,batch); it is the leader's own accept
//   Accept{v,n,d}             the accepted (v,n,batch)
// A batch is committed with the Proposal and floor(n/2) Accepts of others, same view and digest:
// a majority with the leader, for odd and even n. That record may be lost in a crash, since the
// majority can show it again.
//
// Why it is safe. One leader per view, which proposes one batch per sequence over its whole life,
// because the proposal is durable before it is sent; peers do not lie, so nothing is signed or
// proven. A majority holds what is committed, and any later majority meets it.
//
// A checkpoint is stable as soon as this peer's host holds it durably: peers below it are served
// from the tail of the log or with a snapshot.
#pragma once

#include "agreement/leader_core.h"

namespace steward::agreement {

class Paxos final : public LeaderCore {
 public:
  explicit Paxos(const Options& options) : LeaderCore(options) {}
  void check_invariants() const override;

 private:
  bool receive_vote(const Message& message, Actions& actions) override;
  void on_backed(Sequence n, Slot& slot, Actions& actions) override;
  void on_checkpoint(Sequence n, Actions& actions) override;
  wire::AgreementMessage proposal_body(const Ballot& ballot) const override;
  wire::AgreementMessage echo_body(const Ballot& ballot) const override;
  void resend_later_votes(Sequence /*n*/, const Slot& /*slot*/, std::optional<PeerId> /*to*/,
                          Actions& /*actions*/) const override {}
  void resend_checkpoints(Sequence /*above*/, std::optional<PeerId> /*to*/,
                          Actions& /*actions*/) const override {}
  bool is_prepared(const Slot& slot) const override { return slot.proposal.has_value(); }
  void encode_more(Bytes& /*out*/) const override {}
  bool decode_more(Reader& in) override { return in.ok(); }
  void forget_below_stable() override {}
};

}  // namespace steward::agreement
