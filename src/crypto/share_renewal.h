// Proactive refresh (SPEC 1.1): the holders of a site key give each other new shares of the same
// secret, so that shares stolen before and shares stolen after do not add up. Zero-sharing with
// Feldman commitments: every dealer i picks a polynomial δ_i with δ_i(0) = 0, publishes commitments
// to its coefficients and, encrypted to each holder j, the subshare δ_i(j). New share of j:
// s_j + Σ δ_i(j) over the dealers that count. The order of things (who deals, which deals count,
// when the epoch changes) is the site's business: site/key_refresh.h.
//
// A holder whose subshare does not fit the commitments complains: it opens that one ciphertext to
// everybody, with a proof that it opened it honestly, and all see that the dealer lied. Nothing but
// the complaining server's own subshare of that deal is disclosed.
//
// `context` binds everything to one use: cluster, site, epoch. Deals and complaints come from
// others and may be any bytes; every function here takes them so. Immutable and thread-safe.
#pragma once

#include <span>
#include <utility>
#include <variant>

#include "crypto/site_key.h"

namespace steward::crypto {

// One dealer's part in a renewal.
struct Deal {
  ServerIndex dealer = 0;
  Bytes context;
  Bytes deal;              // made by make_deal of `dealer` under that context
  bool retracted = false;  // takes back what this deal once added
};

// A site key whose shares can be renewed by their holders. Found by dynamic_cast.
class RenewableSiteKey : public SitePublicKey {
 public:
  // This key in any epoch, and a holder's share of any epoch, which is checked as far as the share
  // keys of this epoch allow: fully when it is of this epoch. Null for anything else.
  virtual SitePublicKeyPtr decode_epoch(BytesView encoded) const = 0;
  virtual SiteKeySharePtr decode_share(ServerIndex holder, BytesView encoded) const = 0;

  // A new deal. `entropy`: at least 32 unpredictable bytes, never used again.
  virtual Bytes make_deal(const Deal& dealer_and_context, BytesView entropy) const = 0;

  // Are these bytes a deal at all: right number of commitments, all in the group, and so on?
  // What this accepts can only be wrong in the subshares.
  virtual bool well_formed(const Deal& deal) const = 0;

  // The key of the next epoch: the same identity, shares changed by these deals, all well-formed.
  virtual SitePublicKeyPtr renewed(ShareEpoch epoch, std::span<const Deal> deals) const = 0;

  // The holder's share under `next`, to which `deals` lead from the epoch of `own`; or those of the
  // deals (their places in the span) whose subshares for this holder are wrong.
  virtual std::variant<SiteKeySharePtr, std::vector<std::size_t>> renew_share(
      const SiteKeyShare& own, const SitePublicKeyPtr& next, std::span<const Deal> deals) const = 0;

  // Shows that the deal's subshare for the holder is wrong. `entropy` as above.
  virtual Bytes make_complaint(const SiteKeyShare& own, const Deal& deal,
                               BytesView entropy) const = 0;

  // Does the complaint of `holder` prove that the deal's subshare for it is wrong?
  virtual bool proves_wrong(const Deal& deal, ServerIndex holder, BytesView complaint) const = 0;
};

}  // namespace steward::crypto
