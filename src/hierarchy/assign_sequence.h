// ASSIGN-SEQUENCE (journal paper, section 5.1; SPEC 1.5): in the leader site, the representative
// gives the next sequence to a batch, and the site binds itself to that.
//
// State: for each sequence in flight the PrePrepare of these views and the Prepares; volatile. The
// vote and the prepare certificate are in the history.
// Messages: PrePrepare (representative to site), Prepare (each other to site); signed, since a
// PrePrepare and quorum - 1 Prepares of others make a prepare certificate, which is evidence.
// Durable: the vote and the batch before PrePrepare or Prepare; the certificate before the share of
// the Proposal.
// Safe: a server votes once for a sequence in a pair of views, only when it has adopted a
// NEW_LOCAL_VIEW there, and only for what is bound, where something is. Two certificates for one
// sequence in one pair of views would share a correct server. The Proposal takes a quorum of
// shares, each from a server that holds the certificate; a quorum of reports on any later pair
// meets one that is correct (construct_local_constraint.h). Live: a representative sends its oldest
// unfinished PrePrepare again, and whoever gets it twice votes again.
#pragma once

#include <map>
#include <set>

#include "hierarchy/context.h"

namespace steward::hierarchy {

class AssignSequence {
 public:
  explicit AssignSequence(Context& context) : context_(context) {}

  bool can_propose() const;
  void propose(const wire::BatchPtr& batch);

  void on_pre_prepare(const Message& message);
  void on_prepare(const Message& message);

  // Looks after what is bound and not proposed in these views yet; after changes of views, of the
  // Constraint_Set, of what is ordered.
  void advance();
  // Says again what was about to be said when this server stopped.
  void resume();
  void retransmit();

 private:
  struct Round {
    std::optional<proto::PrePrepare> pre_prepare;
    Bytes header;
    std::map<ServerIndex, std::pair<Bytes, Bytes>> prepares;  // digest and header
  };

  void follow_views();
  bool proposed(Sequence n) const;
  bool voted(Sequence n) const;
  Sequence limit() const;
  std::optional<Sequence> next_free() const;
  void pre_prepare(Sequence n, const wire::BatchPtr& batch);
  void pre_prepare_again(Sequence n);
  bool admissible(const proto::PrePrepare& said) const;
  void certify(Sequence n, Round& round);
  void sign_proposal(Sequence n, const crypto::Digest& digest);

  Context& context_;
  ViewPair view_;  // that the rounds are of
  std::map<Sequence, Round> rounds_;
};

}  // namespace steward::hierarchy
