#include "site/threshold_sign.h"

#include <gtest/gtest.h>

#include <deque>

#include "crypto/ideal.h"

namespace steward::site {
namespace {

constexpr BatchNumber kBatch = 5;

ThresholdSign::Statement statement(BatchNumber batch) {
  const Bytes bytes = "statement " + std::to_string(batch);
  return {bytes, crypto::sha256(bytes), 3};
}

SigningKeysPtr keys_of(const crypto::IdealSite& site, ServerIndex server) {
  return std::make_shared<const SigningKeys>(SigningKeys{site.key, site.servers[server]});
}

// The servers of one site, whose messages arrive at once and in order. A liar's shares are spoiled
// on their way out; `proves` says whether it answers a request for a proof.
class Site {
 public:
  Site(std::uint32_t servers, std::uint32_t threshold)
      : servers_(servers), keys_(crypto::IdealAuthority(1).site("site", threshold, servers)) {
    for (ServerIndex self = 0; self < servers; ++self) {
      machines_.emplace_back(ThresholdSign::Options{self, servers, threshold, false});
      SigningActions actions;
      machines_.back().set_keys(keys_of(keys_, self), actions);
    }
  }

  void start(ServerIndex server, BatchNumber batch = kBatch) {
    SigningActions actions;
    machines_[server].start(batch, statement(batch), actions);
    apply(server, std::move(actions));
  }
  void start_all(BatchNumber batch = kBatch) {
    for (ServerIndex server = 0; server < servers_; ++server) start(server, batch);
  }
  void want(ServerIndex server, BatchNumber batch = kBatch) {
    SigningActions actions;
    machines_[server].want(batch, actions);
    apply(server, std::move(actions));
  }
  void retry(ServerIndex server) {
    SigningActions actions;
    machines_[server].retry(actions);
    apply(server, std::move(actions));
  }
  void share(ServerIndex from, ServerIndex to, const wire::Share& share) {
    SigningActions actions;
    machines_[to].on_share(from, share, {}, actions);
    apply(to, std::move(actions));
  }
  bool is_signed(ServerIndex server, BatchNumber batch = kBatch) const {
    const Bytes* signature = machines_[server].signature(batch);
    return signature != nullptr && keys_.key->verify(statement(batch).bytes, *signature);
  }
  wire::Share right_share(ServerIndex from, BatchNumber batch, bool with_proof) const {
    wire::Share share;
    share.set_batch(batch);
    share.set_root(statement(batch).root.str());
    share.set_leaf_count(statement(batch).leaf_count);
    const auto& key = *keys_.servers[from];
    share.set_share(key.share(statement(batch).bytes));
    if (with_proof) share.set_proof(key.prove(statement(batch).bytes, share.share()));
    return share;
  }
  ThresholdSign& operator[](ServerIndex server) { return machines_[server]; }

  std::set<ServerIndex> liars;
  bool liars_prove = true;
  std::set<std::pair<ServerIndex, ServerIndex>> cut;  // from, to
  int combinations = 0;
  int checks = 0;
  int proofs = 0;

 private:
  void apply(ServerIndex server, SigningActions actions) {
    for (const wire::Share& share : actions.broadcasts) {
      for (ServerIndex to = 0; to < servers_; ++to) {
        if (to != server) send(server, to, share);
      }
    }
    for (const auto& [to, share] : actions.answers) send(server, to, share);
    for (const wire::ShareRequest& request : actions.requests) {
      for (ServerIndex to = 0; to < servers_; ++to) {
        if (to == server || cut.contains({server, to})) continue;
        SigningActions more;
        machines_[to].on_request(server, request, more);
        apply(to, std::move(more));
      }
    }
    for (const SigningJob& job : actions.jobs) {
      combinations += std::holds_alternative<CombineJob>(job) ? 1 : 0;
      checks += std::holds_alternative<CheckSharesJob>(job) ? 1 : 0;
      const auto* made = std::get_if<ShareJob>(&job);
      proofs += made != nullptr && made->with_proof ? 1 : 0;
      SigningActions more;
      machines_[server].on_result(run_signing_job(job, {}), more);
      apply(server, std::move(more));
    }
  }
  void send(ServerIndex from, ServerIndex to, wire::Share sent) {
    if (cut.contains({from, to})) return;
    if (liars.contains(from)) {
      if (!liars_prove && !sent.proof().empty()) return;
      sent.mutable_share()->front() ^= 1;
    }
    share(from, to, sent);
  }

  std::uint32_t servers_;
  crypto::IdealSite keys_;
  std::deque<ThresholdSign> machines_;
};

TEST(ThresholdSign, EveryServerThatWantsItCombinesTheSignature) {
  Site site(4, 3);
  site.start_all();
  for (ServerIndex server = 0; server < 4; ++server) {
    EXPECT_FALSE(site.is_signed(server));
    site.want(server);
    EXPECT_TRUE(site.is_signed(server));
    EXPECT_FALSE(site[server].needs_retry());
  }
  EXPECT_EQ(site.combinations, 4);
  EXPECT_EQ(site.proofs, 0);
  EXPECT_EQ(site.checks, 0);
}

TEST(ThresholdSign, FewerThanThresholdSharesMakeNoSignature) {
  Site site(4, 3);
  site.start(0);
  site.start(1);
  site.want(0);
  EXPECT_EQ(site.combinations, 0);
  EXPECT_TRUE(site[0].needs_retry());
  site.start(2);  // wanted before the last share came
  EXPECT_TRUE(site.is_signed(0));
}

TEST(ThresholdSign, AThresholdOfOneNeedsNobodyElse) {
  Site site(3, 1);
  SigningActions actions;
  site[0].start(kBatch, statement(kBatch), actions);
  EXPECT_TRUE(actions.broadcasts.empty());
  site.start(1);
  site.want(1);
  EXPECT_TRUE(site.is_signed(1));
}

TEST(ThresholdSign, SharesThatComeBeforeTheBatchIsExecutedHereAreKept) {
  Site site(4, 3);
  for (ServerIndex server = 1; server < 4; ++server) site.start(server);
  site.want(0);
  EXPECT_EQ(site.combinations, 0);
  EXPECT_FALSE(site.is_signed(0));
  site.start(0);
  EXPECT_TRUE(site.is_signed(0));
}

TEST(ThresholdSign, EarlySharesAreBoundedAndBatchesWithoutOutputsTakeNone) {
  Site site(4, 3);
  for (BatchNumber batch = 1; batch < 2000; ++batch) {
    site.share(1, 0, site.right_share(1, batch, false));
  }
  EXPECT_EQ(site[0].statements(), 256U);
  SigningActions actions;
  site[0].release_below(300, 0);
  EXPECT_EQ(site[0].statements(), 0U);
  site.start(0, 400);
  site.share(1, 0, site.right_share(1, 350, false));  // executed before 400, without outputs
  site.share(1, 0, site.right_share(1, 299, false));  // released
  EXPECT_EQ(site[0].statements(), 1U);
}

TEST(ThresholdSign, AWrongShareIsFoundByItsProofAndOnlyItsMakerIsGuilty) {
  Site site(4, 3);
  site.liars = {1};
  site.start_all();
  site.want(0);
  EXPECT_TRUE(site.is_signed(0));
  EXPECT_EQ(site[0].guilty(), std::set<ServerIndex>{1});
  EXPECT_EQ(site.combinations, 2);  // the optimistic one, and one of proven shares
}

TEST(ThresholdSign, AGuiltyServerSpoilsNoFurtherBatch) {
  Site site(4, 3);
  site.liars = {1};
  site.start_all();
  site.want(0);
  site.combinations = 0;
  site.start_all(kBatch + 1);
  site.want(0, kBatch + 1);
  EXPECT_TRUE(site.is_signed(0, kBatch + 1));
  EXPECT_EQ(site.combinations, 1);
}

TEST(ThresholdSign, ALiarThatNeverProvesCostsOneBatchAndIsNotNamed) {
  Site site(4, 3);
  site.liars = {1};
  site.liars_prove = false;
  site.start_all();
  site.want(0);
  EXPECT_TRUE(site.is_signed(0));
  EXPECT_TRUE(site[0].guilty().empty());
  site.combinations = 0;
  for (BatchNumber batch = kBatch + 1; batch < kBatch + 10; ++batch) {
    site.start_all(batch);
    site.want(0, batch);
    EXPECT_TRUE(site.is_signed(0, batch));
  }
  EXPECT_EQ(site.combinations, 9);
}

// With server 3 silent, the shares of the suspects 1 and 2 are needed; 2 has proven its own.
TEST(ThresholdSign, ASuspectThatProvesIsTrustedAgain) {
  Site site(4, 3);
  site.liars = {1};
  site.liars_prove = false;
  site.cut = {{3, 0}, {2, 0}};
  site.start_all();
  site.want(0);
  EXPECT_FALSE(site.is_signed(0));
  site.cut = {};
  site.retry(0);  // first fails with the liar's share, then gets two proofs
  EXPECT_TRUE(site.is_signed(0));
  EXPECT_TRUE(site[0].guilty().empty());
  site.combinations = 0;
  site.start_all(kBatch + 1);
  site.want(0, kBatch + 1);
  EXPECT_TRUE(site.is_signed(0, kBatch + 1));
  EXPECT_EQ(site.combinations, 1);
}

TEST(ThresholdSign, CorrectServersAreNeverGuilty) {
  for (ServerIndex liar = 0; liar < 7; ++liar) {
    Site site(7, 5);
    site.liars = {liar, (liar + 3) % 7};
    site.start_all();
    for (ServerIndex server = 0; server < 7; ++server) {
      site.want(server);
      EXPECT_TRUE(site.is_signed(server)) << liar << " " << server;
      for (const ServerIndex guilty : site[server].guilty())
        EXPECT_TRUE(site.liars.contains(guilty));
    }
  }
}

// The proof under check is for the right share; a wrong one that comes meanwhile is not proven by
// it.
TEST(ThresholdSign, AShareCannotBeReplacedWhileItsProofIsChecked) {
  const auto keys = crypto::IdealAuthority(1).site("site", 3, 4);
  Site site(4, 3);
  ThresholdSign signing({0, 4, 3, false});
  SigningActions actions;
  signing.set_keys(keys_of(keys, 0), actions);
  signing.start(kBatch, statement(kBatch), actions);
  signing.want(kBatch, actions);
  const auto run = [&] {
    SigningActions after;
    for (const SigningJob& job : std::exchange(actions.jobs, {})) {
      signing.on_result(run_signing_job(job, {}), after);
    }
    actions = std::move(after);
  };
  run();
  wire::Share wrong = site.right_share(1, kBatch, false);
  wrong.mutable_share()->front() ^= 1;
  signing.on_share(1, wrong, {}, actions);
  signing.on_share(2, site.right_share(2, kBatch, false), {}, actions);
  run();  // fails: proofs are asked for
  ASSERT_EQ(actions.requests.size(), 1U);
  EXPECT_TRUE(actions.requests[0].with_proof());
  actions = {};
  signing.on_share(1, site.right_share(1, kBatch, true), {}, actions);  // under check from here on
  ASSERT_EQ(actions.jobs.size(), 1U);
  wrong.set_proof("no proof");
  SigningActions ignored;
  signing.on_share(1, wrong, {}, ignored);
  EXPECT_TRUE(ignored.jobs.empty());
  run();
  signing.on_share(2, site.right_share(2, kBatch, true), {}, actions);
  run();
  run();
  ASSERT_NE(signing.signature(kBatch), nullptr);
  EXPECT_EQ(signing.guilty(), std::set<ServerIndex>{1});  // it sent two different shares
}

TEST(ThresholdSign, OnlyOneCheckABatchForAServerWhoseProofFailed) {
  Site site(4, 3);
  site.liars = {1};
  site.cut = {{2, 0}, {3, 0}};
  site.start(0);
  site.start(1);
  site.want(0);
  site.share(2, 0, site.right_share(2, kBatch, false));  // now the combination fails
  EXPECT_EQ(site.checks, 1);
  wire::Share wrong = site.right_share(1, kBatch, true);
  wrong.mutable_share()->front() ^= 1;
  for (int i = 0; i < 100; ++i) site.share(1, 0, wrong);
  EXPECT_EQ(site.checks, 1);
}

TEST(ThresholdSign, AShareForAnotherRootIsGuilt) {
  Site site(4, 3);
  site.start(0);
  wire::Share share = site.right_share(1, kBatch, false);
  share.set_root(crypto::sha256("another").str());
  site.share(1, 0, share);
  share = site.right_share(2, kBatch, false);
  share.set_leaf_count(4);
  site.share(2, 0, share);
  EXPECT_EQ(site[0].guilty(), (std::set<ServerIndex>{1, 2}));
}

TEST(ThresholdSign, RepeatedSharesCountOnceAndImpossibleSendersNotAtAll) {
  Site site(4, 3);
  site.start(0);
  site.want(0);
  for (int i = 0; i < 5; ++i) site.share(1, 0, site.right_share(1, kBatch, false));
  SigningActions actions;
  site[0].on_share(0, site.right_share(0, kBatch, false), {}, actions);
  site[0].on_share(4, site.right_share(1, kBatch, false), {}, actions);
  wire::ShareRequest request;
  request.set_batch(kBatch);
  site[0].on_request(4, request, actions);
  EXPECT_EQ(site.combinations, 0);
  EXPECT_TRUE(actions.jobs.empty() && actions.answers.empty());
}

TEST(ThresholdSign, RetryFetchesSharesThatWereLost) {
  Site site(4, 3);
  site.cut = {{1, 0}, {2, 0}, {3, 0}};
  site.start_all();
  site.want(0);
  EXPECT_TRUE(site[0].needs_retry());
  site.cut = {{3, 0}};
  site.retry(0);
  EXPECT_TRUE(site.is_signed(0));
  EXPECT_FALSE(site[0].needs_retry());
  EXPECT_EQ(site.proofs, 0);
}

TEST(ThresholdSign, SeveralRequestsForAProofMakeOne) {
  Site site(4, 3);
  SigningActions actions;
  site.start(0);
  wire::ShareRequest request;
  request.set_batch(kBatch);
  request.set_with_proof(true);
  for (const ServerIndex from : {1U, 2U, 1U, 3U}) site[0].on_request(from, request, actions);
  EXPECT_EQ(actions.jobs.size(), 1U);
  const auto keys = crypto::IdealAuthority(1).site("site", 3, 4);
  SigningActions after;
  site[0].on_result(run_signing_job(actions.jobs.at(0), {}), after);
  ASSERT_EQ(after.answers.size(), 3U);
  for (const auto& [to, share] : after.answers) EXPECT_FALSE(share.proof().empty());
}

// An acknowledgement alone in its batch: no message needs the batch, so it is released but kept.
TEST(ThresholdSign, TheLatestAcknowledgementIsStillSignedAfterRelease) {
  Site site(4, 3);
  site.start(0);
  site[0].release_below(kBatch + 1, kBatch);
  EXPECT_EQ(site[0].statements(), 1U);
  site.want(0);
  for (ServerIndex server = 1; server < 4; ++server) site.start(server);
  EXPECT_TRUE(site.is_signed(0));
  site.start(0, kBatch + 1);
  site[0].release_below(kBatch + 2, kBatch + 1);
  EXPECT_EQ(site[0].signature(kBatch), nullptr);
  EXPECT_EQ(site[0].statements(), 1U);
}

TEST(ThresholdSign, ResultsForReleasedBatchesAreDropped) {
  Site site(4, 3);
  SigningActions actions;
  site[0].release_below(10, 0);
  site[0].on_result(Combined{0, kBatch, "x"}, actions);
  site[0].on_result(SharesChecked{0, kBatch, {1}}, actions);
  site[0].on_result(ShareMade{0, kBatch, "x", ""}, actions);
  EXPECT_EQ(site[0].statements(), 0U);
  EXPECT_TRUE(site[0].guilty().empty());
  EXPECT_TRUE(actions.signed_statements.empty() && actions.broadcasts.empty());
}

// Several statements under one number, by their roots: servers decide individually what they sign.
class ByRoot : public ::testing::Test {
 protected:
  ByRoot() : keys_(crypto::IdealAuthority(1).site("site", 3, 4)) {
    SigningActions actions;
    signing_.set_keys(keys_of(keys_, 0), actions);
  }
  static StatementId id(BatchNumber what) { return {7, statement(what).root}; }
  void share(ServerIndex from, BatchNumber what) {
    wire::Share share;
    share.set_batch(7);
    share.set_root(statement(what).root.str());
    share.set_leaf_count(statement(what).leaf_count);
    share.set_share(keys_.servers[from]->share(statement(what).bytes));
    SigningActions actions;
    signing_.on_share(from, share, {}, actions);
    run(std::move(actions));
  }
  void start(BatchNumber what) {
    SigningActions actions;
    signing_.start(id(what), statement(what), actions);
    signing_.want(id(what), actions);
    run(std::move(actions));
  }
  bool is_signed(BatchNumber what) const {
    const Bytes* signature = signing_.signature(id(what));
    return signature != nullptr && keys_.key->verify(statement(what).bytes, *signature);
  }
  void run(SigningActions actions) {
    for (const SigningJob& job : std::exchange(actions.jobs, {})) {
      SigningActions after;
      signing_.on_result(run_signing_job(job, {}), after);
      run(std::move(after));
    }
  }

  crypto::IdealSite keys_;
  ThresholdSign signing_{{0, 4, 3, false, true}};
};

TEST_F(ByRoot, EachIsSignedByThoseWhoSignIt) {
  share(1, 1);  // before the own
  start(1);
  start(2);
  share(2, 2);
  EXPECT_FALSE(is_signed(1) || is_signed(2));
  share(2, 1);
  EXPECT_TRUE(is_signed(1));
  EXPECT_FALSE(is_signed(2));
  share(3, 2);
  EXPECT_TRUE(is_signed(2));
  EXPECT_TRUE(signing_.guilty().empty());
  signing_.release(id(1));
  EXPECT_FALSE(is_signed(1));
}

TEST_F(ByRoot, WhoNamesTooManyLosesItsOwnAndNoOthers) {
  share(1, 1);
  share(2, 1);
  for (BatchNumber what = 1000; what < 2000; ++what) share(3, what);
  EXPECT_EQ(signing_.statements(), 257U);
  start(1);
  EXPECT_TRUE(is_signed(1));
}

}  // namespace
}  // namespace steward::site
