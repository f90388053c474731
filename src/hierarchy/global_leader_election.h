// GLOBAL-LEADER-ELECTION (journal paper, section 5.3; SPEC 1.9): the sites replace the leader site.
//
// State: global view, attempted or installed (context.h, durable); the newest GlobalViewChange of
// each site.
// Messages: the word GlobalViewChange, from every server to the server of its index in each other
// site, and there to all: of 2f+1 such pairs one is correct at both ends. The attempts of a site's
// servers are their shares of it.
// Durable: the global view before its share; that it is installed, with its proof, before anything
// is said in it.
// A server gives up the leader site when its own time-out has run, and only from an installed view;
// the words of a majority of sites for a view or above install it. Safe: nothing is accepted in a
// view below the own. Live: as in LOCAL-VIEW-CHANGE, among sites.
#pragma once

#include <map>

#include "hierarchy/context.h"

namespace steward::hierarchy {

class GlobalLeaderElection {
 public:
  explicit GlobalLeaderElection(Context& context) : context_(context) {}

  void on_time_out();
  void on_view_change(ServerId from, const SiteWordPtr& word);
  void resume();
  void retransmit();

 private:
  void sign();
  void adopt_if_proven();

  Context& context_;
  std::map<SiteId, SiteWordPtr> newest_;
};

}  // namespace steward::hierarchy
