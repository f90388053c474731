// What reaches a server's core of Steward (core.h), decoded and checked, and the evidence inside.
// Plain values.
//
// Evidence (SPEC 1.4) says that a batch may have been ordered at a sequence. What outranks what is
// the one precedence of the protocol: ordered, then the higher global view, then a Proposal of the
// site that led it, then the prepare certificate of the higher local view.
#pragma once

#include <compare>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "common/ids.h"
#include "crypto/sha256.h"
#include "wire/batch.h"
#include "wire/hierarchy.pb.h"
#include "wire/verified.h"

namespace steward::hierarchy {

namespace proto = wire::hierarchy;

// Who leads the sites, and who represents this one. A server's own never goes back.
struct ViewPair {
  View global = 0;
  View local = 0;
  auto operator<=>(const ViewPair&) const = default;
};

// What a site has signed.
struct SiteWord {
  SiteId site = 0;
  proto::SiteMessage body;
  Bytes certificate;     // wire::SiteData with this one leaf, without its attachment
  wire::BatchPtr batch;  // of a Proposal; null where it came without
};
using SiteWordPtr = std::shared_ptr<const SiteWord>;

// What a server of the own site has signed, shown by another one.
struct ServerWord {
  ServerIndex from = 0;
  proto::ServerMessage body;
  Bytes header;  // wire::SignedHeader
};

// From a server of the own site or, Standing, Ordered and payloads only, of another one. What is
// shown inside it has been checked and stands here decoded, in its order.
struct Message {
  ServerId from;
  proto::ServerMessage body;
  Bytes header;          // wire::SignedHeader, where it is signed
  wire::BatchPtr batch;  // of PrePrepare, Ordered, Payload: matches the digest
  std::vector<ServerWord> servers;
  std::vector<SiteWordPtr> sites;
};

using EvidenceKind = proto::EvidenceKind;

struct Evidence {
  EvidenceKind kind = proto::EVIDENCE_NONE;
  ViewPair view;
  crypto::Digest digest;
  std::vector<Bytes> proofs;  // may be left out where a site has signed for it
};
using EvidenceBySequence = std::map<Sequence, Evidence>;

bool outranks(const Evidence& one, const Evidence& other);
// Keeps the higher for each sequence.
void take_maximum(EvidenceBySequence& into, Sequence sequence, Evidence evidence);

void encode(Sequence sequence, const Evidence& evidence, bool with_proofs, proto::Evidence& out);
// Nullopt when a digest or kind is none.
std::optional<Evidence> decode(const proto::Evidence& encoded);
// All of it; nullopt when one piece is malformed or a sequence comes twice.
std::optional<EvidenceBySequence> decode_all(
    const google::protobuf::RepeatedPtrField<proto::Evidence>& encoded);

// A word again from its certificate, whose signature was checked when it came.
SiteWordPtr read_certificate(const Bytes& certificate, wire::BatchPtr batch);

}  // namespace steward::hierarchy
