// How a site lies to other sites, when all its servers do.

#include "common/check.h"
#include "crypto/merkle.h"
#include "sim/attacks.h"

namespace steward::sim {
namespace {

// Changes what the site says to each other one, and signs it as the site would.
class LyingSite : public Strategy {
 public:
  explicit LyingSite(SiteSeal seal) : seal_(std::move(seal)) {}

  void send(const Scene& scene, Parcel parcel, std::vector<Parcel>& out) override {
    wire::SiteData data;
    const bool speaks = parcel.message.kind == wire::KIND_SITE_DATA &&
                        parcel.to.site != scene.self.site &&
                        data.ParseFromString(parcel.message.body);
    if (speaks && alter_all(parcel.to.site, data)) {
      sign(data);
      parcel.message.body = data.SerializeAsString();
    }
    out.push_back(std::move(parcel));
  }

 private:
  // True when it has changed the message; equal messages in the same way.
  virtual bool alter(SiteId to, wire::AgreementMessage& body, Bytes& attachment) const = 0;

  bool alter_all(SiteId to, wire::SiteData& data) const {
    bool any = false;
    for (wire::Leaf& leaf : *data.mutable_leaves()) {
      wire::AgreementMessage body;
      const bool message = leaf.type() == wire::LEAF_MESSAGE && body.ParseFromString(leaf.body());
      if (!message || !alter(to, body, *leaf.mutable_attachment())) continue;
      leaf.set_body(body.SerializeAsString());
      any = true;
    }
    return any;
  }

  // A tree of these leaves alone.
  void sign(wire::SiteData& data) const {
    std::vector<crypto::Digest> hashes;
    for (wire::Leaf& leaf : *data.mutable_leaves()) {
      leaf.set_index(static_cast<std::uint32_t>(hashes.size()));
      hashes.push_back(crypto::merkle_leaf(wire::leaf_statement(seal_.domain, data.site(), leaf)));
    }
    const auto count = static_cast<std::uint32_t>(hashes.size());
    const crypto::MerkleTree tree(std::move(hashes));
    for (wire::Leaf& leaf : *data.mutable_leaves()) {
      leaf.clear_path();
      for (const crypto::Digest& step : tree.path(leaf.index())) leaf.add_path(step.str());
    }
    data.set_leaf_count(count);
    data.set_root(tree.root().str());
    const Bytes statement =
        wire::site_statement(seal_.domain, data.site(), data.batch(), count, tree.root());
    std::vector<crypto::SignatureShare> parts;
    for (ServerIndex server = 0; server < seal_.key->threshold(); ++server) {
      parts.push_back({server, seal_.shares[server]->share(statement)});
    }
    auto signature = seal_.key->combine(statement, parts);
    STEWARD_CHECK(signature.ok());
    data.set_signature(*signature);
  }

  const SiteSeal seal_;
};

class SilentLeaderSite final : public LyingSite {
 public:
  using LyingSite::LyingSite;
  std::string name() const override { return "silent leader site"; }

 private:
  bool alter(SiteId /*to*/, wire::AgreementMessage& body, Bytes& attachment) const override {
    if (!body.has_pre_prepare() && !body.has_new_view()) return false;
    body.mutable_status();
    attachment.clear();
    return true;
  }
};

class EquivocatingSite final : public LyingSite {
 public:
  using LyingSite::LyingSite;
  std::string name() const override { return "equivocating site"; }

 private:
  // Its last update as often as the site's number says.
  bool alter(SiteId to, wire::AgreementMessage& body, Bytes& attachment) const override {
    if (!body.has_pre_prepare()) return false;
    const auto batch = wire::decode_batch(attachment);
    if (!batch || (*batch)->items.empty()) return false;
    std::vector<Bytes> items = (*batch)->items;
    const Bytes last = items.back();
    items.insert(items.end(), to, last);
    const wire::BatchPtr other = wire::make_batch(std::move(items));
    body.mutable_pre_prepare()->set_digest(other->digest.str());
    attachment = other->encoded;
    return true;
  }
};

class StarveSite final : public Strategy {
 public:
  explicit StarveSite(SiteId site) : site_(site) {}
  std::string name() const override { return "starve a site"; }

  Frame receive(const Scene& scene, ServerId from, Frame frame) override {
    wire::Envelope envelope;
    if (from.site == scene.self.site || !envelope.ParseFromString(*frame)) return frame;
    if (envelope.kind() == wire::KIND_FORWARD && from.site == site_) return nullptr;
    wire::SiteData data;
    if (envelope.kind() != wire::KIND_SITE_DATA || !data.ParseFromString(envelope.body())) {
      return frame;
    }
    for (const wire::Leaf& leaf : data.leaves()) {
      if (leaf.type() == wire::LEAF_UPDATE) return nullptr;
    }
    return frame;
  }

 private:
  const SiteId site_;
};

}  // namespace

StrategyPtr silent_leader_site(SiteSeal seal) {
  return std::make_unique<SilentLeaderSite>(std::move(seal));
}
StrategyPtr equivocating_site(SiteSeal seal) {
  return std::make_unique<EquivocatingSite>(std::move(seal));
}
StrategyPtr starve_site(SiteId site) { return std::make_unique<StarveSite>(site); }

}  // namespace steward::sim
