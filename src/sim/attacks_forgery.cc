// How servers claim what nobody said: certificates and view changes in the names of others.

#include <utility>

#include "sim/attacks.h"

namespace steward::sim {
namespace {

// Claims in passing, to one peer each.
class ForgeCertificates final : public Strategy {
 public:
  std::string name() const override { return "forge certificates"; }

  void send(const Scene& scene, Parcel parcel, std::vector<Parcel>& out) override {
    const ServerId to = parcel.to;
    auto body = agreement_in(parcel.message);
    if (body && body->has_view_change() && to != scene.self) {
      claim_prepared(scene, *body->mutable_view_change());
      put_agreement(*body, parcel.message);
    }
    out.push_back(std::move(parcel));
    if (!body || !body->has_commit() || to == scene.self || scene.random.below(4) != 0) return;
    out.push_back(forged(scene, to, body->commit()));
  }

 private:
  static constexpr Sequence kClaimed = 8;

  static Parcel forged(const Scene& scene, ServerId to, const wire::Commit& now) {
    const std::uint64_t choice = scene.random.below(4);
    if (choice == 0) return passed_on(scene, to, now.view() + 1);
    if (choice == 1) return checkpoint(scene, to, now.sequence());
    return committed(scene, to, now);
  }

  // That an empty batch was committed.
  static Parcel committed(const Scene& scene, ServerId to, const wire::Commit& now) {
    const wire::BatchPtr batch = wire::make_batch({});
    wire::AgreementMessage vote;
    vote.mutable_commit()->set_view(now.view());
    vote.mutable_commit()->set_sequence(now.sequence() + scene.random.below(3));
    vote.mutable_commit()->set_digest(batch->digest.str());
    wire::AgreementMessage body;
    wire::Committed& claim = *body.mutable_committed();
    claim.set_view(vote.commit().view());
    claim.set_sequence(vote.commit().sequence());
    claim.set_digest(vote.commit().digest());
    add_proofs(scene, vote.SerializeAsString(), *claim.mutable_proofs());
    Parcel parcel = agreement_parcel(to, body);
    parcel.message.sign = false;
    parcel.message.attachment = batch;
    return parcel;
  }

  // That a state which nobody has is stable.
  static Parcel checkpoint(const Scene& scene, ServerId to, Sequence now) {
    const Sequence interval = scene.config.ordering.checkpoint_interval;
    wire::AgreementMessage vote;
    vote.mutable_checkpoint()->set_sequence((now / interval + 1) * interval);
    vote.mutable_checkpoint()->set_digest(crypto::sha256("a state that is not").str());
    wire::AgreementMessage body;
    wire::StableCheckpoint& claim = *body.mutable_stable_checkpoint();
    claim.set_sequence(vote.checkpoint().sequence());
    claim.set_digest(vote.checkpoint().digest());
    add_proofs(scene, vote.SerializeAsString(), *claim.mutable_proofs());
    Parcel parcel = agreement_parcel(to, body);
    parcel.message.sign = false;
    return parcel;
  }

  // That another server gave the view up, and had nothing prepared.
  static Parcel passed_on(const Scene& scene, ServerId to, View view) {
    wire::AgreementMessage said;
    said.mutable_view_change()->set_view(view);
    wire::AgreementMessage body;
    const auto servers =
        static_cast<std::uint32_t>(scene.config.sites[scene.self.site].servers.size());
    const auto other = static_cast<ServerIndex>(
        (scene.self.server + 1 + scene.random.below(servers - 1)) % servers);
    body.mutable_evidence()->set_header(
        in_the_name_of(scene, other, said.SerializeAsString(), junk(scene)).SerializeAsString());
    return agreement_parcel(to, body);
  }

  // That empty batches were prepared, in the last view before this one.
  static void claim_prepared(const Scene& scene, wire::ViewChange& view_change) {
    const Quorums quorums = scene.config.sites[scene.self.site].quorums();
    if (view_change.view() == 0 || scene.random.below(2) == 0) return;
    view_change.clear_candidates();
    for (Sequence ahead = 1; ahead <= kClaimed; ++ahead) {
      wire::Candidate& claim = *view_change.add_candidates();
      claim.set_view(view_change.view() - 1);
      claim.set_sequence(view_change.checkpoint().sequence() + ahead);
      claim.set_digest(wire::make_batch({})->digest.str());
      wire::AgreementMessage proposal;
      fill(claim, *proposal.mutable_pre_prepare());
      wire::AgreementMessage echo;
      fill(claim, *echo.mutable_prepare());
      for (std::uint32_t i = 0; i < quorums.quorum(); ++i) {
        const auto server = static_cast<ServerIndex>((claim.view() + i) % quorums.peers);
        const Bytes said = (i == 0 ? proposal : echo).SerializeAsString();
        *claim.add_proofs() = in_the_name_of(scene, server, said, junk(scene)).SerializeAsString();
      }
    }
  }
  template <class Vote>
  static void fill(const wire::Candidate& claim, Vote& vote) {
    vote.set_view(claim.view());
    vote.set_sequence(claim.sequence());
    vote.set_digest(claim.digest());
  }

  // As many as it takes: the own word once, or again and again, and words of others, all but the
  // own without a right signature; or the own alone.
  template <class Proofs>
  static void add_proofs(const Scene& scene, const Bytes& vote, Proofs& proofs) {
    const SiteConfig& site = scene.config.sites[scene.self.site];
    const auto servers = static_cast<std::uint32_t>(site.servers.size());
    const Bytes own = scene.sign(wire::KIND_AGREEMENT, vote);
    const std::uint64_t choice = scene.random.below(4);
    const std::uint32_t count = choice == 0 ? 1 : site.quorums().quorum();
    for (std::uint32_t i = 0; i < count; ++i) {
      const bool same = i == 0 || choice == 1;
      const ServerIndex server = same ? scene.self.server : (scene.self.server + i) % servers;
      const Bytes signature = same || choice == 2 ? own : junk(scene);
      *proofs.Add() = in_the_name_of(scene, server, vote, signature).SerializeAsString();
    }
  }

  static wire::SignedHeader in_the_name_of(const Scene& scene, ServerIndex server,
                                           const Bytes& body, const Bytes& signature) {
    wire::SignedHeader header;
    header.set_site(scene.self.site);
    header.set_server(server);
    header.set_body(body);
    header.set_signature(signature);
    return header;
  }

  static Bytes junk(const Scene& scene) {
    const Bytes half = crypto::sha256(std::to_string(scene.random.next())).str();
    return half + half;
  }
};

// Promises a snapshot, and gives nothing of it.
class WithholdState final : public Strategy {
 public:
  std::string name() const override { return "withhold state"; }
  void send(const Scene& /*scene*/, Parcel parcel, std::vector<Parcel>& out) override {
    const wire::Kind kind = parcel.message.kind;
    const bool state = kind == wire::KIND_STATE;
    if (!state) out.push_back(std::move(parcel));
  }
};

}  // namespace

StrategyPtr forge_certificates() { return std::make_unique<ForgeCertificates>(); }
StrategyPtr withhold_state() { return std::make_unique<WithholdState>(); }

}  // namespace steward::sim
