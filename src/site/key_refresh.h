// Proactive refresh of a site's key shares as an ordered operation (SPEC 1.1), the part that is
// replicated: it lives in the logical machine and is a function of the site's ordered events. What
// each server does with its own share is in share_keeper.h, the cryptography in
// crypto/share_renewal.h. The site's key never changes; its shares do, and with them the epoch.
//
// State: the site key with the share keys of the current epoch; of a refresh under way its phase,
// deals, servers that are done; the deals of the last kKeptEpochs epochs, from which a server that
// was away computes its share; complaints already judged.
// Events, each signed by its server (or operator) and ordered like any other:
//   order or interval timer   idle: the servers are to deal                       -> dealing
//   RefreshDeal{i}            the first well-formed one of each dealer counts
//     all dealt, or n-f dealt and the phase timer ran out: the set is fixed       -> checking
//   RefreshComplaint{i,j}     j shows everybody that i's subshare for j is wrong: i's deal does not
//                             count. At any time, see below.
//   RefreshDone{j}            j has a share under the key that the deals lead to
//     all are done with the same key, or a quorum is and the phase timer ran out:
//     the epoch changes                                                           -> idle
// Why it is safe: fewer than the threshold of shares of any one epoch tell nothing, and those of
// two epochs are independent as long as one dealer that counts is correct: n-f deals less f wrong
// ones leave f+1 at least. Deals become part of a share only by the log, so all servers add the
// same ones. Signatures do not depend on the epoch, so the rest of the system sees nothing.
// A correct server that was too slow to complain in time finds itself without a share when a liar
// cheated it. Its complaint then takes the liar's deal back out of the current epoch: one more
// epoch, in which that deal is subtracted again by those who could open it and passed over by
// those who could not. So each correct server has a share of the current epoch in the end.
// Why it ends: correct servers deal, complain and are done; the phase timer passes over the others.
// Durable: nothing of its own; see share_keeper.h.
//
// Not thread-safe.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <tuple>
#include <vector>

#include "common/quorum.h"
#include "crypto/share_renewal.h"
#include "steward/state_machine.h"
#include "wire/signing.h"
#include "wire/site.pb.h"

namespace steward::site {

class KeyRefresh {
 public:
  enum class Phase : std::uint8_t { kIdle, kDealing, kChecking };
  static constexpr std::uint64_t kKeptEpochs = 16;

  // `dealt`: the site's key as the servers were started with; its epoch 0 need not be the latest.
  KeyRefresh(crypto::SitePublicKeyPtr dealt, Quorums site, wire::Domain domain, SiteId self);

  // Has the site a key whose shares can be renewed?
  bool possible() const { return renewable_ != nullptr; }

  // Events. Those that do not fit the state are no-ops; the reason is returned, null when it fits.
  const char* on_order(std::uint64_t share_epoch);
  const char* on_message(ServerIndex from, const wire::RefreshMessage& message);
  const char* on_interval();
  const char* on_phase_timer();
  // The phase timer has to be armed anew: a phase began or goes on. Resets itself.
  bool take_timer_change() { return std::exchange(timer_change_, false); }

  Phase phase() const { return phase_; }
  const crypto::SitePublicKeyPtr& key() const { return key_; }  // of the current epoch
  std::uint64_t completed() const { return completed_; }
  std::uint64_t abandoned() const { return abandoned_; }

  // --- for share_keeper.h
  bool has_dealt(ServerIndex server) const { return deals_.contains(server); }
  bool is_done(ServerIndex server) const;
  // The key that the deals lead to; null unless checking.
  const crypto::SitePublicKeyPtr& next_key() const { return next_key_; }
  Bytes context(std::uint64_t share_epoch) const;
  // A deal and the epoch it was part of.
  struct Step {
    crypto::ShareEpoch epoch = 0;
    crypto::Deal deal;
  };
  // What changed a share of `from` into one of the current epoch, and (`to_next`) on to the next.
  // Deals that were taken back meanwhile are left out. nullopt when that is no longer known.
  std::optional<std::vector<Step>> steps(crypto::ShareEpoch from, bool to_next) const;
  bool judged(crypto::ShareEpoch epoch, ServerIndex dealer, ServerIndex holder) const;
  // Dealers that were shown to have cheated, by the epoch they did it in.
  std::vector<std::pair<crypto::ShareEpoch, ServerIndex>> cheats() const;

  // Snapshot pages from `base` on, kPages of them.
  static constexpr PageKey kPages = 1 + kKeptEpochs;
  void collect(PageChanges& changes, PageKey base) const;
  bool load(const std::map<PageKey, Bytes>& pages, PageKey base);

  void check_invariants() const;

 private:
  using Complaint = std::tuple<crypto::ShareEpoch, ServerIndex, ServerIndex>;  // dealer, holder

  const char* on_deal(ServerIndex from, const wire::RefreshDeal& deal);
  const char* on_complaint(ServerIndex from, const wire::RefreshComplaint& complaint);
  const char* on_done(ServerIndex from, const wire::RefreshDone& done);
  crypto::ShareEpoch next_epoch() const { return key_->epoch() + 1; }
  const crypto::Deal* find(crypto::ShareEpoch epoch, ServerIndex dealer) const;
  bool is_retracted(crypto::ShareEpoch epoch, ServerIndex dealer) const;
  void begin(Phase phase);
  std::size_t done_with_next() const;
  void change_epoch();
  void update_next_key();
  void activate(std::vector<Step> steps, crypto::SitePublicKeyPtr key);
  void retract_cheats();
  void rest();
  std::optional<Step> to_step(const wire::DealEntry& entry) const;
  bool load_transcripts(const std::map<PageKey, Bytes>& pages, PageKey first);

  const Quorums site_;
  const wire::Domain domain_;
  const SiteId self_;
  const crypto::RenewableSiteKey* renewable_;  // key_, when it is one

  crypto::SitePublicKeyPtr key_;
  Phase phase_ = Phase::kIdle;
  std::map<ServerIndex, crypto::Deal> deals_;  // that count, of the refresh under way
  crypto::SitePublicKeyPtr next_key_;
  Bytes next_digest_;
  std::map<ServerIndex, Bytes> done_;  // digest of the key that the server has a share under
  std::uint32_t waits_ = 0;            // phase timers without progress
  bool timer_change_ = false;
  std::map<crypto::ShareEpoch, std::vector<Step>> transcripts_;  // by the epoch they led to
  std::map<Complaint, bool> complained_;                         // upheld?
  std::set<std::pair<crypto::ShareEpoch, ServerIndex>> to_retract_;
  std::uint64_t completed_ = 0;
  std::uint64_t abandoned_ = 0;
};

}  // namespace steward::site
