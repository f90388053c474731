#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "crypto/bls.h"
#include "crypto/bls_deal.h"
#include "crypto/testing/lying_deal.h"

namespace steward::crypto {
namespace {

using testing::lying_deal;

Bytes fresh_entropy() { return Bytes(SecretBytes::random(32).view()); }

Deal deal_of(const BlsPublicKey& key, ServerIndex dealer, const Bytes& context) {
  Deal deal{dealer, context, {}};
  deal.deal = key.make_deal(deal, fresh_entropy());
  return deal;
}

std::vector<Deal> deals_of_all(const BlsPublicKey& key, const Bytes& context) {
  std::vector<Deal> deals;
  for (ServerIndex dealer = 0; dealer < key.servers(); ++dealer) {
    deals.push_back(deal_of(key, dealer, context));
  }
  return deals;
}

Deal retraction(Deal deal) {
  deal.retracted = true;
  return deal;
}

using Share = std::shared_ptr<const BlsKeyShare>;

struct Site {
  BlsPublicKeyPtr key;
  std::vector<Share> shares;
};

Site make_site(std::uint32_t threshold, std::uint32_t servers) {
  BlsKeyDeal deal = deal_bls(threshold, servers).value();
  return {std::move(deal.key), std::move(deal.shares)};
}

BlsPublicKeyPtr renewed_key(const Site& site, ShareEpoch epoch, std::span<const Deal> deals) {
  return std::dynamic_pointer_cast<const BlsPublicKey>(site.key->renewed(epoch, deals));
}

std::variant<SiteKeySharePtr, std::vector<std::size_t>> renew(const Site& site, ServerIndex server,
                                                              const BlsPublicKeyPtr& next,
                                                              std::span<const Deal> deals) {
  return site.key->renew_share(*site.shares[server], next, deals);
}

// The share; nullptr when deals were wrong.
Share renewed_share(const Site& site, ServerIndex server, const BlsPublicKeyPtr& next,
                    std::span<const Deal> deals) {
  const auto outcome = renew(site, server, next, deals);
  const auto* share = std::get_if<SiteKeySharePtr>(&outcome);
  return share == nullptr ? nullptr : std::dynamic_pointer_cast<const BlsKeyShare>(*share);
}

std::vector<std::size_t> wrong_deals(const Site& site, ServerIndex server,
                                     const BlsPublicKeyPtr& next, std::span<const Deal> deals) {
  const auto outcome = renew(site, server, next, deals);
  const auto* wrong = std::get_if<std::vector<std::size_t>>(&outcome);
  return wrong == nullptr ? std::vector<std::size_t>{SIZE_MAX} : *wrong;
}

// Everybody's next share; nullptr for those who have none to start from, or are dealt wrong ones.
Site next_epoch(const Site& site, ShareEpoch epoch, std::span<const Deal> deals) {
  Site next{renewed_key(site, epoch, deals), {}};
  for (ServerIndex server = 0; server < site.shares.size(); ++server) {
    next.shares.push_back(site.shares[server] ? renewed_share(site, server, next.key, deals)
                                              : nullptr);
  }
  return next;
}

void expect_signs(const Site& site) {
  std::mt19937 random(5);
  std::vector<SignatureShare> all;
  for (const Share& share : site.shares) {
    ASSERT_NE(share, nullptr);
    EXPECT_TRUE(share->belongs_to(*site.key));
    all.push_back({share->server(), share->share("message")});
  }
  EXPECT_TRUE(site.key->wrong_shares("message", all).empty());
  for (int round = 0; round < 4; ++round) {
    std::shuffle(all.begin(), all.end(), random);
    EXPECT_TRUE(site.key->verify("message", site.key->combine("message", all).value()));
  }
}

TEST(BlsRenewal, NewSharesSignUnderTheSameKeyAndDoNotMixWithOldOnes) {
  for (const auto& [servers, threshold] :
       std::vector<std::pair<std::uint32_t, std::uint32_t>>{{2, 2}, {4, 3}, {7, 5}, {16, 11}}) {
    const Site old = make_site(threshold, servers);
    const std::vector<Deal> deals = deals_of_all(*old.key, "cluster, site, epoch 1");
    for (const Deal& deal : deals) EXPECT_TRUE(old.key->well_formed(deal));
    const Site site = next_epoch(old, 1, deals);
    expect_signs(site);
    EXPECT_EQ(site.key->epoch(), 1u);
    EXPECT_EQ(site.key->identity(), old.key->identity());
    EXPECT_NE(site.key->encoded(), old.key->encoded());
    EXPECT_EQ(BlsPublicKey::decode(site.key->encoded()).value()->encoded(), site.key->encoded());

    std::vector<SignatureShare> mixed;
    for (ServerIndex server = 0; server < threshold; ++server) {
      const Site& from = server == 0 ? old : site;
      mixed.push_back({server, from.shares[server]->share("message")});
      EXPECT_NE(site.shares[server]->share("message"), old.shares[server]->share("message"));
    }
    EXPECT_FALSE(old.key->verify("message", old.key->combine("message", mixed).value()));
    EXPECT_EQ(site.key->wrong_shares("message", mixed), (std::vector<ServerIndex>{0}));
    const SecretBytes encoded = site.shares[1]->encoded();
    EXPECT_TRUE(BlsKeyShare::decode(site.key, 1, encoded.view()).ok());
    EXPECT_FALSE(BlsKeyShare::decode(old.key, 1, encoded.view()).ok());
    EXPECT_EQ(BlsKeyShare::decode_any_epoch(old.key, 1, encoded.view()).value()->epoch(), 1u);
  }
}

TEST(BlsRenewal, OneDealerIsEnoughAndNoneChangesNothing) {
  const Site old = make_site(3, 4);
  const std::vector<Deal> one = {deal_of(*old.key, 2, "context")};
  expect_signs(next_epoch(old, 1, one));
  const Site same = next_epoch(old, 1, {});
  expect_signs(same);
  EXPECT_EQ(same.shares[0]->share("m"), old.shares[0]->share("m"));
}

TEST(BlsRenewal, SharesSkipEpochs) {
  const Site start = make_site(3, 4);
  Site site = start;
  std::vector<Deal> all;
  for (ShareEpoch epoch = 1; epoch <= 3; ++epoch) {
    const std::vector<Deal> deals = deals_of_all(*site.key, "epoch " + std::to_string(epoch));
    all.insert(all.end(), deals.begin(), deals.end());
    site = next_epoch(site, epoch, deals);
    expect_signs(site);
  }
  const Share late = renewed_share(start, 1, site.key, all);
  ASSERT_NE(late, nullptr);
  EXPECT_EQ(late->epoch(), 3u);
  EXPECT_EQ(late->encoded().view(), site.shares[1]->encoded().view());
  EXPECT_EQ(renewed_key(start, 3, all)->encoded(), site.key->encoded());
  // The deals do not lead on from a share of epoch 0 without the first ones, and none is to blame.
  const std::span<const Deal> later = std::span(all).subspan(4);
  EXPECT_EQ(wrong_deals(start, 1, site.key, later), std::vector<std::size_t>{});
}

TEST(BlsRenewal, ALieIsFoundByItsVictimAndProvedToAll) {
  const Site old = make_site(3, 4);
  std::vector<Deal> deals = deals_of_all(*old.key, "context");
  deals[2] = lying_deal(*old.key, 2, "context", 1);
  EXPECT_TRUE(old.key->well_formed(deals[2]));
  const BlsPublicKeyPtr next = renewed_key(old, 1, deals);
  for (const ServerIndex honest : {0u, 2u, 3u}) {
    EXPECT_NE(renewed_share(old, honest, next, deals), nullptr);
  }
  EXPECT_EQ(wrong_deals(old, 1, next, deals), (std::vector<std::size_t>{2}));

  const Bytes complaint = old.key->make_complaint(*old.shares[1], deals[2], fresh_entropy());
  EXPECT_TRUE(old.key->proves_wrong(deals[2], 1, complaint));
  EXPECT_TRUE(next->proves_wrong(deals[2], 1, complaint)) << "whatever the epoch of the key";
  for (const ServerIndex other : {0u, 2u, 3u, 4u, UINT32_MAX}) {
    EXPECT_FALSE(old.key->proves_wrong(deals[2], other, complaint));
  }
  EXPECT_FALSE(old.key->proves_wrong(deals[0], 1, complaint));
  Deal elsewhere = deals[2];
  elsewhere.context = "another context";
  EXPECT_FALSE(old.key->proves_wrong(elsewhere, 1, complaint));
  elsewhere = deals[2];
  elsewhere.dealer = 0;
  EXPECT_FALSE(old.key->proves_wrong(elsewhere, 1, complaint));
}

// Else the victim would be left without a share when one of the two is taken back.
TEST(BlsRenewal, LiesThatCancelAreFoundToo) {
  const Site old = make_site(3, 4);
  std::vector<Deal> deals = deals_of_all(*old.key, "context");
  deals[1] = lying_deal(*old.key, 1, "context", 3, Scalar(5));
  deals[2] = lying_deal(*old.key, 2, "context", 3, -Scalar(5));
  const BlsPublicKeyPtr next = renewed_key(old, 1, deals);
  EXPECT_EQ(wrong_deals(old, 3, next, deals), (std::vector<std::size_t>{1, 2}));
  EXPECT_NE(renewed_share(old, 0, next, deals), nullptr);
}

TEST(BlsRenewal, FalseComplaintsConvinceNobody) {
  const Site site = make_site(3, 4);
  const Deal right = deal_of(*site.key, 0, "context");
  for (ServerIndex holder = 0; holder < 4; ++holder) {
    const Bytes complaint = site.key->make_complaint(*site.shares[holder], right, fresh_entropy());
    EXPECT_FALSE(site.key->proves_wrong(right, holder, complaint)) << "the subshare is right";
  }
  // Against a lie that was told to another, one's own opening proves nothing; and every change to a
  // complaint that is true breaks its proof.
  const Deal wrong = lying_deal(*site.key, 0, "context", 1);
  const Bytes own = site.key->make_complaint(*site.shares[2], wrong, fresh_entropy());
  EXPECT_FALSE(site.key->proves_wrong(wrong, 2, own));
  const Bytes complaint = site.key->make_complaint(*site.shares[1], wrong, fresh_entropy());
  ASSERT_TRUE(site.key->proves_wrong(wrong, 1, complaint));
  std::mt19937 random(6);
  for (int i = 0; i < 300; ++i) {
    Bytes mutated = complaint;
    const std::size_t at = random() % mutated.size();
    if (i % 3 == 0) mutated.resize(at);
    if (i % 3 == 1) mutated[at] = static_cast<char>(mutated[at] ^ (1 << random() % 8));
    if (i % 3 == 2) mutated.insert(at, 1, '\0');
    EXPECT_FALSE(site.key->proves_wrong(wrong, 1, mutated));
  }
  // The dealer knows what a complaint discloses, but cannot prove another opening in the holder's
  // name: here with the proof of one complaint and the point of another.
  const Bytes other = site.key->make_complaint(*site.shares[1], right, fresh_entropy());
  EXPECT_FALSE(site.key->proves_wrong(right, 1, complaint.substr(0, 48) + other.substr(48)));
  EXPECT_FALSE(site.key->proves_wrong(right, 1, complaint));
}

// The liar's deal counts in epoch 1, the complaint comes late, epoch 2 takes the deal back.
TEST(BlsRenewal, RetractionRestoresConsistencyForEverybody) {
  const Site start = make_site(3, 4);
  std::vector<Deal> deals = deals_of_all(*start.key, "epoch 1");
  deals[3] = lying_deal(*start.key, 3, "epoch 1", 0);
  const Site first = next_epoch(start, 1, deals);
  ASSERT_EQ(first.shares[0], nullptr);
  std::vector<Deal> second = deals_of_all(*first.key, "epoch 2");
  second.insert(second.begin() + 1, retraction(deals[3]));
  const BlsPublicKeyPtr key = renewed_key(first, 2, second);

  Site site{key, {}};
  std::vector<Deal> both = deals;
  both.insert(both.end(), second.begin(), second.end());
  site.shares.push_back(renewed_share(start, 0, key, both));
  for (ServerIndex server = 1; server < 4; ++server) {
    site.shares.push_back(renewed_share(first, server, key, second));
  }
  expect_signs(site);
  EXPECT_EQ(renewed_key(start, 2, both)->encoded(), key->encoded());

  // In any order, and when the caller has removed the pair already.
  std::reverse(both.begin(), both.end());
  EXPECT_NE(renewed_share(start, 0, key, both), nullptr);
  EXPECT_EQ(renewed_key(start, 2, both)->encoded(), key->encoded());
  std::erase_if(both, [&](const Deal& deal) { return deal.deal == deals[3].deal; });
  EXPECT_NE(renewed_share(start, 0, key, both), nullptr);
  EXPECT_EQ(renewed_key(start, 2, both)->encoded(), key->encoded());
  // Taking back alone is a renewal too, and leads to where the deal was never counted.
  const std::vector<Deal> only = {retraction(deals[3])};
  const Site without = next_epoch(first, 2, only);
  std::vector<Deal> others(deals.begin(), deals.begin() + 3);
  EXPECT_EQ(without.key->encoded(), renewed_key(start, 2, others)->encoded());
  EXPECT_NE(without.shares[1], nullptr);
}

// Only a deal that says the same is its own retraction's.
TEST(BlsRenewal, ADealIsCancelledByItsOwnRetractionOnly) {
  const Site start = make_site(2, 3);
  const Deal a = deal_of(*start.key, 0, "epoch 1");
  const Deal b = deal_of(*start.key, 1, "epoch 1");
  const std::vector<Deal> twice = {a, a, retraction(a), b};
  const std::vector<Deal> once = {b, a};
  EXPECT_EQ(renewed_key(start, 1, twice)->encoded(), renewed_key(start, 1, once)->encoded());
  EXPECT_NE(renewed_share(start, 2, renewed_key(start, 1, once), twice), nullptr);
  const std::vector<Deal> neither = {a, retraction(b)};
  const Site site = next_epoch(start, 1, neither);
  expect_signs(site);
  EXPECT_NE(site.key->encoded(), renewed_key(start, 1, std::span(neither).first(1))->encoded());
}

// Who copies the R of another's deal would learn from a complaint what that deal told the holder.
TEST(BlsRenewal, DealsCannotBeBuiltFromDealsOfOthers) {
  const Site site = make_site(3, 4);
  const Deal deal = deal_of(*site.key, 0, "context");
  ASSERT_TRUE(site.key->well_formed(deal));
  Deal copy = deal;
  copy.dealer = 1;
  EXPECT_FALSE(site.key->well_formed(copy));
  EXPECT_EQ(site.key->make_complaint(*site.shares[2], copy, fresh_entropy()), "");
  copy = deal;
  copy.context = "another context";
  EXPECT_FALSE(site.key->well_formed(copy));
  const Site other = make_site(3, 4);
  EXPECT_FALSE(other.key->well_formed(deal));
  copy = deal;
  copy.dealer = 4;
  EXPECT_FALSE(site.key->well_formed(copy));

  // R and R' of one deal, all else of another.
  const Deal own = deal_of(*site.key, 1, "context");
  const std::size_t tag = deal.deal.size() - 2 * 48 - 2 * 96 - 4 * 32 - 64;
  copy = own;
  copy.deal.replace(tag, 96, deal.deal, tag, 96);
  EXPECT_FALSE(site.key->well_formed(copy));
  EXPECT_EQ(site.key->make_complaint(*site.shares[2], copy, fresh_entropy()), "");
}

TEST(BlsRenewal, MutatedDealsAreNotWellFormedAndNeverCrash) {
  const Site site = make_site(3, 4);
  const Deal good = deal_of(*site.key, 0, "context");
  const BlsPublicKeyPtr next = renewed_key(site, 1, std::vector<Deal>{good});
  std::mt19937 random(8);
  for (int i = 0; i < 600; ++i) {
    Deal deal = good;
    const std::size_t at = random() % deal.deal.size();
    if (i % 3 == 0) deal.deal.resize(at);
    if (i % 3 == 1) deal.deal[at] = static_cast<char>(deal.deal[at] ^ (1 << random() % 8));
    if (i % 3 == 2) deal.deal.insert(at, 1, static_cast<char>(random()));
    EXPECT_FALSE(site.key->well_formed(deal));
    EXPECT_EQ(site.key->make_complaint(*site.shares[1], deal, fresh_entropy()), "");
    EXPECT_FALSE(site.key->proves_wrong(deal, 1, Bytes(112, '\x80')));
    const auto outcome = renew(site, 1, next, std::vector<Deal>{deal});
    if (const auto* share = std::get_if<SiteKeySharePtr>(&outcome)) {
      EXPECT_TRUE(std::dynamic_pointer_cast<const BlsKeyShare>(*share)->belongs_to(*next));
    }
  }
}

// A liar that deals last knows what the others dealt to it, and can make its own new share zero.
TEST(BlsRenewal, ALiarThatMakesItsOwnShareZeroHarmsNobodyElse) {
  const Site old = make_site(3, 4);
  std::vector<Deal> deals = deals_of_all(*old.key, "context");
  deals.pop_back();
  const Share before = next_epoch(old, 1, deals).shares[3];
  Deal last{3, "context", {}};
  BlsDealSecrets secrets;
  secrets.log = Scalar::random();
  // δ(X) = c X with c · 4 = -share.
  secrets.polynomial = {Scalar(), -before->secrets().signing * Scalar(4).inverse(), Scalar(1)};
  secrets.polynomial[1] = secrets.polynomial[1] - Scalar(4);  // less what X² adds at 4: 16 = 4 · 4
  for (std::uint32_t x = 1; x <= 4; ++x) {
    secrets.subshares.push_back(evaluate(secrets.polynomial, x));
  }
  last.deal = seal_bls_deal(*old.key, last, secrets, fresh_entropy());
  ASSERT_TRUE(old.key->well_formed(last));
  deals.push_back(last);

  Site site = next_epoch(old, 1, deals);
  ASSERT_TRUE(is_infinity(site.key->parts().share_keys[3]));
  EXPECT_TRUE(BlsPublicKey::decode(site.key->encoded()).ok());
  std::vector<SignatureShare> shares;
  for (const Share& share : site.shares) {
    ASSERT_NE(share, nullptr);
    shares.push_back({share->server(), share->share("message")});
  }
  EXPECT_EQ(site.key->wrong_shares("message", shares), (std::vector<ServerIndex>{3}));
  EXPECT_TRUE(site.key->verify("message", site.key->combine("message", shares).value()));
  const Site after = next_epoch(site, 2, deals_of_all(*site.key, "next"));
  expect_signs(after);
}

TEST(BlsRenewal, AKeyOfThresholdOneHasNothingToRenew) {
  const Site old = make_site(1, 3);
  const std::vector<Deal> deals = deals_of_all(*old.key, "context");
  for (const Deal& deal : deals) EXPECT_TRUE(old.key->well_formed(deal));
  const Site site = next_epoch(old, 1, deals);
  expect_signs(site);
  EXPECT_EQ(site.shares[0]->share("m"), old.shares[0]->share("m"));
  const Deal lie = lying_deal(*old.key, 0, "context", 2);
  EXPECT_EQ(
      wrong_deals(old, 2, renewed_key(old, 1, std::vector<Deal>{lie}), std::vector<Deal>{lie}),
      (std::vector<std::size_t>{0}));
  EXPECT_TRUE(
      old.key->proves_wrong(lie, 2, old.key->make_complaint(*old.shares[2], lie, fresh_entropy())));
}

TEST(BlsRenewal, DealsFollowFromTheirEntropy) {
  const Site site = make_site(3, 4);
  const Deal to_make{1, "context", {}};
  const Bytes entropy = fresh_entropy();
  EXPECT_EQ(site.key->make_deal(to_make, entropy), site.key->make_deal(to_make, entropy));
  EXPECT_NE(site.key->make_deal(to_make, entropy), site.key->make_deal(to_make, fresh_entropy()));
  // Should entropy be used twice after all, the deals have nothing in common.
  const Deal elsewhere{1, "another context", {}};
  EXPECT_NE(site.key->make_deal(to_make, entropy).substr(30, 300),
            site.key->make_deal(elsewhere, entropy).substr(30, 300));
}

}  // namespace
}  // namespace steward::crypto
