// ASSIGN-GLOBAL-ORDER (journal paper, section 5.1; SPEC 1.6): the sites agree on what the leader
// site proposed.
//
// State: none of its own; Proposals and Accepts are in the history.
// Messages: the words Proposal, of the leader site, and Accept, of each other one.
// Durable: the Proposal and its batch, and the global view, before the share of the Accept.
// A Proposal and floor(S/2) Accepts of its global view and digest, from other sites, order the
// batch: with the leader site's own vote, which the Proposal is, a majority of sites.
// Safe: for each site that counted, a quorum of its servers has durable evidence of this global
// view when its word is complete. Whoever is to lead in a higher one asks a majority of sites, one
// of which counted, and there a quorum of servers (global_view_change.h). A word of a higher global
// view takes a quorum of a site that has installed it: so the view is installed, and whoever sees
// the word enters it. Live: the representative of the leader site sends its oldest Proposal again
// until it is ordered; whoever has accepted it answers again, and whoever has it ordered shows
// that.
#pragma once

#include "hierarchy/context.h"

namespace steward::hierarchy {

class AssignGlobalOrder {
 public:
  explicit AssignGlobalOrder(Context& context) : context_(context) {}

  void on_proposal(ServerId from, const SiteWordPtr& word);
  void on_accept(ServerId from, const SiteWordPtr& word);
  // Signs again what was about to be signed when this server stopped.
  void resume();
  // Sees to it that the oldest Proposal gets this site's Accept, or in the leader site theirs.
  void retransmit();
  // What this site said of sequences that are not ordered, to a representative that is new; or, as
  // one that is new, to all.
  void resend(const std::vector<ServerId>& to);
  // Hands out what is ordered; also after a payload has come.
  void deliver();

 private:
  void carry(ServerId from, const SiteWordPtr& word);
  void answer_again(ServerId from, Sequence n);
  bool owes_accept(const History::Slot& slot) const;
  void sign_accept(Sequence n);
  SiteWordPtr own_accept(Sequence n) const;
  SiteWordPtr own_word(Sequence n) const;
  void order(Sequence n);

  Context& context_;
};

// What orders a sequence, for whoever lacks it; null where it is not ordered here.
std::optional<proto::ServerMessage> show_ordered(const History& history, Sequence n);

}  // namespace steward::hierarchy
