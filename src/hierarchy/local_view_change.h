// LOCAL-VIEW-CHANGE (journal paper, section 5.3; SPEC 1.7): a site replaces its representative.
//
// State: local view, attempted or installed (context.h, durable); the highest New_Rep of each
// server. Messages: NewRep (to the site, signed); the word LocalViewProof (to the other sites, so
// that they know the representative). Durable: the local view before the New_Rep that says so; that
// it is installed, with its proof, before anything is said in it. A server gives up its
// representative when its own time-out has run, and only from an installed view; a quorum of
// New_Reps for a view or above installs it. Safe: views only name who proposes. Live: no server
// goes on alone, so views follow one another: f liars and a fast clock depose nobody. Whoever is
// behind is shown the proof (reconciliation.h).
#pragma once

#include <map>

#include "hierarchy/context.h"

namespace steward::hierarchy {

class LocalViewChange {
 public:
  explicit LocalViewChange(Context& context) : context_(context) {}

  void on_time_out();
  void on_new_rep(ServerIndex from, View view, const Bytes& header);
  void on_proof(ServerId from, const SiteWordPtr& word);
  void resume();
  void retransmit();

 private:
  void say();
  void install(View view);
  void adopt_if_proven();

  Context& context_;
  struct Said {
    View view = 0;
    Bytes header;
  };
  std::map<ServerIndex, Said> said_;
};

}  // namespace steward::hierarchy
