// Byzantine servers: the real server with its own keys, and an adversary between it and the world.
// All servers that one adversary has corrupted share its strategies, thus know what each other
// knows. It sees what each of them is about to send, for each destination apart, and may drop,
// delay, change or add to it; what it changes is signed again with that server's own key. It may
// also withhold or change what reaches them, and change what they tell their clients. It knows
// virtual time and everybody's configuration, and no key but those of its servers.
//
// Deterministic: all chance comes from the seed it is made with. Not thread-safe.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "replica/server.h"
#include "sim/network.h"
#include "sim/random.h"

namespace steward::sim {

// One message on its way out of a corrupted server. `to` may be the server itself: then it is what
// the server's own protocol is told that it said. `to`, `to_self` and `promise` in `message` mean
// nothing here.
struct Parcel {
  ServerId to;
  replica::Outgoing message;
  Duration delay{0};
};

struct Scene {
  ServerId self;  // the corrupted server that speaks or hears
  Duration now{0};
  const ClusterConfig& config;
  Random& random;
  // With the own key, what it sends of this kind. Empty where it hears or answers.
  std::function<Bytes(wire::Kind kind, BytesView body)> sign = nullptr;
};

// One way to misbehave. By default all pass unchanged.
class Strategy {
 public:
  virtual ~Strategy() = default;
  virtual std::string name() const = 0;

  // Puts into `out` what leaves in place of `parcel`.
  virtual void send(const Scene& scene, Parcel parcel, std::vector<Parcel>& out);
  // What reaches the server in place of `frame`; null: nothing.
  virtual Frame receive(const Scene& scene, ServerId from, Frame frame);
  virtual Frame receive_from_client(const Scene& scene, const Bytes& client, Frame frame);
  // What a client is told in place of `answer`; nullopt: nothing.
  virtual std::optional<wire::ClientMessage> answer(const Scene& scene, wire::ClientMessage answer);
};
using StrategyPtr = std::unique_ptr<Strategy>;

class Adversary {
 public:
  // `config` outlives it. What leaves passes the strategies in order.
  Adversary(const ClusterConfig& config, Random random, std::vector<StrategyPtr> strategies);

  // What leaves `self` in place of `outgoing`, its word to itself included.
  std::vector<Parcel> send(ServerId self, Duration now, const replica::Outgoing& outgoing,
                           std::function<Bytes(wire::Kind kind, BytesView body)> sign);
  Frame receive(ServerId self, Duration now, ServerId from, Frame frame);
  Frame receive_from_client(ServerId self, Duration now, const Bytes& client, Frame frame);
  std::optional<wire::ClientMessage> answer(ServerId self, Duration now,
                                            wire::ClientMessage answer);

  std::string name() const;  // of all strategies, as people read it

 private:
  Scene scene(ServerId self, Duration now) { return {self, now, config_, random_, nullptr}; }

  const ClusterConfig& config_;
  Random random_;
  const std::vector<StrategyPtr> strategies_;
};

// One of two twins: talks only to the peers that `second_peers` says are its own.
StrategyPtr make_face(std::shared_ptr<const std::set<ServerId>> second_peers, bool second);

// --- What strategies are made of.

// The agreement message in `message`; nullopt for other kinds.
std::optional<wire::AgreementMessage> agreement_in(const replica::Outgoing& message);
void put_agreement(const wire::AgreementMessage& body, replica::Outgoing& message);
// A new agreement message to `to`, signed where its kind asks for that.
Parcel agreement_parcel(ServerId to, const wire::AgreementMessage& body);

// `frame`, but where it holds a `Message` of this kind what `thin` leaves of that; null where it
// returns false: nothing is left.
template <class Message, class Thin>
Frame thinned(Frame frame, wire::Kind kind, Thin thin) {
  wire::Envelope envelope;
  Message message;
  const bool meant = envelope.ParseFromString(*frame) && envelope.kind() == kind &&
                     message.ParseFromString(envelope.body());
  if (!meant) return frame;
  if (!thin(message)) return nullptr;
  envelope.set_body(message.SerializeAsString());
  return std::make_shared<const Bytes>(envelope.SerializeAsString());
}

// Another batch that verifies as well: without the last item of `batch`.
wire::BatchPtr other_batch(const wire::Batch& batch);

}  // namespace steward::sim
