// One server's share of its site's key through the epochs: the private side of key_refresh.h.
//
// State: the share and its epoch; while a refresh is under way the own deal, the share that the
// deals would lead to, complaints. Looks at KeyRefresh after each executed batch and at each tick,
// and asks for what is due: a deal while the servers deal; opening the deals, then "done" or
// complaints, while they check; the new share once the epoch has changed.
// Messages: RefreshDeal, RefreshComplaint, RefreshDone, repeated at each tick until the log shows
// them.
// Durable: the share, in a file of its own. A new share replaces the old one as soon as its epoch
// is the site's, and before it signs anything; the old one is then gone. Nothing need be durable
// before "done": whoever says so has its old share and the log, from which the new share follows
// again after a crash. Deals are fresh randomness; a server that restarts makes another one, and
// the first in the log counts.
//
// Not thread-safe. Jobs run elsewhere and come back as results.
#pragma once

#include <optional>
#include <vector>

#include "site/jobs.h"
#include "site/key_refresh.h"

namespace steward::site {

struct KeeperActions {
  std::vector<SigningJob> jobs;
  std::vector<wire::RefreshMessage> messages;    // to all servers of the site, signed
  std::optional<crypto::SecretBytes> new_share;  // replaces the one in the file, durably
  std::optional<SigningKeysPtr> keys;            // to sign with from now on
};

class ShareKeeper {
 public:
  // `share` may be of any epoch of the key.
  ShareKeeper(ServerIndex self, crypto::SiteKeySharePtr share)
      : self_(self), share_(std::move(share)) {}

  // The site's state has changed or may have. Call it first once the state has been rebuilt.
  void follow(const KeyRefresh& refresh, KeeperActions& actions);
  void on_result(const KeyRefresh& refresh, const SigningResult& result, KeeperActions& actions);
  // Repeats what the log does not show yet. Called by timer while needs_tick().
  void tick(const KeyRefresh& refresh, KeeperActions& actions);
  bool needs_tick() const { return !unsettled_.empty(); }

  crypto::ShareEpoch epoch() const { return share_->epoch(); }

 private:
  void hand_out(const KeyRefresh& refresh, KeeperActions& actions);
  void take_part(const KeyRefresh& refresh, KeeperActions& actions);
  void open_deals(const KeyRefresh& refresh, const crypto::SitePublicKeyPtr& next,
                  KeeperActions& actions);
  void on_renewed(const KeyRefresh& refresh, const Renewed& renewed, KeeperActions& actions);
  void say(wire::RefreshMessage message, KeeperActions& actions);
  bool settled(const KeyRefresh& refresh, const wire::RefreshMessage& message) const;

  const ServerIndex self_;
  crypto::SiteKeySharePtr share_;
  bool checked_ = false;  // against the key of its epoch
  SigningKeysPtr keys_;   // last handed out

  crypto::ShareEpoch dealing_ = 0;        // a deal for this epoch was asked for
  crypto::SitePublicKeyPtr opening_;      // the key that deals were last opened towards,
  std::vector<KeyRefresh::Step> opened_;  // those deals,
  crypto::SiteKeySharePtr candidate_;     // and the share they led to, once it is there
  std::vector<wire::RefreshMessage> unsettled_;
};

}  // namespace steward::site
