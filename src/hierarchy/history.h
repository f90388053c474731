// What a server knows of each sequence: Local_History and Global_History of the journal paper in
// one (SPEC 1.4). Evidence of the current global view is the local history; what is older, the
// global one. Every change is a record, durable before what it lets the server say.
//
// A slot holds at once: the server's own vote in its site; the prepare certificate of the current
// global view; the best one of earlier global views, which goes on to count until the sequence is
// ordered (that a prepare certificate crosses global views is what SPEC 1.10 shows the need of);
// the Proposal of the highest global view; the newest Accept of each site. A Proposal and enough
// Accepts of its view order the batch: from then on the slot does not change.
//
// Not thread-safe.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <vector>

#include "agreement/core.h"
#include "hierarchy/messages.h"

namespace steward::hierarchy {

using Appends = std::vector<agreement::Append>;

class History {
 public:
  struct Vote {
    ViewPair view;
    crypto::Digest digest;
  };
  struct Slot {
    std::optional<Vote> vote;
    std::optional<Evidence> prepared;
    std::optional<Evidence> prepared_before;
    SiteWordPtr proposal;  // its batch is in `batches`
    std::map<SiteId, SiteWordPtr> accepts;
    bool ordered = false;
    std::map<std::uint8_t, wire::BatchPtr> batches;  // by number of their records
  };

  // Once, before anything else: the records, and up to where the state holds everything already.
  // False: not what this class wrote.
  bool load(std::span<const agreement::Record> records, Sequence executed);

  // Everything up to here is ordered, and was handed out by take_ordered().
  Sequence aru() const { return aru_; }
  Sequence horizon() const { return horizon_; }  // what lies up to here is forgotten
  bool ordered(Sequence n) const;
  const Slot* find(Sequence n) const;
  const std::map<Sequence, Slot>& slots() const { return slots_; }
  wire::BatchPtr batch(Sequence n, const crypto::Digest& digest) const;

  // Evidence of this global view, then of any: the highest; nullopt where there is none.
  std::optional<Evidence> local(Sequence n, View global) const;
  std::optional<Evidence> best(Sequence n) const;

  void keep_batch(Sequence n, const wire::BatchPtr& batch, Appends& out);
  void vote(Sequence n, const Vote& vote, Appends& out);
  void prepare(Sequence n, Evidence certificate, Appends& out);
  // Kept if it is of a higher view than the one there; true if so.
  bool propose(Sequence n, const SiteWordPtr& proposal, Appends& out);
  bool accept(Sequence n, const SiteWordPtr& accept);  // durable with order()
  // The Accepts that count with the Proposal of the slot.
  std::vector<SiteWordPtr> agreeing(Sequence n) const;
  // This Proposal and these Accepts order it.
  void order(Sequence n, const SiteWordPtr& proposal, const std::vector<SiteWordPtr>& accepts,
             Appends& out);
  // The next that is ordered and whose batch is here.
  std::optional<agreement::Commit> take_ordered();

  // What was prepared in the global view that is left counts as prepared before.
  void leave_global_view(Appends& out);
  // Of the sequences above `base`, exactly this counts as prepared in this global view.
  void replace_local(Sequence base, View global, const EvidenceBySequence& evidence, Appends& out);

  // The state holds everything up to n.
  void skip_to(Sequence n);
  // Forgets everything up to n; its records are for the caller to truncate.
  void forget(Sequence n);

 private:
  void put(Sequence n, std::uint8_t kind, Bytes data, Appends& out) const;
  void put_evidence(Sequence n, std::uint8_t kind, const std::optional<Evidence>& evidence,
                    Appends& out) const;
  bool load_one(const agreement::Record& record);

  std::map<Sequence, Slot> slots_;
  Sequence aru_ = 0;
  Sequence horizon_ = 0;
};

// The digest that a Proposal or an Accept is for; it was checked to be one.
crypto::Digest digest_of(const SiteWord& word);

}  // namespace steward::hierarchy
