// For tests: ideal keys for a cluster, client updates, and logical machines whose outputs can be
// carried from one to the other without servers in between. One thread.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "crypto/ideal.h"
#include "crypto/key_directory.h"
#include "site/logical_machine.h"
#include "wire/client.pb.h"

namespace steward::site::testing {

inline ClusterConfig cluster(std::uint32_t sites, std::uint32_t servers, LocalProtocol local,
                             WideProtocol wide) {
  ClusterConfig config;
  config.name = "test";
  config.wide = wide;
  config.site_faults = (sites - 1) / (wide == WideProtocol::kPbft ? 3 : 2);
  config.ordering.wide_checkpoint_interval = 8;
  for (SiteId site = 0; site < sites; ++site) {
    SiteConfig& each = config.sites.emplace_back();
    each.name = "site" + std::to_string(site);
    each.protocol = local;
    each.servers.resize(servers);
    each.faults = (servers - 1) / (local == LocalProtocol::kPbft ? 3 : 2);
  }
  return config;
}

struct Keys {
  std::shared_ptr<const crypto::KeyDirectory> directory;
  std::map<ServerId, std::shared_ptr<const crypto::Signer>> servers;
  std::vector<std::vector<crypto::SiteKeySharePtr>> shares;  // by site and server
  std::shared_ptr<const crypto::Signer> client;
  std::shared_ptr<const crypto::Signer> other_client;
  wire::Domain domain;

  Bytes site_signature(SiteId site, BytesView statement) const {
    const crypto::SitePublicKey& key = *directory->sites[site].site;
    std::vector<crypto::SignatureShare> parts;
    for (ServerIndex server = 0; server < key.threshold(); ++server) {
      parts.push_back({server, shares[site][server]->share(statement)});
    }
    return key.combine(statement, parts).value();
  }
};

inline Keys make_keys(const ClusterConfig& config) {
  const crypto::IdealAuthority authority(7);
  Keys keys;
  auto directory = std::make_shared<crypto::KeyDirectory>();
  directory->signatures = authority.verifier();
  for (SiteId site = 0; site < config.sites.size(); ++site) {
    const SiteConfig& each = config.sites[site];
    const auto servers = static_cast<std::uint32_t>(each.servers.size());
    const Quorums quorums = each.quorums();
    auto made = authority.site(each.name, quorums.byzantine ? quorums.quorum() : 1, servers, 64);
    crypto::SiteKeys& site_keys = directory->sites.emplace_back();
    site_keys.site = made.key;
    keys.shares.push_back(made.servers);
    for (ServerIndex server = 0; server < servers; ++server) {
      const ServerId id{site, server};
      keys.servers[id] = authority.signer("server " + to_string(id));
      site_keys.servers.push_back(keys.servers[id]->public_key());
    }
  }
  keys.client = authority.signer("client");
  keys.other_client = authority.signer("other client");
  directory->clients = {keys.client->public_key(), keys.other_client->public_key()};
  keys.domain = {directory->cluster_id().str(), config.epoch};
  keys.directory = std::move(directory);
  return keys;
}

// The bytes of a SignedUpdate.
inline Bytes signed_update(const Keys& keys, const crypto::Signer& signer, std::uint64_t session,
                           std::uint64_t timestamp, const Bytes& payload) {
  wire::Update update;
  update.set_client(signer.public_key());
  update.set_session(session);
  update.set_timestamp(timestamp);
  update.set_payload(payload);
  wire::SignedUpdate out;
  out.set_update(update.SerializeAsString());
  out.set_signature(signer.sign(wire::client_statement(keys.domain, out.update())));
  return out.SerializeAsString();
}

// Remembers what was executed; its state is a hash over all of it.
class RecordingApplication : public Application {
 public:
  void execute(Sequence sequence, const wire::BatchPtr& batch) override {
    EXPECT_EQ(sequence, executed_.size() + 1);
    executed_.push_back(batch->digest);
    updates_.insert(updates_.end(), batch->items.begin(), batch->items.end());
    for (const Bytes& update : batch->items) {
      if (const auto key = update_key(update)) keys_.insert(*key);
    }
    state_ = crypto::sha256_parts({state_.view(), batch->digest.view()});
  }
  crypto::Digest checkpoint() override { return state_; }
  bool settled(const UpdateKey& key) const override { return keys_.contains(key); }

  const std::vector<crypto::Digest>& executed() const { return executed_; }
  const std::vector<Bytes>& updates() const { return updates_; }

 private:
  std::vector<crypto::Digest> executed_;
  std::vector<Bytes> updates_;
  std::set<UpdateKey> keys_;
  crypto::Digest state_;
};

// What a forwarder would send of this machine: everything unacknowledged towards `to`, one
// SiteData for each signing batch, and the latest acknowledgement by itself at the end.
inline std::vector<wire::SiteData> outgoing(const LogicalMachine& machine, const Keys& keys,
                                            SiteId self, SiteId to) {
  std::vector<wire::SiteData> out;
  const auto add = [&](const blink::OutMessage& message, std::uint32_t destination) {
    if (out.empty() || out.back().batch() != message.batch) {
      wire::SiteData& data = out.emplace_back();
      data.set_site(self);
      data.set_batch(message.batch);
      data.set_leaf_count(message.leaf_count);
      data.set_root(message.root.str());
      data.set_signature(
          keys.site_signature(self, wire::site_statement(keys.domain, self, message.batch,
                                                         message.leaf_count, message.root)));
    }
    *out.back().add_leaves() = blink::to_leaf(message, destination);
  };
  for (const blink::OutMessage& message : machine.links().at(to).unacknowledged()) {
    add(message, to);
  }
  if (machine.latest_ack()) add(*machine.latest_ack(), blink::kEverySite);
  return out;
}

// Events as items of a local batch.
inline Bytes event(const wire::SiteData& data) {
  wire::LmEvent event;
  *event.mutable_site_data() = data;
  return event.SerializeAsString();
}
inline Bytes event_of_update(const Bytes& update) {
  wire::LmEvent event;
  event.set_client_update(update);
  return event.SerializeAsString();
}
// With the word of these servers, as far as a machine looks at it.
inline Bytes event_of_timeout(std::uint64_t timer, std::uint64_t generation,
                              const std::set<ServerIndex>& servers = {}) {
  wire::LmEvent event;
  event.mutable_timeout()->set_timer(timer);
  event.mutable_timeout()->set_generation(generation);
  for (const ServerIndex server : servers) {
    wire::SignedHeader header;
    header.set_server(server);
    event.mutable_timeout()->add_proofs(header.SerializeAsString());
  }
  return event.SerializeAsString();
}

}  // namespace steward::site::testing
