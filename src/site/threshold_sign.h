// THRESHOLD-SIGN (SPEC 1.3): the servers of a site make one signature together.
//
// State, per statement: the bytes to sign (known once the batch has been executed here),
// own share, shares of others, the combined signature.
// Messages: Share (to all servers of the site), ShareRequest (with or without proof).
// Durable: nothing of its own. A share is a function of the locally committed log, which a quorum
// of the site holds durably; a restarted server makes the same share again.
// Normal case: every server broadcasts its share; whoever needs the signature (the forwarder of a
// link) combines `threshold` shares at once, unproven, and verifies the outcome: optimistic.
// When that fails, it asks for proofs, checks them, and combines proven shares only. A server
// whose proof does not hold, or whose proven share differs from the one it sent before, is guilty
// and its unproven shares are not used again. Those whose unproven shares stood in the failed
// combination are suspects until they prove a share: one that never proves is not named, but costs
// one failed combination and not one for each batch.
// Shares that prove themselves are checked at once, all together, instead of asking for proofs.
// Why it ends: `threshold` correct servers answer with provable shares.
// Statements: a logical machine has one for each of its signing batches, and all correct servers
// the same. Where a site signs what its servers individually decide to (`by_root`), they are told
// apart by their roots; what no correct server signs is then kept only so long as there is room for
// it. Epochs: shares of different epochs of the key do not combine. When the epoch changes, all
// batches that are not signed yet begin anew with the new keys; a share of an epoch to come waits.
// Evidence: peers sign their shares. A wrong one, with its sender's signature, shows anybody that
// the sender is faulty (the `Corrupted_Server` of the journal paper).
//
// Not thread-safe. Jobs run elsewhere and come back as results.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "crypto/sha256.h"
#include "site/jobs.h"
#include "wire/client.pb.h"
#include "wire/site.pb.h"

namespace steward::site {

// Somebody turned out to be faulty.
struct Blame {
  ServerIndex server = 0;
  wire::Offence offence = wire::OFFENCE_UNKNOWN;
  Bytes header;  // the SignedHeader of the share that shows it; empty when it shows only here
};

struct SigningActions {
  std::vector<SigningJob> jobs;
  std::vector<wire::Share> broadcasts;  // to the other servers of the site
  std::vector<std::pair<ServerIndex, wire::Share>> answers;
  std::vector<wire::ShareRequest> requests;  // to the other servers of the site
  std::vector<StatementId> signed_statements;
  std::vector<Blame> blames;
};

class ThresholdSign {
 public:
  struct Options {
    ServerIndex self = 0;
    std::uint32_t servers = 1;
    std::uint32_t threshold = 1;
    bool shares_prove_themselves = false;
    bool by_root = false;  // statements are told apart by their roots, too
  };
  // What one signature covers.
  struct Statement {
    Bytes bytes;  // wire::site_statement(…)
    crypto::Digest root;
    std::uint32_t leaf_count = 0;
  };

  explicit ThresholdSign(Options options) : options_(options) {}

  // What to sign with from now on; before the first batch, and when the epoch changes.
  void set_keys(SigningKeysPtr keys, SigningActions& actions);

  // This server signs it: make and spread the own share.
  void start(const StatementId& id, Statement statement, SigningActions& actions);

  // This server needs the combined signature; it will be in `signed_statements`.
  void want(const StatementId& id, SigningActions& actions);

  // `header`: the share as its sender signed it; its signature need not have been checked.
  void on_share(ServerIndex from, const wire::Share& share, Bytes header, SigningActions& actions);
  void on_request(ServerIndex from, const wire::ShareRequest& request, SigningActions& actions);
  void on_result(const SigningResult& result, SigningActions& actions);

  // Asks again for the shares of wanted batches. Called by timer while needs_retry().
  void retry(SigningActions& actions);
  bool needs_retry() const { return !awaited_.empty(); }

  // Of a logical machine: batches that no unacknowledged output belongs to are forgotten, all below
  // `first_needed` but `keep`, that of the latest acknowledgement.
  void release_below(BatchNumber first_needed, BatchNumber keep);
  // Nobody needs the signature any more.
  void release(const StatementId& id);

  // Null while not combined.
  const Bytes* signature(const StatementId& id) const;

  // Known to be faulty from elsewhere.
  void distrust(ServerIndex server) { guilty_.insert(server); }
  const SigningKeysPtr& keys() const { return keys_; }
  const std::set<ServerIndex>& guilty() const { return guilty_; }
  std::size_t statements() const { return entries_.size(); }

 private:
  struct PeerShare {
    Bytes share;
    Bytes proof;
    Bytes header;
    bool proven = false;
    bool contradicts = false;  // another share that this server gave before
  };
  struct EarlyShare {
    wire::Share share;
    Bytes header;
  };
  struct Entry {
    std::optional<Statement> statement;       // not known until executed here
    std::map<ServerIndex, EarlyShare> early;  // before the statement, or of an epoch to come
    std::map<ServerIndex, PeerShare> shares;
    Bytes signature;
    bool wanted = false;
    bool combining = false;
    bool need_proofs = false;
    std::vector<ServerIndex> combined;  // unproven shares in the combination under way
    std::set<ServerIndex> checking;     // their proofs are with a job
    std::set<ServerIndex> refuted;      // their proofs did not hold; checked once a batch
    std::vector<std::pair<ServerIndex, bool>> waiting;  // for our share; with proof?
  };

  StatementId id_of(const wire::Share& share) const;
  bool has_room(ServerIndex from, const StatementId& id);
  void accept_share(Entry& entry, ServerIndex from, EarlyShare early, SigningActions& actions);
  void accept_early(Entry& entry, SigningActions& actions);
  void make_share(const StatementId& id, Entry& entry, bool with_proof, SigningActions& actions);
  void blame(ServerIndex server, wire::Offence offence, Bytes header, SigningActions& actions);
  bool distrusted(ServerIndex server) const;
  void advance(const StatementId& id, Entry& entry, SigningActions& actions);
  void check_proofs(const StatementId& id, Entry& entry, SigningActions& actions);
  wire::ShareRequest request(const StatementId& id, bool with_proof) const;
  void on_share_made(const ShareMade& made, SigningActions& actions);
  void on_combined(const Combined& combined, SigningActions& actions);
  void on_checked(const SharesChecked& checked, SigningActions& actions);
  wire::Share own_share(const StatementId& id, const Entry& entry) const;

  const Options options_;
  SigningKeysPtr keys_;
  std::map<StatementId, Entry> entries_;
  std::set<StatementId> awaited_;  // wanted and not signed yet
  // Of statements that are not started here, those that each server named first, oldest first.
  std::map<ServerIndex, std::deque<StatementId>> unknown_;
  BatchNumber released_below_ = 0;
  BatchNumber started_ = 0;  // highest batch started
  std::set<ServerIndex> guilty_;
  std::set<ServerIndex> suspects_;
};

}  // namespace steward::site
