// The certificates that a site of wide PBFT sends are those that another site's verifier accepts.

#include <gtest/gtest.h>

#include "replica/server.h"
#include "replica/verifier.h"
#include "site/testing/sites.h"

namespace steward::replica {
namespace {

namespace test = site::testing;

class Sites {
 public:
  Sites() {
    for (SiteId site = 0; site < 4; ++site) {
      machines_.push_back(std::make_unique<site::LogicalMachine>(config, keys.domain, site, nullptr,
                                                                 applications_[site]));
    }
  }

  void execute(SiteId site, const std::vector<Bytes>& items) {
    site::LmOutputs out;
    machines_[site]->execute(machines_[site]->executed() + 1, *wire::make_batch(items), out);
    machines_[site]->check_invariants();
  }
  // What `from` has for `to`, through the verifier of `to`.
  std::vector<Bytes> carried(SiteId from, SiteId to) {
    const Verifier verifier(config, keys.directory, {to, 0});
    std::vector<Bytes> items;
    for (const wire::SiteData& data : test::outgoing(*machines_[from], keys, from, to)) {
      Outgoing outgoing;
      outgoing.kind = wire::KIND_SITE_DATA;
      outgoing.body = data.SerializeAsString();
      Work work;
      const auto result = verifier.from_server(
          {from, 1}, make_frame(outgoing, keys.domain, {from, 1}, *keys.servers.at({from, 1})),
          work);
      EXPECT_TRUE(result.ok()) << from << " to " << to << ": " << result.error().message;
      for (const wire::Leaf& leaf : data.leaves()) {
        wire::AgreementMessage body;
        if (leaf.type() != wire::LEAF_MESSAGE || !body.ParseFromString(leaf.body())) continue;
        certificates += body.has_committed() ? 1 : 0;
        checkpoints += body.has_stable_checkpoint() ? 1 : 0;
      }
      items.push_back(test::event(data));
    }
    return items;
  }
  // Everything among these sites arrives.
  void settle(const std::vector<SiteId>& among) {
    for (int round = 0; round < 6; ++round) {
      for (const SiteId to : among) {
        for (const SiteId from : among) {
          if (from != to) execute(to, carried(from, to));
        }
      }
    }
  }
  void propose(std::uint64_t batches) {
    for (; batches > 0; --batches) {
      execute(0, {test::event_of_update(
                     test::signed_update(keys, *keys.client, ++session_, 1, "payload"))});
    }
  }
  // A site that has nothing asks for everything, in a message of its own making.
  void ask(SiteId self, SiteId of) {
    wire::SiteData data;
    data.set_site(self);
    wire::AgreementMessage body;
    body.mutable_status();
    wire::Leaf* leaf = data.add_leaves();
    leaf->set_destination(of);
    leaf->set_link_sequence(machines_[of]->links().at(self).next_in());
    leaf->set_body(body.SerializeAsString());
    execute(of, {test::event(data)});
  }
  Sequence committed(SiteId site) const { return machines_[site]->wide().committed; }
  Sequence stable(SiteId site) const { return machines_[site]->wide().stable; }
  std::uint64_t held_back(SiteId site) const {
    const auto& counters = machines_[site]->rejections();
    const auto found = counters.find("wide certificate: not provable to others");
    return found == counters.end() ? 0 : found->second;
  }

  const ClusterConfig config = test::cluster(4, 4, LocalProtocol::kPbft, WideProtocol::kPbft);
  const test::Keys keys = test::make_keys(config);
  int certificates = 0;
  int checkpoints = 0;

 private:
  test::RecordingApplication applications_[4];
  std::vector<std::unique_ptr<site::LogicalMachine>> machines_;
  std::uint64_t session_ = 0;
};

TEST(WideCertificates, EveryCorrectSiteCanShowWhatWasCommitted) {
  Sites sites;
  sites.propose(10);
  sites.settle({0, 1, 2});  // site 3 is cut off
  for (SiteId site = 0; site < 3; ++site) {
    ASSERT_EQ(sites.committed(site), 10U);
    ASSERT_EQ(sites.stable(site), 8U);
  }
  for (SiteId site = 0; site < 3; ++site) {
    sites.certificates = sites.checkpoints = 0;
    sites.ask(3, site);
    (void)sites.carried(site, 3);
    EXPECT_GT(sites.certificates, 0) << site;
    EXPECT_EQ(sites.checkpoints, 1) << site;
    EXPECT_EQ(sites.held_back(site), 0U);
  }
}

// A site that missed the votes learns from certificates alone; what it then says itself is either
// acceptable or not said.
TEST(WideCertificates, ASiteThatLearnedFromOthersSendsNothingThatIsRefused) {
  Sites sites;
  sites.propose(6);
  sites.settle({0, 1, 2});
  sites.ask(3, 1);
  const auto from_1 = sites.carried(1, 3);
  EXPECT_GT(sites.certificates, 0);
  sites.execute(3, from_1);
  EXPECT_EQ(sites.committed(3), 6U);
  sites.certificates = 0;
  sites.ask(2, 3);
  (void)sites.carried(3, 2);
  EXPECT_EQ(static_cast<std::uint64_t>(sites.certificates) + sites.held_back(3), 6U);
}

}  // namespace
}  // namespace steward::replica
