// How servers lie about what the site signs, holds and tells: shares, snapshots, answers, site
// data, key renewals, accusations.

#include <map>
#include <utility>

#include "crypto/ideal.h"
#include "sim/attacks.h"

namespace steward::sim {
namespace {

void flip(Bytes& bytes, Random& random) {
  if (bytes.empty()) return bytes.push_back('x');
  char& one = bytes[random.below(bytes.size())];
  one = static_cast<char>(one ^ static_cast<char>(1 + random.below(255)));
}

template <class Message>
void put(const Message& message, replica::Outgoing& outgoing) {
  outgoing.body = message.SerializeAsString();
}

// Some shares are wrong, some of the wrong ones for some peers only, some without their proof.
class PoisonShares final : public Strategy {
 public:
  explicit PoisonShares(std::optional<ServerId> only_to) : only_to_(only_to) {}
  std::string name() const override { return "poison shares"; }
  void send(const Scene& scene, Parcel parcel, std::vector<Parcel>& out) override {
    wire::Share share;
    const bool victim = only_to_ ? parcel.to == *only_to_ : parcel.to != scene.self;
    const bool shares = parcel.message.kind == wire::KIND_SHARE && victim &&
                        share.ParseFromString(parcel.message.body);
    if (shares) {
      const std::uint64_t choice = scene.random.below(8);
      if (choice < 5) flip(*share.mutable_share(), scene.random);
      if (choice == 5) flip(*share.mutable_proof(), scene.random);
      if (choice == 6) share.clear_proof();
      put(share, parcel.message);
    }
    out.push_back(std::move(parcel));
  }

 private:
  const std::optional<ServerId> only_to_;
};

class LeaveSharesUnsigned final : public Strategy {
 public:
  std::string name() const override { return "leave shares unsigned"; }
  void send(const Scene& /*scene*/, Parcel parcel, std::vector<Parcel>& out) override {
    if (parcel.message.kind == wire::KIND_SHARE) parcel.message.sign = false;
    out.push_back(std::move(parcel));
  }
};

class LieInTransfer final : public Strategy {
 public:
  std::string name() const override { return "lie in transfer"; }
  void send(const Scene& scene, Parcel parcel, std::vector<Parcel>& out) override {
    wire::StateAnswer answer;
    if (parcel.message.kind == wire::KIND_STATE && answer.ParseFromString(parcel.message.body)) {
      alter(scene, answer);
      put(answer, parcel.message);
    }
    out.push_back(std::move(parcel));
  }

 private:
  static void alter(const Scene& scene, wire::StateAnswer& answer) {
    const std::uint64_t choice = scene.random.below(7);
    if (choice == 6) answer.set_lacking(true);
    if (choice == 0) answer.set_sequence(answer.sequence() + 1);
    if (choice == 1) answer.set_number(answer.number() - 1);
    if (choice == 2) return answer.clear_pages(), answer.clear_groups(), answer.clear_list();
    if (choice < 2) return;
    if (!answer.list().empty()) flip(*answer.mutable_list(), scene.random);
    alter_piece(scene, choice, *answer.mutable_groups(),
                [](wire::PageGroup& group) { return group.mutable_pages(); });
    alter_piece(scene, choice, *answer.mutable_pages(),
                [](wire::Page& page) { return page.mutable_content(); });
  }

  template <class Pieces, class Content>
  static void alter_piece(const Scene& scene, std::uint64_t choice, Pieces& pieces,
                          Content content) {
    if (pieces.empty()) return;
    const auto count = static_cast<std::uint64_t>(pieces.size());
    auto& one = *pieces.Mutable(static_cast<int>(scene.random.below(count)));
    if (choice == 3) one.set_key(one.key() + 1);
    if (choice == 4) *pieces.Add() = one;
    if (choice == 5) flip(*content(one), scene.random);
  }
};

class LieToClients final : public Strategy {
 public:
  std::string name() const override { return "lie to clients"; }
  std::optional<wire::ClientMessage> answer(const Scene& scene,
                                            wire::ClientMessage answer) override {
    const std::uint64_t choice = scene.random.below(4);
    if (answer.has_reply()) {
      wire::Reply& reply = *answer.mutable_reply();
      if (choice == 0) reply.set_sequence(reply.sequence() + 1);
      if (choice == 1) reply.set_outcome(wire::OUTCOME_SESSION_EXPIRED);
      if (choice >= 2) reply.set_result("lie");
    }
    if (answer.has_query_reply()) {
      wire::QueryReply& reply = *answer.mutable_query_reply();
      if (choice == 0) reply.set_sequence(~0ULL);
      if (choice == 1) reply.set_sequence(0);
      if (choice >= 2) reply.set_result("lie");
    }
    return answer;
  }
};

class WithholdSiteData final : public Strategy {
 public:
  std::string name() const override { return "withhold site data"; }
  void send(const Scene& scene, Parcel parcel, std::vector<Parcel>& out) override {
    const bool data = parcel.message.kind == wire::KIND_SITE_DATA;
    if (!data || parcel.to == scene.self) out.push_back(std::move(parcel));
  }
};

class LieInRenewal final : public Strategy {
 public:
  std::string name() const override { return "lie in renewal"; }
  // To itself as well: it may be the leader, who proposes its own deal.
  void send(const Scene& scene, Parcel parcel, std::vector<Parcel>& out) override {
    wire::RefreshMessage message;
    const bool renews =
        parcel.message.kind == wire::KIND_REFRESH && message.ParseFromString(parcel.message.body);
    if (renews && message.has_deal()) {
      const auto servers =
          static_cast<std::uint32_t>(scene.config.sites[scene.self.site].servers.size());
      const ServerIndex victim = (scene.self.server + 1) % servers;
      message.mutable_deal()->set_deal(
          crypto::ideal_deal(std::to_string(message.deal().share_epoch()), servers, {victim}));
    }
    if (renews && message.has_done() && scene.random.below(2) == 0) {
      flip(*message.mutable_done()->mutable_key_digest(), scene.random);
    }
    if (renews) put(message, parcel.message);
    const bool complains = renews && message.has_done() && parcel.to != scene.self;
    if (complains) out.push_back(complaint(scene, parcel, message.done().share_epoch()));
    out.push_back(std::move(parcel));
  }

 private:
  static Parcel complaint(const Scene& scene, const Parcel& like, std::uint64_t epoch) {
    wire::RefreshMessage message;
    wire::RefreshComplaint& complaint = *message.mutable_complaint();
    complaint.set_share_epoch(epoch);
    complaint.set_dealer(
        scene.self.server == 0 ? 1 : static_cast<std::uint32_t>(scene.self.server - 1));
    complaint.set_complaint("it is wrong");
    Parcel parcel = like;
    put(message, parcel.message);
    return parcel;
  }
};

class AccuseFalsely final : public Strategy {
 public:
  std::string name() const override { return "accuse falsely"; }

  Frame receive(const Scene& scene, ServerId from, Frame frame) override {
    wire::Envelope envelope;
    const bool shares = from.site == scene.self.site && envelope.ParseFromString(*frame) &&
                        envelope.kind() == wire::KIND_SHARE;
    if (!shares) return frame;
    wire::SignedHeader& header = shares_[from];
    header.set_site(envelope.site());
    header.set_server(envelope.server());
    header.set_body(envelope.body());
    header.set_signature(envelope.signature());
    return frame;
  }

  void send(const Scene& scene, Parcel parcel, std::vector<Parcel>& out) override {
    const ServerId to = parcel.to;
    out.push_back(std::move(parcel));
    if (to == scene.self || to.site != scene.self.site || scene.random.below(20) != 0) return;
    for (const auto& [accused, header] : shares_) {
      if (accused.site != to.site || accused == to) continue;
      replica::Outgoing accusation;
      accusation.kind = wire::KIND_ACCUSATION;
      accusation.body = header.SerializeAsString();
      out.push_back({to, std::move(accusation)});
    }
  }

 private:
  std::map<ServerId, wire::SignedHeader> shares_;  // the last of each
};

// With each status, for as far as the others may believe.
class WaitForEver final : public Strategy {
 public:
  explicit WaitForEver(bool leader_too) : leader_too_(leader_too) {}
  std::string name() const override { return "wait for ever"; }
  void send(const Scene& scene, Parcel parcel, std::vector<Parcel>& out) override {
    wire::AgreementMessage body;
    const ServerId to = parcel.to;
    const bool standing = parcel.message.kind == wire::KIND_AGREEMENT && to != scene.self &&
                          body.ParseFromString(parcel.message.body) && body.has_status();
    out.push_back(std::move(parcel));
    if (!standing) return;
    const std::size_t servers = scene.config.sites[scene.self.site].servers.size();
    if (!leader_too_ && body.status().view() % servers == to.server) return;
    const Sequence reach = 4 * Sequence{scene.config.ordering.checkpoint_interval};
    wire::Introduction introduction;
    introduction.mutable_awaited()->set_sequence(body.status().stable() + reach);
    replica::Outgoing asks;
    asks.kind = wire::KIND_INTRODUCTION;
    asks.body = introduction.SerializeAsString();
    out.push_back({to, std::move(asks)});
  }

 private:
  const bool leader_too_;
};

}  // namespace

StrategyPtr poison_shares(std::optional<ServerId> only_to) {
  return std::make_unique<PoisonShares>(only_to);
}
StrategyPtr leave_shares_unsigned() { return std::make_unique<LeaveSharesUnsigned>(); }
StrategyPtr lie_in_transfer() { return std::make_unique<LieInTransfer>(); }
StrategyPtr lie_to_clients() { return std::make_unique<LieToClients>(); }
StrategyPtr withhold_site_data() { return std::make_unique<WithholdSiteData>(); }
StrategyPtr lie_in_renewal() { return std::make_unique<LieInRenewal>(); }
StrategyPtr accuse_falsely() { return std::make_unique<AccuseFalsely>(); }
StrategyPtr wait_for_ever(bool leader_too) { return std::make_unique<WaitForEver>(leader_too); }

}  // namespace steward::sim
