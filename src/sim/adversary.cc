#include "sim/adversary.h"

#include <utility>

namespace steward::sim {
namespace {

class Face final : public Strategy {
 public:
  Face(std::shared_ptr<const std::set<ServerId>> second_peers, bool second)
      : second_peers_(std::move(second_peers)), second_(second) {}
  std::string name() const override { return "twin"; }

  void send(const Scene& scene, Parcel parcel, std::vector<Parcel>& out) override {
    const bool own = parcel.to == scene.self || second_peers_->contains(parcel.to) == second_;
    if (own) out.push_back(std::move(parcel));
  }

 private:
  const std::shared_ptr<const std::set<ServerId>> second_peers_;
  const bool second_;
};

}  // namespace

StrategyPtr make_face(std::shared_ptr<const std::set<ServerId>> second_peers, bool second) {
  return std::make_unique<Face>(std::move(second_peers), second);
}

void Strategy::send(const Scene& /*scene*/, Parcel parcel, std::vector<Parcel>& out) {
  out.push_back(std::move(parcel));
}

Frame Strategy::receive(const Scene& /*scene*/, ServerId /*from*/, Frame frame) { return frame; }

Frame Strategy::receive_from_client(const Scene& /*scene*/, const Bytes& /*client*/, Frame frame) {
  return frame;
}

std::optional<wire::ClientMessage> Strategy::answer(const Scene& /*scene*/,
                                                    wire::ClientMessage answer) {
  return answer;
}

Adversary::Adversary(const ClusterConfig& config, Random random,
                     std::vector<StrategyPtr> strategies)
    : config_(config), random_(random), strategies_(std::move(strategies)) {}

std::vector<Parcel> Adversary::send(ServerId self, Duration now, const replica::Outgoing& outgoing,
                                    std::function<Bytes(wire::Kind kind, BytesView body)> sign) {
  std::vector<Parcel> parcels;
  for (const ServerId to : outgoing.to) parcels.push_back({to, outgoing});
  if (outgoing.to_self) parcels.push_back({self, outgoing});
  Scene here = scene(self, now);
  here.sign = std::move(sign);
  for (const StrategyPtr& strategy : strategies_) {
    std::vector<Parcel> out;
    for (Parcel& parcel : parcels) strategy->send(here, std::move(parcel), out);
    parcels = std::move(out);
  }
  return parcels;
}

Frame Adversary::receive(ServerId self, Duration now, ServerId from, Frame frame) {
  const Scene here = scene(self, now);
  for (const StrategyPtr& strategy : strategies_) {
    if (frame) frame = strategy->receive(here, from, std::move(frame));
  }
  return frame;
}

Frame Adversary::receive_from_client(ServerId self, Duration now, const Bytes& client,
                                     Frame frame) {
  const Scene here = scene(self, now);
  for (const StrategyPtr& strategy : strategies_) {
    if (frame) frame = strategy->receive_from_client(here, client, std::move(frame));
  }
  return frame;
}

std::optional<wire::ClientMessage> Adversary::answer(ServerId self, Duration now,
                                                     wire::ClientMessage answer) {
  const Scene here = scene(self, now);
  std::optional<wire::ClientMessage> told = std::move(answer);
  for (const StrategyPtr& strategy : strategies_) {
    if (told) told = strategy->answer(here, std::move(*told));
  }
  return told;
}

std::string Adversary::name() const {
  std::string out;
  for (const StrategyPtr& strategy : strategies_) {
    if (!out.empty()) out += ", ";
    out += strategy->name();
  }
  return out;
}

std::optional<wire::AgreementMessage> agreement_in(const replica::Outgoing& message) {
  const bool agreement =
      message.kind == wire::KIND_AGREEMENT || message.kind == wire::KIND_VIEW_CHANGE;
  wire::AgreementMessage body;
  if (!agreement || !body.ParseFromString(message.body)) return std::nullopt;
  return body;
}

void put_agreement(const wire::AgreementMessage& body, replica::Outgoing& message) {
  message.body = body.SerializeAsString();
}

Parcel agreement_parcel(ServerId to, const wire::AgreementMessage& body) {
  const bool about_views = body.has_view_change() || body.has_new_view() || body.has_evidence();
  replica::Outgoing message;
  message.kind = about_views ? wire::KIND_VIEW_CHANGE : wire::KIND_AGREEMENT;
  message.sign = !body.has_evidence();
  put_agreement(body, message);
  return {to, std::move(message)};
}

wire::BatchPtr other_batch(const wire::Batch& batch) {
  std::vector<Bytes> items = batch.items;
  if (items.empty()) return nullptr;
  items.pop_back();
  return wire::make_batch(std::move(items));
}

}  // namespace steward::sim
