// What a change of view is decided from: the ViewChanges of a quorum, and the plan that follows
// from them (docs/protocols.md, section 2). Plain values and pure rules; not thread-safe.
#pragma once

#include <map>
#include <memory>
#include <span>

#include "agreement/ordered_log.h"

namespace steward::agreement {

// Another peer's ViewChange, or the own one, as it came in.
struct HeldViewChange {
  PeerId peer = 0;
  wire::ViewChange body;
  Bytes header;           // empty without signatures
  crypto::Digest digest;  // of `body`
};
using HeldViewChangePtr = std::shared_ptr<const HeldViewChange>;

HeldViewChangePtr hold(PeerId peer, wire::ViewChange body, Bytes header);

// A NewView, and of the view changes that it names those that are here.
struct HeldNewView {
  View view = 0;
  PeerId from = 0;
  Bytes header;
  std::map<PeerId, crypto::Digest> named;
  std::map<PeerId, HeldViewChangePtr> held;

  bool complete() const { return held.size() == named.size(); }
};

// What a new view has to propose before anything new.
struct Plan {
  Sequence base = 0;                         // up to here a checkpoint speaks for all batches
  Sequence last = 0;                         // at least base
  std::map<Sequence, crypto::Digest> bound;  // every sequence in (base, last]
  wire::StableCheckpoint checkpoint;         // at base
  PeerId holder = 0;                         // who showed it

  bool allows(Sequence n, const crypto::Digest& digest) const;
};

// Of `view`, by what this peer's log holds.
wire::ViewChange make_view_change(View view, const OrderedLog& log, const Options& options);

// Are sequences, views and sizes as a correct peer's are? Signatures are the verifier's concern.
bool well_formed(const wire::ViewChange& in, const Options& options);

// The same for the same view changes, whatever their order. All are well formed.
Plan make_plan(const std::map<PeerId, HeldViewChangePtr>& view_changes);

// The empty batch, which fills a gap.
wire::BatchPtr null_batch();

wire::AgreementMessage body_of(const HeldNewView& new_view);
wire::AgreementMessage body_of(const wire::ViewChange& view_change);
wire::AgreementMessage evidence(const Bytes& header);

// For records and saved cores. The readers return false for what they cannot read.
wire::ViewRecord to_record(const HeldNewView& new_view);
bool from_record(const wire::ViewRecord& record, HeldNewView& new_view);

}  // namespace steward::agreement
