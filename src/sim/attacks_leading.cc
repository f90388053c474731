// How servers lie about what is to be ordered: as leaders of their site, and as if they were.

#include <map>
#include <utility>

#include "sim/attacks.h"

namespace steward::sim {
namespace {

// An update that its client did not sign: `encoded` with another payload.
std::optional<Bytes> forged_update(const Bytes& encoded) {
  wire::SignedUpdate outer;
  wire::Update update;
  if (!outer.ParseFromString(encoded) || !update.ParseFromString(outer.update())) {
    return std::nullopt;
  }
  update.set_payload(update.payload() + "!");
  outer.set_update(update.SerializeAsString());
  return outer.SerializeAsString();
}

// Shows all others alike, in some slots, another batch than its own protocol decided on: one with
// fewer updates, an earlier one, or one with a forged update. What a new view binds is no
// exception.
class OverrideProposals final : public Strategy {
 public:
  explicit OverrideProposals(bool forge) : forge_(forge) {}
  std::string name() const override {
    return forge_ ? "propose forged updates" : "override proposals";
  }
  void send(const Scene& scene, Parcel parcel, std::vector<Parcel>& out) override {
    auto body = agreement_in(parcel.message);
    if (body && parcel.to != scene.self) {
      if (body->has_pre_prepare()) propose(scene, *body->mutable_pre_prepare(), parcel.message);
      if (body->has_commit()) follow(*body->mutable_commit());
      put_agreement(*body, parcel.message);
    }
    out.push_back(std::move(parcel));
  }

 private:
  using Place = std::tuple<View, Sequence, Bytes>;  // and the digest of what it stands for
  static constexpr std::size_t kPlaces = 1024;

  void propose(const Scene& scene, wire::PrePrepare& proposal, replica::Outgoing& message) {
    if (!message.attachment) return;
    const Place place{proposal.view(), proposal.sequence(), proposal.digest()};
    const auto [at, first] = shown_.emplace(place, nullptr);
    if (first && scene.random.below(2) == 0) at->second = another(*message.attachment);
    if (!message.attachment->items.empty()) earlier_ = message.attachment;
    if (at->second) {
      proposal.set_digest(at->second->digest.str());
      message.attachment = at->second;
    }
    if (shown_.size() > kPlaces) shown_.erase(shown_.begin());
  }
  wire::BatchPtr another(const wire::Batch& batch) const {
    if (!forge_) return batch.items.empty() ? earlier_ : other_batch(batch);
    std::vector<Bytes> items = batch.items;
    if (items.empty()) return nullptr;
    const auto forged = forged_update(items.back());
    if (!forged) return nullptr;
    items.back() = *forged;
    return wire::make_batch(std::move(items));
  }
  void follow(wire::Commit& vote) const {
    const auto shown = shown_.find({vote.view(), vote.sequence(), vote.digest()});
    if (shown != shown_.end() && shown->second) vote.set_digest(shown->second->digest.str());
  }

  const bool forge_;
  wire::BatchPtr earlier_;
  std::map<Place, wire::BatchPtr> shown_;  // null: what it stands for itself
};

// With each vote it proposes an empty batch for the next slot, although another leads, to those of
// odd index, and votes for it.
class Usurp final : public Strategy {
 public:
  std::string name() const override { return "usurp"; }
  void send(const Scene& scene, Parcel parcel, std::vector<Parcel>& out) override {
    const ServerId to = parcel.to;
    const auto body = agreement_in(parcel.message);
    out.push_back(std::move(parcel));
    if (!body || !body->has_prepare() || to == scene.self || to.server % 2 == 0) return;
    const wire::BatchPtr batch = wire::make_batch({});
    wire::AgreementMessage proposal;
    fill(body->prepare(), *batch, *proposal.mutable_pre_prepare());
    Parcel own = agreement_parcel(to, proposal);
    own.message.attachment = batch;
    out.push_back(std::move(own));
    wire::AgreementMessage echo;
    fill(body->prepare(), *batch, *echo.mutable_prepare());
    out.push_back(agreement_parcel(to, echo));
  }

 private:
  template <class Vote>
  static void fill(const wire::Prepare& now, const wire::Batch& batch, Vote& vote) {
    vote.set_view(now.view());
    vote.set_sequence(now.sequence() + 1);
    vote.set_digest(batch.digest.str());
  }
};

// Passes on updates that no client signed, in place of those that one did.
class ForwardForgeries final : public Strategy {
 public:
  std::string name() const override { return "forward forgeries"; }
  void send(const Scene& scene, Parcel parcel, std::vector<Parcel>& out) override {
    wire::Forward forward;
    const bool forwards = parcel.message.kind == wire::KIND_FORWARD && parcel.to != scene.self &&
                          forward.ParseFromString(parcel.message.body);
    if (forwards) {
      for (Bytes& update : *forward.mutable_updates()) {
        const auto forged = forged_update(update);
        if (forged && scene.random.below(2) == 0) update = *forged;
      }
      parcel.message.body = forward.SerializeAsString();
    }
    out.push_back(std::move(parcel));
  }
};

}  // namespace

StrategyPtr override_proposals(bool forge) { return std::make_unique<OverrideProposals>(forge); }
StrategyPtr usurp() { return std::make_unique<Usurp>(); }
StrategyPtr forward_forgeries() { return std::make_unique<ForwardForgeries>(); }

}  // namespace steward::sim
