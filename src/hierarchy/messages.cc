#include "hierarchy/messages.h"

#include <tuple>

#include "wire/site.pb.h"

namespace steward::hierarchy {
namespace {

auto rank(const Evidence& evidence) {
  const bool ordered = evidence.kind == proto::EVIDENCE_ORDERED;
  return std::make_tuple(ordered, evidence.view.global, evidence.kind, evidence.view.local);
}

}  // namespace

bool outranks(const Evidence& one, const Evidence& other) { return rank(one) > rank(other); }

void take_maximum(EvidenceBySequence& into, Sequence sequence, Evidence evidence) {
  const auto [at, fresh] = into.try_emplace(sequence, evidence);
  if (!fresh && outranks(evidence, at->second)) at->second = std::move(evidence);
}

void encode(Sequence sequence, const Evidence& evidence, bool with_proofs, proto::Evidence& out) {
  out.set_sequence(sequence);
  out.set_kind(evidence.kind);
  out.set_global_view(evidence.view.global);
  out.set_local_view(evidence.view.local);
  out.set_digest(evidence.digest.str());
  if (!with_proofs) return;
  for (const Bytes& proof : evidence.proofs) out.add_proofs(proof);
}

std::optional<Evidence> decode(const proto::Evidence& encoded) {
  const auto digest = crypto::Digest::from(encoded.digest());
  const bool known = encoded.kind() == proto::EVIDENCE_PREPARED ||
                     encoded.kind() == proto::EVIDENCE_PROPOSED ||
                     encoded.kind() == proto::EVIDENCE_ORDERED;
  if (!digest || !known) return std::nullopt;
  return Evidence{encoded.kind(),
                  {encoded.global_view(), encoded.local_view()},
                  *digest,
                  {encoded.proofs().begin(), encoded.proofs().end()}};
}

std::optional<EvidenceBySequence> decode_all(
    const google::protobuf::RepeatedPtrField<proto::Evidence>& encoded) {
  EvidenceBySequence all;
  for (const proto::Evidence& one : encoded) {
    auto evidence = decode(one);
    if (!evidence || !all.emplace(one.sequence(), std::move(*evidence)).second) {
      return std::nullopt;
    }
  }
  return all;
}

SiteWordPtr read_certificate(const Bytes& certificate, wire::BatchPtr batch) {
  wire::SiteData data;
  auto word = std::make_shared<SiteWord>();
  const bool parsed = data.ParseFromString(certificate) && data.leaves_size() == 1 &&
                      word->body.ParseFromString(data.leaves(0).body());
  if (!parsed) return nullptr;
  word->site = data.site();
  word->certificate = certificate;
  word->batch = std::move(batch);
  return word;
}

}  // namespace steward::hierarchy
