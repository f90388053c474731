// How servers lie to the others of their site about agreement and views.

#include <algorithm>
#include <map>
#include <utility>

#include "sim/attacks.h"

namespace steward::sim {
namespace {

bool proposes(const wire::AgreementMessage& body) {
  return body.has_pre_prepare() || body.has_proposal();
}

class Mute final : public Strategy {
 public:
  std::string name() const override { return "mute"; }
  void send(const Scene& scene, Parcel parcel, std::vector<Parcel>& out) override {
    if (parcel.to == scene.self) out.push_back(std::move(parcel));
  }
  std::optional<wire::ClientMessage> answer(const Scene&, wire::ClientMessage) override {
    return std::nullopt;
  }
};

class SilentLeader final : public Strategy {
 public:
  std::string name() const override { return "silent leader"; }
  void send(const Scene& scene, Parcel parcel, std::vector<Parcel>& out) override {
    const auto body = agreement_in(parcel.message);
    const bool leads = body && (proposes(*body) || body->has_new_view());
    if (parcel.to == scene.self || !leads) out.push_back(std::move(parcel));
  }
};

// Peers of odd index are shown another batch than the rest.
class Equivocate final : public Strategy {
 public:
  std::string name() const override { return "equivocate"; }
  void send(const Scene& scene, Parcel parcel, std::vector<Parcel>& out) override {
    auto body = agreement_in(parcel.message);
    if (body && parcel.to != scene.self && parcel.to.server % 2 == 1) {
      if (body->has_pre_prepare()) {
        propose(scene.self, *body->mutable_pre_prepare(), parcel.message);
      }
      if (body->has_prepare()) vote(scene.self, *body->mutable_prepare());
      if (body->has_commit()) vote(scene.self, *body->mutable_commit());
      put_agreement(*body, parcel.message);
    }
    out.push_back(std::move(parcel));
  }

 private:
  using Place = std::tuple<SiteId, View, Sequence>;
  static constexpr std::size_t kPlaces = 1024;

  void propose(ServerId self, wire::PrePrepare& proposal, replica::Outgoing& message) {
    const wire::BatchPtr other = message.attachment ? other_batch(*message.attachment) : nullptr;
    if (!other) return;
    proposal.set_digest(other->digest.str());
    message.attachment = other;
    shown_[{self.site, proposal.view(), proposal.sequence()}] = other->digest.str();
    if (shown_.size() > kPlaces) shown_.erase(shown_.begin());
  }
  template <class Vote>
  void vote(ServerId self, Vote& vote) const {
    const auto shown = shown_.find({self.site, vote.view(), vote.sequence()});
    if (shown != shown_.end()) vote.set_digest(shown->second);
  }

  std::map<Place, Bytes> shown_;  // digests of the other batches
};

class DelayProposals final : public Strategy {
 public:
  explicit DelayProposals(Duration delay) : delay_(delay) {}
  std::string name() const override { return "delay proposals"; }
  void send(const Scene& scene, Parcel parcel, std::vector<Parcel>& out) override {
    const auto body = agreement_in(parcel.message);
    if (body && proposes(*body) && parcel.to != scene.self) parcel.delay += delay_;
    out.push_back(std::move(parcel));
  }

 private:
  const Duration delay_;
};

class WithholdBodies final : public Strategy {
 public:
  std::string name() const override { return "withhold bodies"; }
  void send(const Scene& scene, Parcel parcel, std::vector<Parcel>& out) override {
    const auto body = agreement_in(parcel.message);
    if (parcel.to == scene.self || !body) return out.push_back(std::move(parcel));
    if (body->has_batch_shown() || body->has_committed()) return;
    const SiteConfig& site = scene.config.sites[scene.self.site];
    const auto servers = static_cast<std::uint32_t>(site.servers.size());
    const std::uint32_t distance = (parcel.to.server + servers - scene.self.server) % servers;
    const bool in_the_dark = distance <= site.faults;
    if (in_the_dark && (proposes(*body) || body->has_new_view())) return;
    if (body->has_commit() && scene.random.below(2) == 0) return;
    out.push_back(std::move(parcel));
  }
};

class ForgeViewChanges final : public Strategy {
 public:
  std::string name() const override { return "forge view changes"; }
  void send(const Scene& scene, Parcel parcel, std::vector<Parcel>& out) override {
    auto body = agreement_in(parcel.message);
    if (!body || parcel.to == scene.self) return out.push_back(std::move(parcel));
    if (body->has_view_change()) {
      if (earlier_.size() < kEarlier) earlier_.push_back(*body);
      alter(scene, *body->mutable_view_change());
      put_agreement(*body, parcel.message);
    }
    const bool about_work = body->has_status() || body->has_commit();
    const View view = body->has_status() ? body->status().view() : body->commit().view();
    const ServerId to = parcel.to;
    out.push_back(std::move(parcel));
    if (about_work && scene.random.below(8) == 0) out.push_back(forged(scene, to, view));
  }

 private:
  static constexpr std::size_t kEarlier = 16;

  static View near_or_far(const Scene& scene, View view) {
    const std::uint64_t choice = scene.random.below(4);
    if (choice == 0) return view;
    if (choice == 1) return view + 1;
    return view + (choice == 2 ? scene.random.below(20) : scene.random.next() >> 1);
  }

  // Conceals all or some of what was prepared, claims another view, an older checkpoint.
  static void alter(const Scene& scene, wire::ViewChange& view_change) {
    const std::uint64_t choice = scene.random.below(4);
    if (choice <= 1) view_change.clear_candidates();
    if (choice == 1) view_change.clear_checkpoint();
    if (choice == 2 && view_change.candidates_size() > 0) {
      view_change.mutable_candidates()->RemoveLast();
    }
    if (choice == 3) view_change.set_view(near_or_far(scene, view_change.view()));
  }

  Parcel forged(const Scene& scene, ServerId to, View view) const {
    wire::AgreementMessage body;
    const std::uint64_t choice = scene.random.below(4);
    if (choice == 0 && !earlier_.empty()) {
      body = earlier_[scene.random.below(earlier_.size())];
    } else if (choice <= 2) {
      body.mutable_view_change()->set_view(near_or_far(scene, view));
    } else {
      wire::NewView& new_view = *body.mutable_new_view();
      new_view.set_view(near_or_far(scene, view));
      const SiteConfig& site = scene.config.sites[scene.self.site];
      for (std::uint32_t peer = 0; peer < site.quorums().quorum(); ++peer) {
        wire::ViewChangeRef& ref = *new_view.add_view_changes();
        ref.set_peer(peer);
        ref.set_digest(crypto::sha256(std::to_string(scene.random.next())).str());
      }
    }
    return agreement_parcel(to, body);
  }

  std::vector<wire::AgreementMessage> earlier_;
};

class Flood final : public Strategy {
 public:
  explicit Flood(std::uint32_t copies) : copies_(copies) {}
  std::string name() const override { return "flood"; }
  void send(const Scene& scene, Parcel parcel, std::vector<Parcel>& out) override {
    const ServerId to = parcel.to;
    out.push_back(std::move(parcel));
    if (to.site != scene.self.site || to == scene.self) return;
    for (std::uint32_t copy = 0; copy < copies_; ++copy) out.push_back(far_away(scene, to));
  }

 private:
  static std::uint64_t somewhere(const Scene& scene) {
    const std::uint64_t choice = scene.random.below(4);
    if (choice == 0) return ~0ULL;
    if (choice == 1) return scene.random.next();
    return scene.random.below(choice == 2 ? 64 : 4096);
  }
  template <class Vote>
  static void fill(const Scene& scene, Vote& vote) {
    vote.set_view(somewhere(scene));
    vote.set_sequence(somewhere(scene));
    vote.set_digest(crypto::sha256("a batch that is not").str());
  }
  template <class Message>
  static Parcel plain(ServerId to, wire::Kind kind, const Message& message, bool sign) {
    replica::Outgoing outgoing;
    outgoing.kind = kind;
    outgoing.sign = sign;
    outgoing.body = message.SerializeAsString();
    return {to, std::move(outgoing)};
  }

  static Parcel far_away(const Scene& scene, ServerId to) {
    wire::AgreementMessage body;
    const std::uint64_t choice = scene.random.below(9);
    if (choice == 0) fill(scene, *body.mutable_prepare());
    if (choice == 1) fill(scene, *body.mutable_commit());
    if (choice == 2) {
      body.mutable_checkpoint()->set_sequence(somewhere(scene));
      body.mutable_checkpoint()->set_digest(crypto::sha256("a state that is not").str());
    }
    if (choice == 3) {
      wire::Status& status = *body.mutable_status();
      status.set_view(somewhere(scene));
      status.set_committed(somewhere(scene));
      status.set_stable(somewhere(scene));
      status.set_changing(scene.random.below(2) == 0);
    }
    if (choice == 4) {
      body.mutable_fetch_batch()->set_sequence(somewhere(scene));
      body.mutable_fetch_batch()->set_digest(crypto::sha256("a batch that is not").str());
    }
    if (choice <= 4) {
      Parcel parcel = agreement_parcel(to, body);
      parcel.message.sign = choice <= 2;
      return parcel;
    }
    if (choice == 5) {
      wire::TimerExpired expired;
      expired.set_timer(somewhere(scene));
      expired.set_generation(somewhere(scene));
      return plain(to, wire::KIND_TIMER_EXPIRED, expired, true);
    }
    if (choice == 6) {
      wire::Share share;
      share.set_batch(somewhere(scene));
      share.set_share_epoch(somewhere(scene));
      share.set_share("no share");
      return plain(to, wire::KIND_SHARE, share, true);
    }
    if (choice == 7) {
      wire::ShareRequest request;
      request.set_batch(somewhere(scene));
      request.set_with_proof(true);
      return plain(to, wire::KIND_SHARE_REQUEST, request, false);
    }
    wire::StateRequest request;
    request.set_sequence(somewhere(scene));
    return plain(to, wire::KIND_STATE_REQUEST, request, false);
  }

  const std::uint32_t copies_;
};

// The updates of `client`, wherever they come from, do not reach the liar.
class CensorClient final : public Strategy {
 public:
  explicit CensorClient(Bytes client) : client_(std::move(client)) {}
  std::string name() const override { return "censor a client"; }

  Frame receive(const Scene& /*scene*/, ServerId /*from*/, Frame frame) override {
    return thinned<wire::Forward>(frame, wire::KIND_FORWARD, [this](wire::Forward& forward) {
      auto& updates = *forward.mutable_updates();
      updates.erase(std::remove_if(updates.begin(), updates.end(),
                                   [this](const Bytes& update) { return is_theirs(update); }),
                    updates.end());
      return !updates.empty();
    });
  }
  Frame receive_from_client(const Scene& /*scene*/, const Bytes& client, Frame frame) override {
    return client == client_ ? nullptr : frame;
  }

 private:
  bool is_theirs(const Bytes& encoded) const {
    wire::SignedUpdate outer;
    wire::Update update;
    return outer.ParseFromString(encoded) && update.ParseFromString(outer.update()) &&
           update.client() == client_;
  }

  const Bytes client_;
};

class CensorSite final : public Strategy {
 public:
  explicit CensorSite(SiteId site) : site_(site) {}
  std::string name() const override { return "censor a site"; }
  Frame receive(const Scene& /*scene*/, ServerId /*from*/, Frame frame) override {
    wire::Envelope envelope;
    wire::SiteData data;
    const bool theirs = envelope.ParseFromString(*frame) &&
                        envelope.kind() == wire::KIND_SITE_DATA &&
                        data.ParseFromString(envelope.body()) && data.site() == site_;
    return theirs ? nullptr : frame;
  }

 private:
  const SiteId site_;
};

}  // namespace

StrategyPtr mute() { return std::make_unique<Mute>(); }
StrategyPtr silent_leader() { return std::make_unique<SilentLeader>(); }
StrategyPtr equivocate() { return std::make_unique<Equivocate>(); }
StrategyPtr delay_proposals(Duration delay) { return std::make_unique<DelayProposals>(delay); }
StrategyPtr withhold_bodies() { return std::make_unique<WithholdBodies>(); }
StrategyPtr forge_view_changes() { return std::make_unique<ForgeViewChanges>(); }
StrategyPtr flood(std::uint32_t copies) { return std::make_unique<Flood>(copies); }
StrategyPtr censor_client(Bytes client) {
  return std::make_unique<CensorClient>(std::move(client));
}
StrategyPtr censor_site(SiteId site) { return std::make_unique<CensorSite>(site); }

}  // namespace steward::sim
