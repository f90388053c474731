// GLOBAL-VIEW-CHANGE (journal paper, section 5.4; SPEC 1.10): what a new leader site is bound to.
//   CONSTRUCT-ARU                in the leader site: a sequence up to which enough of its servers
//                                hold everything ordered, so that the others report no more than
//                                what is above
//   CONSTRUCT-GLOBAL-CONSTRAINT  in every site: what it knows that may have been ordered above
//
// State: the AruMessage of this global view; GlobalStates that came; the constraints of sites;
// what this server signed for these views (durable).
// Messages: AruRequest, RequestGlobalState, GlobalStates (representative to site), GlobalState
// (back, signed); the words AruMessage (to the representatives of all sites) and GlobalConstraint
// (to that of the leader site).
// Durable: the global view, installed, before a GlobalState, which thereby promises to accept
// nothing in a lower one; what is signed, so that a server signs one AruMessage and one
// GlobalConstraint in a pair of views. Safe: if a batch was ordered in a view below, each of a
// majority of sites had quorum - f correct servers with durable evidence of it, of that global view
// or a higher one. Any majority of constraints has one of those sites, its quorum of reports one of
// those servers, and no higher evidence can be for another batch (by induction over views): so the
// union binds it. A prepare certificate of the former leader site is such evidence, for its
// Proposal may be known to a liar alone. Reports are not cut off at the AruMessage's window: a site
// that is ahead would lose what it has ordered. A site's aru is the highest reported, up to which
// everything is ordered. Live: a server signs a constraint once it has ordered up to the site's aru
// and has the payload of all that it binds; a representative bundles only reports for which it is
// so itself.
#pragma once

#include <map>

#include "hierarchy/context.h"

namespace steward::hierarchy {

class GlobalViewChange {
 public:
  explicit GlobalViewChange(Context& context) : context_(context) {}
  bool load(const agreement::Record& record);

  void on_aru_request(ServerIndex from, const proto::AruRequest& request);
  void on_aru_message(ServerId from, const SiteWordPtr& word);
  void on_request(ServerIndex from, const Message& message);
  void on_state(ServerIndex from, const Message& message);
  void on_states(ServerIndex from, const std::shared_ptr<const Message>& message);
  void on_constraint(ServerId from, const SiteWordPtr& word);

  void advance();
  void retransmit();

  // Of this global view, with all that they bind at hand; empty while fewer than a majority.
  std::vector<SiteWordPtr> constraints();
  // Does this site have something to do before others can go on?
  bool unfinished() const;

 private:
  struct State {
    Sequence aru = 0;
    EvidenceBySequence evidence;
    Bytes header;
  };
  struct Signed {
    ViewPair view;
    Bytes body;
  };

  void follow_views();
  void request_aru();
  void sign_aru();
  void request_states();
  void report();
  void bundle();
  void sign_constraint();
  void sign_once(std::uint8_t record, Signed& last, proto::SiteMessage body);

  Context& context_;
  ViewPair view_;                          // that what follows is of; the words, of its global view
  std::optional<Sequence> aru_requested_;  // the same each time: two would split the site
  std::optional<Sequence> aru_asked_;      // asked to sign, and not signed yet
  SiteWordPtr aru_message_;
  bool states_requested_ = false;
  bool state_due_ = false;  // asked for a GlobalState that is not given yet
  std::map<ServerIndex, State> states_;
  std::optional<proto::ServerMessage> bundled_;  // the same each time
  std::shared_ptr<const Message> bundle_;        // of which the constraint is not signed yet
  std::map<SiteId, SiteWordPtr> constraints_;
  Signed signed_aru_;
  Signed signed_constraint_;
};

// The aru and evidence of the reports in a bundle, as one: what a GlobalConstraint or
// NEW_LOCAL_VIEW says. Nullopt for fewer than a quorum.
struct Union {
  Sequence aru = 0;
  EvidenceBySequence evidence;  // above the aru
};
std::optional<Union> unite(const std::vector<ServerWord>& reports, std::uint32_t quorum);

}  // namespace steward::hierarchy
