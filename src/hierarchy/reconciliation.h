// Reconciliation (journal paper, section 5.2; SPEC 1.11): whoever lacks something gets it, from its
// own site and from others.
//
// State: the newest SiteCheckpoint; what this server asked for last.
// Messages: Standing (to the site; and to one server of another site after the other), answered
// with Ordered, with proofs of views, with the NEW_LOCAL_VIEW; FetchPayload and Payload; the word
// SiteCheckpoint.
// Durable: the newest SiteCheckpoint, before anything below it is forgotten.
// Safe: whatever is taken proves itself: a Proposal with its Accepts, a word of a site, signed
// New_Reps; a payload has the digest that was asked for.
// Live: in the site, f + 1 servers answer each Standing, others each time; across sites a server
// asks the one of its own index in each site in turn, and of those of all servers of a site f + 1
// have a correct one at both ends. What is below an answerer's horizon is in the snapshot that its
// SiteCheckpoint certifies, which the host fetches.
// Bounded: so many Ordered an answer, and so many answers and bytes to one
// server between two ticks.
#pragma once

#include "hierarchy/construct_local_constraint.h"
#include "hierarchy/context.h"

namespace steward::hierarchy {

class Reconciliation {
 public:
  Reconciliation(Context& context, const ConstructLocalConstraint& constraint)
      : context_(context), constraint_(constraint) {}
  bool load(const agreement::Record& record);

  void on_standing(ServerId from, const proto::Standing& standing);
  void on_ordered(const Message& message);
  void on_fetch(ServerId from, const proto::FetchPayload& fetch);
  void on_payload(const Message& message);
  void on_checkpoint_taken(Sequence sequence, const crypto::Digest& digest);
  void on_site_checkpoint(ServerId from, const SiteWordPtr& word);
  void on_snapshot(const SiteWordPtr& word);

  // Asks at once for what has come to be wanted.
  void advance();
  // Tells the site, and one other, where this server stands.
  void tick(bool unfinished);

  // Is something known to be missing here?
  bool behind() const;
  Sequence stable() const;

 private:
  proto::ServerMessage standing();
  ServerId next_elsewhere();
  void give_ordered(ServerId to, const proto::Standing& standing);
  void give_views(ServerId to, const proto::Standing& standing);
  bool answers(ServerId to, const proto::Standing& standing) const;
  void fetch_payload(Sequence n, const crypto::Digest& digest);
  void keep_stable(const SiteWordPtr& word);

  Context& context_;
  const ConstructLocalConstraint& constraint_;
  SiteWordPtr stable_;  // null before the first
  Sequence seen_ = 0;   // somebody has everything up to here
  std::uint64_t attempt_ = 0;
  Sequence asked_at_ = 0;  // the own aru when it was last told
  SiteId elsewhere_ = 0;
  std::uint32_t ticks_ = 0;
  std::map<ServerId, std::uint32_t> answered_;           // since the last tick
  std::set<std::pair<Sequence, crypto::Digest>> asked_;  // of the wanted payloads
};

}  // namespace steward::hierarchy
