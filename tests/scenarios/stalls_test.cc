// Ways in which one liar, or faults one after the other, stop a site for ever: what each needs is
// within what a site of four tolerates, so work has to go on within a bound.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "sim/adversary.h"
#include "sim/testing/world_case.h"
#include "wire/limits.h"

namespace steward::sim {
namespace {

// The time-outs of two views, and the suspicion of a queue that is passed over.
constexpr Duration kLeaderReplaced = 12s;

class Stalls : public WorldCase {};

// --- view changes that nobody can complete

// Says nothing but one view change for each view to come, to its leader alone, who is quick to
// count it and thus names it. `Spoil` makes one of the others unable to accept it.
class NamedByTheLeader : public Strategy {
 public:
  Frame receive(const Scene& /*scene*/, ServerId /*from*/, Frame frame) override {
    wire::Envelope envelope;
    wire::AgreementMessage body;
    const bool about_views = envelope.ParseFromString(*frame) &&
                             envelope.kind() == wire::KIND_VIEW_CHANGE &&
                             body.ParseFromString(envelope.body()) && body.has_view_change();
    if (about_views) seen_ = std::max(seen_, View{body.view_change().view()});
    return frame;
  }
  void send(const Scene& scene, Parcel parcel, std::vector<Parcel>& out) override {
    if (parcel.to == scene.self) out.push_back(std::move(parcel));
    if (done_ > seen_) return;
    done_ = seen_ + 1;
    const ServerId leader{scene.self.site, static_cast<ServerIndex>(done_ % 4)};
    if (leader != scene.self) spoil(scene, done_, leader, out);
  }

 protected:
  virtual void spoil(const Scene& scene, View view, ServerId leader, std::vector<Parcel>& out) = 0;

 private:
  View seen_ = 0;
  View done_ = 0;
};

// As large as a view change may be: with what it takes to pass it on it is larger.
class TooLargeToPassOn final : public NamedByTheLeader {
 public:
  std::string name() const override { return "view changes too large to be passed on"; }

 protected:
  void spoil(const Scene& scene, View view, ServerId leader, std::vector<Parcel>& out) override {
    const std::size_t most =
        limits::max_view_change_bytes(3, scene.config.ordering.checkpoint_interval);
    wire::AgreementMessage body;
    body.mutable_view_change()->set_view(view);
    Bytes& padding = *body.mutable_view_change()->mutable_checkpoint()->mutable_digest();
    padding.resize(most - 64);
    padding.resize(padding.size() + most - body.ByteSizeLong());
    EXPECT_EQ(body.ByteSizeLong(), most);
    out.push_back(agreement_parcel(leader, body));
  }
};

// Tells another follower each time, again and again, that it has lost its memory since.
class RebornForSome final : public NamedByTheLeader {
 public:
  std::string name() const override { return "reborn, as some are told"; }
  void send(const Scene& scene, Parcel parcel, std::vector<Parcel>& out) override {
    NamedByTheLeader::send(scene, std::move(parcel), out);
    if (last_ == 0 || scene.now < said_at_ + 10ms) return;
    said_at_ = scene.now;
    wire::Introduction introduction;
    wire::Hello& hello = *introduction.mutable_hello();
    hello.set_recovering(true);
    hello.mutable_life()->set_incarnation(last_);
    hello.mutable_life()->set_since(last_);
    hello.mutable_life()->set_nonce(last_);
    Parcel told{other_, {}};
    told.message.kind = wire::KIND_INTRODUCTION;
    told.message.sign = true;
    told.message.body = introduction.SerializeAsString();
    out.push_back(std::move(told));
  }

 protected:
  void spoil(const Scene& scene, View view, ServerId leader, std::vector<Parcel>& out) override {
    wire::AgreementMessage body;
    body.mutable_view_change()->set_view(view);
    body.mutable_view_change()->set_since(told_[leader]);
    out.push_back(agreement_parcel(leader, body));
    other_ = {scene.self.site, leader.server == 3 ? 1U : 3U};
    last_ = std::max<std::uint64_t>(last_, 1000) + 1;
    told_[other_] = last_;
  }

 private:
  std::map<ServerId, std::uint64_t> told_;
  ServerId other_;
  std::uint64_t last_ = 0;
  Duration said_at_{0};
};

TEST_F(Stalls, ALiarThatIsRebornForSomeHoldsNoViewUp) {
  make(test_cluster(1, 4));
  world_->run_for(1s);
  world_->corrupt({{0, 0}}, std::make_unique<RebornForSome>());
  expect_live(3 * kLeaderReplaced, 100);
}

TEST_F(Stalls, AViewChangeThatCannotBePassedOnHoldsNoViewUp) {
  make(test_cluster(1, 4));
  world_->run_for(1s);
  world_->corrupt({{0, 0}}, std::make_unique<TooLargeToPassOn>());
  expect_live(3 * kLeaderReplaced, 100);
}

// --- a local leader that passes over what is no client's and no link's queue

// Leads its site, and forwards to other sites, as long as these are not site 2; that others find
// its forwarding wanting it does not want to hear.
class DeafToTimers final : public Strategy {
 public:
  std::string name() const override { return "deaf to timers"; }
  void send(const Scene& /*scene*/, Parcel parcel, std::vector<Parcel>& out) override {
    const bool cut = parcel.message.kind == wire::KIND_SITE_DATA && parcel.to.site == 2;
    if (!cut) out.push_back(std::move(parcel));
  }
  Frame receive(const Scene& /*scene*/, ServerId /*from*/, Frame frame) override {
    wire::Envelope envelope;
    const bool timer =
        envelope.ParseFromString(*frame) && envelope.kind() == wire::KIND_TIMER_EXPIRED;
    return timer ? nullptr : frame;
  }
};

// Orders all that comes from other sites but their acknowledgements.
class DeafToAcknowledgements final : public Strategy {
 public:
  std::string name() const override { return "deaf to acknowledgements"; }
  Frame receive(const Scene& /*scene*/, ServerId /*from*/, Frame frame) override {
    return thinned<wire::SiteData>(frame, wire::KIND_SITE_DATA, [](wire::SiteData& data) {
      auto& leaves = *data.mutable_leaves();
      leaves.erase(std::remove_if(leaves.begin(), leaves.end(),
                                  [](const auto& leaf) { return leaf.type() == wire::LEAF_ACK; }),
                   leaves.end());
      return !leaves.empty();
    });
  }
};

ClusterConfig three_sites() {
  ClusterConfig config = test_cluster(3, 4);
  config.timeouts.link = 1s;
  return config;
}

TEST_F(Stalls, ALeaderThatOrdersNoTimeOutsIsReplaced) {
  make(three_sites(), 2);
  world_->run_for(1s);
  world_->corrupt({{0, 0}}, std::make_unique<DeafToTimers>());
  world_->run_for(config_.timeouts.fair * 2 + kLeaderReplaced);
  const Sequence before = server({2, 1}).executed();
  world_->run_for(5s);
  EXPECT_GT(server({2, 1}).executed(), before) << where_they_are();
}

TEST_F(Stalls, ALeaderThatOrdersNoAcknowledgementsIsReplaced) {
  make(three_sites());
  world_->run_for(1s);
  world_->corrupt({{0, 0}}, std::make_unique<DeafToAcknowledgements>());
  expect_live(config_.timeouts.fair * 3 + kLeaderReplaced, 100);
}

// --- a fetch of what is no longer needed, nor to be had

// Leads, gives no snapshots, and tells a victim of proposals and stable checkpoints alone; in the
// end it says nothing more.
class FetchInVain final : public Strategy {
 public:
  struct Plan {
    std::optional<ServerId> victim;
    bool mute = false;
  };
  explicit FetchInVain(std::shared_ptr<const Plan> plan) : plan_(std::move(plan)) {}
  std::string name() const override { return "fetch in vain"; }
  void send(const Scene& scene, Parcel parcel, std::vector<Parcel>& out) override {
    if (parcel.to != scene.self) {
      const wire::Kind kind = parcel.message.kind;
      if (plan_->mute || kind == wire::KIND_STATE) return;
      const auto body = agreement_in(parcel.message);
      const bool told = body && (body->has_pre_prepare() || body->has_stable_checkpoint());
      if (parcel.to == plan_->victim && body && !told) return;
    }
    out.push_back(std::move(parcel));
  }

 private:
  const std::shared_ptr<const Plan> plan_;
};

TEST_F(Stalls, WhoCaughtUpWithBatchesFetchesNoMoreAndSuspectsAgain) {
  ClusterConfig config = test_cluster(1, 4);
  config.ordering.checkpoint_interval = 4;
  make(config, 1, 45ms);
  world_->run_for(1s);
  const auto plan = std::make_shared<FetchInVain::Plan>();
  world_->corrupt({{0, 0}}, std::make_unique<FetchInVain>(plan));
  for (int round = 0; round < 6; ++round) {
    for (const ServerIndex victim : {2U, 3U}) {
      const Block block{{{0, 1}, {0, 5 - victim}}, {{0, victim}}, true};
      world_->inject(block);
      plan->victim = ServerId{0, victim};
      world_->run_for(380ms + round * 10ms);
      world_->inject(*ended(block));
      plan->victim.reset();
      world_->run_for(4s);
      EXPECT_EQ(server({0, victim}).executed(), server({0, 1}).executed());
    }
  }
  EXPECT_EQ(server({0, 1}).status().local_view(), 0U);
  plan->mute = true;
  expect_live(3 * kLeaderReplaced, 20);
}

// --- faults of one server after the other, never two at a time

TEST_F(Stalls, TwoServersInTurnLoseTheirDisksInOneView) {
  ClusterConfig config = test_cluster(1, 4);
  config.ordering.checkpoint_interval = 16;
  make(config, 2, 40ms);
  world_->run_for(1s);
  world_->inject(Crash{{0, 0}});  // the others go to view 1
  world_->run_for(kLeaderReplaced);
  world_->inject(Restart{{0, 0}});
  world_->run_for(2s);
  for (const ServerIndex forgetful : {2U, 3U}) {
    const ServerId id{0, forgetful};
    world_->inject(Wipe{id});
    world_->inject(Restart{id});
    const Duration limit = world_->now() + 40s;
    world_->run_for(1s);
    while (!server(id).voting() && world_->now() < limit) world_->run_for(10ms);
    EXPECT_TRUE(server(id).voting()) << id.server << "\n" << where_they_are();
    world_->run_for(2s);
  }
}

// A life that only one server has heard of, then a lost disk: that one server knows better than
// those that the readmission begins with.
class OneKnowsBetter : public Stalls, public testing::WithParamInterface<ServerIndex> {
 protected:
  void SetUp() override {
    ClusterConfig config = test_cluster(1, 4);
    config.ordering.checkpoint_interval = 16;
    make(config);
    world_->run_for(2s);
    world_->inject(Crash{kForgetful});
    const Block most{{kForgetful}, {{0, 1}, {0, 2}}, true};
    world_->inject(most);
    world_->inject(Restart{kForgetful});
    world_->run_for(50ms);
    ASSERT_FALSE(server(kForgetful).voting());
    world_->inject(*ended(most));
    world_->inject(Wipe{kForgetful});
    const Block one{{kForgetful}, {{0, 0}}, true};
    world_->inject(one);
    world_->inject(Restart{kForgetful});
    world_->run_for(GetParam() * 1ms);
    world_->inject(*ended(one));
    const Duration limit = world_->now() + 120s;
    while (!server(kForgetful).voting() && world_->now() < limit) world_->run_for(10ms);
    ASSERT_TRUE(server(kForgetful).voting());
    world_->run_for(5s);
  }
  static constexpr ServerId kForgetful{0, 3};
};

TEST_P(OneKnowsBetter, AReadmittedServerIsThereWhenTheLeaderFails) {
  world_->inject(Crash{{0, 0}});
  expect_live(3 * kLeaderReplaced, 100);
}

TEST_P(OneKnowsBetter, AReadmittedServerIsThereWhenAnotherFails) {
  world_->inject(Crash{{0, 1}});
  expect_live(3 * kLeaderReplaced, 100);
}

INSTANTIATE_TEST_SUITE_P(Milliseconds, OneKnowsBetter, testing::Values(5, 20, 2000));

}  // namespace
}  // namespace steward::sim
