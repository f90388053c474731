// The replicated and the private side of a renewal together, over real BLS keys: servers that see
// the same log, some of them lying, late or away.
#include "site/key_refresh.h"

#include <gtest/gtest.h>

#include <deque>
#include <functional>

#include "common/check.h"
#include "crypto/bls.h"
#include "crypto/site_scheme.h"
#include "crypto/testing/lying_deal.h"
#include "site/share_keeper.h"

namespace steward::site {
namespace {

using Phase = KeyRefresh::Phase;

// One site. Messages of servers are ordered as they come; each server executes the log when told.
class Site {
 public:
  Site(std::uint32_t servers, std::uint32_t faults)
      : quorums_{servers, faults, true},
        deal_(crypto::deal_bls(quorums_.quorum(), servers).value()) {
    for (ServerIndex self = 0; self < servers; ++self) {
      servers_.push_back(fresh_server(self, deal_.shares[self], deal_.shares[self]->encoded()));
      follow(self);
    }
  }

  void order(std::uint64_t epoch) {
    log_.emplace_back([epoch](KeyRefresh& refresh) { return refresh.on_order(epoch); });
  }
  void phase_timer() {
    log_.emplace_back([](KeyRefresh& refresh) { return refresh.on_phase_timer(); });
  }
  void say(ServerIndex from, wire::RefreshMessage message) {
    log_.emplace_back([from, message = std::move(message)](KeyRefresh& refresh) {
      return refresh.on_message(from, message);
    });
  }

  // Everybody who is not away executes all there is, and what follows from it.
  void run() {
    for (bool any = true; any;) {
      any = false;
      for (ServerIndex self = 0; self < servers_.size(); ++self) {
        if (!away.contains(self)) any = execute(self) || any;
      }
    }
  }
  // With those who never answer, each phase ends by its timer.
  void settle() {
    run();
    for (int phase = 0; phase < 2 && refresh().phase() != Phase::kIdle; ++phase) {
      phase_timer();
      run();
    }
  }
  bool execute(ServerIndex self) {
    if (servers_[self]->executed == log_.size()) return false;
    while (servers_[self]->executed < log_.size()) {
      Server& server = *servers_[self];
      const char* rejected = log_[server.executed++](server.refresh);
      if (rejected != nullptr && self == 0) rejections.emplace_back(rejected);
      server.refresh.check_invariants();
      follow(self);
      // Not for ever: a restarted server deals anew, which is one more thing to execute.
      const bool due = restart_every != 0 && ++executions_ % restart_every == 0;
      if (due && executions_ < 60) restart(self);
    }
    return true;
  }
  void follow(ServerIndex self) {
    KeeperActions actions;
    servers_[self]->keeper.follow(servers_[self]->refresh, actions);
    apply(self, std::move(actions));
  }

  const crypto::BlsPublicKey& key() const { return *deal_.key; }
  const KeyRefresh& refresh(ServerIndex self = 0) const { return servers_[self]->refresh; }
  crypto::ShareEpoch epoch(ServerIndex self) const { return servers_[self]->keeper.epoch(); }

  // From its share file and its state, saved and loaded.
  void restart(ServerIndex self) {
    Server& server = *servers_[self];
    PageChanges changes;
    server.refresh.collect(changes, 100);
    std::map<PageKey, Bytes> pages;
    for (const auto& [key, content] : changes) pages[key] = content.value();
    const crypto::SiteKeySharePtr share = stored(self);
    auto fresh = fresh_server(self, share, std::move(server.file));
    fresh->executed = server.executed;
    ASSERT_TRUE(fresh->refresh.load(pages, 100));
    servers_[self] = std::move(fresh);
    follow(self);
  }
  crypto::SiteKeySharePtr stored(ServerIndex self) const {
    return deal_.key->decode_share(self, servers_[self]->file.view());
  }

  // Do these servers sign with what they hold now?
  bool sign(const std::vector<ServerIndex>& signers) const {
    std::vector<crypto::SignatureShare> shares;
    for (const ServerIndex self : signers) {
      const SigningKeysPtr& keys = servers_[self]->keys;
      if (!keys->share) return false;
      shares.push_back({self, keys->share->share("message")});
      if (!keys->key->verify_share("message", shares.back())) return false;
    }
    const auto signature = deal_.key->combine("message", shares);
    return signature.ok() && deal_.key->verify("message", *signature);
  }

  // What a server says may be changed on its way, or (nullopt) kept back.
  std::function<std::optional<wire::RefreshMessage>(ServerIndex, wire::RefreshMessage)> tamper;
  std::set<ServerIndex> away;
  std::size_t restart_every = 0;        // executions, of all servers together; 0: never
  std::vector<std::string> rejections;  // of server 0

 private:
  struct Server {
    KeyRefresh refresh;
    ShareKeeper keeper;
    crypto::SecretBytes file;
    SigningKeysPtr keys;
    std::size_t executed = 0;
  };

  std::unique_ptr<Server> fresh_server(ServerIndex self, crypto::SiteKeySharePtr share,
                                       crypto::SecretBytes file) {
    return std::make_unique<Server>(Server{KeyRefresh(deal_.key, quorums_, domain_, 0),
                                           ShareKeeper(self, std::move(share)), std::move(file),
                                           nullptr});
  }

  void apply(ServerIndex self, KeeperActions actions) {
    Server& server = *servers_[self];
    if (actions.new_share) server.file = std::move(*actions.new_share);
    if (actions.keys) server.keys = *actions.keys;
    for (wire::RefreshMessage& message : actions.messages) {
      std::optional<wire::RefreshMessage> sent = std::move(message);
      if (tamper) sent = tamper(self, std::move(*sent));
      if (sent) say(self, std::move(*sent));
    }
    for (const SigningJob& job : actions.jobs) {
      Bytes entropy(32, static_cast<char>(self));
      append_u64(entropy, ++jobs_);
      KeeperActions more;
      server.keeper.on_result(server.refresh, run_signing_job(job, entropy), more);
      apply(self, std::move(more));
    }
  }

  const Quorums quorums_;
  const wire::Domain domain_{"cluster", 0};
  const crypto::BlsKeyDeal deal_;
  std::vector<std::unique_ptr<Server>> servers_;
  std::vector<std::function<const char*(KeyRefresh&)>> log_;
  std::uint64_t jobs_ = 0;
  std::size_t executions_ = 0;
};

// `dealer` cheats `holder`.
auto cheat(const Site& site, ServerIndex dealer, ServerIndex holder) {
  return [=, &site](ServerIndex from, wire::RefreshMessage message) {
    if (from == dealer && message.has_deal()) {
      const Bytes context = site.refresh().context(message.deal().share_epoch());
      message.mutable_deal()->set_deal(
          crypto::testing::lying_deal(site.key(), dealer, context, holder).deal);
    }
    return std::optional(std::move(message));
  };
}

TEST(KeyRefresh, AllSharesAreRenewedAndTheKeyStays) {
  Site site(4, 1);
  for (std::uint64_t epoch = 0; epoch < 3; ++epoch) {
    site.order(epoch);
    site.run();
    EXPECT_EQ(site.refresh().key()->epoch(), epoch + 1);
    EXPECT_EQ(site.refresh().phase(), Phase::kIdle);
    for (ServerIndex self = 0; self < 4; ++self) {
      EXPECT_EQ(site.epoch(self), epoch + 1);
      EXPECT_EQ(site.stored(self)->epoch(), epoch + 1);
    }
    EXPECT_TRUE(site.sign({0, 1, 2}));
    EXPECT_TRUE(site.sign({3, 1, 0}));
  }
  EXPECT_EQ(site.refresh().completed(), 3u);
  EXPECT_TRUE(site.refresh().cheats().empty());
}

TEST(KeyRefresh, OldSharesAreOfNoUse) {
  Site site(4, 1);
  const auto old = site.stored(2);
  site.order(0);
  site.run();
  const auto& key = site.refresh().key();
  const crypto::SignatureShare stale{2, old->share("message")};
  EXPECT_FALSE(key->verify_share("message", stale));
  const std::vector<crypto::SignatureShare> mixed = {
      {0, site.stored(0)->share("message")}, {1, site.stored(1)->share("message")}, stale};
  const auto signature = key->combine("message", mixed);
  EXPECT_TRUE(!signature.ok() || !key->verify("message", *signature));
  EXPECT_FALSE(crypto::decode_site_share(key, 2, old->encoded().view()).ok());
}

TEST(KeyRefresh, AnOrderServesOnce) {
  Site site(4, 1);
  site.order(0);
  site.order(0);
  site.run();
  site.order(0);
  site.run();
  EXPECT_EQ(site.refresh().key()->epoch(), 1u);
  ASSERT_EQ(site.rejections.size(), 2u);
  EXPECT_EQ(site.rejections[0], "refresh order: under way already");
  EXPECT_EQ(site.rejections[1], "refresh order: for another epoch");
}

TEST(KeyRefresh, ASilentDealerIsPassedOverByTheTimer) {
  Site site(4, 1);
  site.tamper = [](ServerIndex from, wire::RefreshMessage message) {
    return from == 3 ? std::nullopt : std::optional(std::move(message));
  };
  site.order(0);
  site.run();
  EXPECT_EQ(site.refresh().phase(), Phase::kDealing);
  site.settle();
  EXPECT_EQ(site.refresh().key()->epoch(), 1u);
  EXPECT_TRUE(site.sign({0, 1, 3}));  // it has a share all the same
}

TEST(KeyRefresh, WithTooFewDealersItIsAbandonedAndMayBeginAgain) {
  Site site(4, 1);
  site.away = {2, 3};
  site.order(0);
  site.run();
  for (int i = 0; i < 10; ++i) site.phase_timer();
  site.run();
  EXPECT_EQ(site.refresh().phase(), Phase::kIdle);
  EXPECT_EQ(site.refresh().abandoned(), 1u);
  EXPECT_EQ(site.refresh().key()->epoch(), 0u);
  site.away.clear();
  site.run();
  EXPECT_TRUE(site.sign({0, 1, 2}));
  site.order(0);
  site.run();
  EXPECT_EQ(site.refresh().key()->epoch(), 1u);
  EXPECT_TRUE(site.sign({1, 2, 3}));
}

TEST(KeyRefresh, ADealThatCheatsOneServerDoesNotCountAndItsDealerIsNamed) {
  Site site(4, 1);
  site.tamper = cheat(site, 1, 2);
  site.order(0);
  site.run();
  EXPECT_EQ(site.refresh().key()->epoch(), 1u);
  using Cheat = std::pair<crypto::ShareEpoch, ServerIndex>;
  EXPECT_EQ(site.refresh().cheats(), (std::vector<Cheat>{{1, 1}}));
  EXPECT_TRUE(site.sign({0, 2, 3}));
  EXPECT_TRUE(site.sign({1, 2, 3}));
}

TEST(KeyRefresh, AFalseComplaintHarmsNobody) {
  Site site(4, 1);
  site.tamper = [](ServerIndex from, wire::RefreshMessage message) {
    if (from == 3 && message.has_done()) {
      wire::RefreshMessage complaint;
      complaint.mutable_complaint()->set_share_epoch(1);
      complaint.mutable_complaint()->set_dealer(0);
      complaint.mutable_complaint()->set_complaint(Bytes(112, 'x'));
      return std::optional(complaint);
    }
    return std::optional(std::move(message));
  };
  site.order(0);
  site.settle();
  EXPECT_EQ(site.refresh().key()->epoch(), 1u);
  EXPECT_TRUE(site.refresh().cheats().empty());
  EXPECT_TRUE(site.sign({0, 1, 2}));
}

TEST(KeyRefresh, AServerThatWasAwayFindsItsShareInTheLog) {
  Site site(4, 1);
  site.away = {2};
  for (std::uint64_t epoch = 0; epoch < 3; ++epoch) {
    site.order(epoch);
    site.settle();
  }
  EXPECT_EQ(site.refresh().key()->epoch(), 3u);
  EXPECT_EQ(site.stored(2)->epoch(), 0u);
  site.away.clear();
  site.run();
  EXPECT_EQ(site.stored(2)->epoch(), 3u);
  EXPECT_TRUE(site.sign({0, 1, 2}));
}

// The one who was cheated slept: the others have changed the epoch with the liar's deal in it, and
// the liar signs nothing. Without the slow one there is no quorum; its complaint brings it back.
TEST(KeyRefresh, ALateComplaintTakesTheDealBackOut) {
  Site site(4, 1);
  site.tamper = cheat(site, 1, 2);
  site.away = {2};
  site.order(0);
  site.settle();
  EXPECT_EQ(site.refresh().key()->epoch(), 1u);
  site.away.clear();
  site.run();
  EXPECT_EQ(site.refresh().key()->epoch(), 2u);
  for (ServerIndex self = 0; self < 4; ++self) EXPECT_EQ(site.stored(self)->epoch(), 2u) << self;
  EXPECT_TRUE(site.sign({0, 2, 3}));
  using Cheat = std::pair<crypto::ShareEpoch, ServerIndex>;
  EXPECT_EQ(site.refresh().cheats(), (std::vector<Cheat>{{1, 1}}));
}

TEST(KeyRefresh, RestartsAtAnyMomentLoseNothing) {
  for (std::size_t every = 1; every < 8; ++every) {
    Site site(4, 1);
    site.tamper = cheat(site, 1, 2);
    site.restart_every = every;
    site.order(0);
    site.settle();
    EXPECT_EQ(site.refresh().key()->epoch(), 1u) << every;
    for (ServerIndex self = 0; self < 4; ++self) site.restart(self);
    EXPECT_TRUE(site.sign({0, 2, 3})) << every;
    EXPECT_TRUE(site.sign({1, 2, 3})) << every;
  }
}

TEST(KeyRefresh, SixteenServersWithFiveLiars) {
  Site site(16, 5);
  site.tamper = [&site](ServerIndex from, wire::RefreshMessage message) {
    if (from >= 11 && from < 13) return std::optional<wire::RefreshMessage>();
    if (from >= 13) return cheat(site, from, from - 13)(from, std::move(message));
    return std::optional(std::move(message));
  };
  site.order(0);
  site.settle();
  EXPECT_EQ(site.refresh().key()->epoch(), 1u);
  EXPECT_EQ(site.refresh().cheats().size(), 3u);
  EXPECT_TRUE(site.sign({0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}));
}

TEST(KeyRefresh, AKeyThatCannotBeRenewedSaysSo) {
  const crypto::SiteKeySpec spec{"ed25519-multi", 4, 3, 0};
  const auto deal = crypto::deal_site_key(spec).value();
  KeyRefresh refresh(deal.key, {4, 1, true}, {"cluster", 0}, 0);
  EXPECT_FALSE(refresh.possible());
  EXPECT_NE(refresh.on_order(0), nullptr);
  PageChanges changes;
  refresh.collect(changes, 0);
  EXPECT_TRUE(changes.empty());
}

}  // namespace
}  // namespace steward::site
