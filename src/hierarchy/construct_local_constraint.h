// CONSTRUCT-LOCAL-CONSTRAINT (journal paper, section 5.4; SPEC 1.8): what a new representative of
// the leader site, and its site with it, is bound to. Run for every pair of views but the first,
// also when only the global one is new: a server that enters it late cannot know whether an earlier
// local view acted in it.
//
// State: LocalStates that came; the NEW_LOCAL_VIEW that was adopted, to be passed on.
// Messages: RequestLocalState (representative to site), LocalState (back, signed), NewLocalView
// (representative to site, signed).
// Durable: both views are, installed, before a LocalState: from then on its server does nothing in
// a lower pair. What NEW_LOCAL_VIEW brings, and that it was adopted, before the first Prepare.
// Safe: if a Proposal of an earlier local view can ever be combined, quorum - f correct servers had
// its certificate durable, and signed, before they reported; each quorum of reports has one of
// them; so each union binds that batch, whichever quorum a lying representative shows to whom. What
// a union leaves out was therefore never proposed, and the own certificates for it are dropped:
// they would only block. Above a new global view the union starts from the constraints of a
// majority of sites (global_view_change.h). Live: a quorum of correct servers answers; whoever
// lacks the NEW_LOCAL_VIEW is given it by any that adopted it.
#pragma once

#include <map>

#include "hierarchy/context.h"
#include "hierarchy/global_view_change.h"

namespace steward::hierarchy {

class ConstructLocalConstraint {
 public:
  ConstructLocalConstraint(Context& context, GlobalViewChange& global)
      : context_(context), global_(global) {}

  void on_request(ServerIndex from, const proto::RequestLocalState& request);
  void on_state(ServerIndex from, const Message& message);
  void on_new_local_view(const std::shared_ptr<const Message>& message);

  void advance();
  void retransmit();

  // For those that stand in these views and have not adopted it; empty where there is none.
  const Bytes& new_local_view() const { return new_local_view_; }

 private:
  struct State {
    Sequence aru = 0;
    EvidenceBySequence evidence;
    Bytes header;
  };

  void follow_views();
  bool due() const;
  void request();
  void report();
  void construct();
  void adopt();

  Context& context_;
  GlobalViewChange& global_;
  ViewPair view_;  // that the rest is of
  bool requested_ = false;
  std::optional<Sequence> asked_base_;  // asked for a LocalState that is not given yet
  std::map<ServerIndex, State> states_;
  bool constructed_ = false;
  std::shared_ptr<const Message> offered_;  // a NEW_LOCAL_VIEW that cannot be adopted yet
  Bytes new_local_view_;
};

}  // namespace steward::hierarchy
