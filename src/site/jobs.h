// Threshold cryptography is slow, so it runs as jobs outside the protocol thread: a state machine
// asks for one, the world runs `run_signing_job` in its crypto pool (the simulator: on its
// modelled CPU) and hands the result back as an event.
#pragma once

#include <memory>
#include <variant>
#include <vector>

#include "common/bytes.h"
#include "common/ids.h"
#include "crypto/sha256.h"
#include "crypto/share_renewal.h"
#include "crypto/site_key.h"

namespace steward::site {

using BatchNumber = std::uint64_t;  // of a signing batch: the local sequence that produced it

// What a site signs. A logical machine makes one statement for each number, and `root` is not used:
// another root for it is a lie. Elsewhere a number may have several, told apart by their roots.
struct StatementId {
  BatchNumber number = 0;
  crypto::Digest root = {};
  StatementId() = default;
  StatementId(BatchNumber of_machine) : number(of_machine) {}  // NOLINT: they are the same there
  StatementId(BatchNumber about, const crypto::Digest& what) : number(about), root(what) {}
  auto operator<=>(const StatementId&) const = default;
};

// What a server signs with in one epoch of its site's shares. Immutable, shared with jobs.
struct SigningKeys {
  crypto::SitePublicKeyPtr key;
  crypto::SiteKeySharePtr share;  // null while this server has none of the epoch
  crypto::ShareEpoch epoch() const { return key->epoch(); }
};
using SigningKeysPtr = std::shared_ptr<const SigningKeys>;

struct ShareJob {
  SigningKeysPtr keys;  // with a share
  StatementId id;
  Bytes statement;
  bool with_proof = false;
};
struct ShareMade {
  crypto::ShareEpoch epoch = 0;
  StatementId id;
  Bytes share;
  Bytes proof;  // empty unless asked for
};

struct CombineJob {
  SigningKeysPtr keys;
  StatementId id;
  Bytes statement;
  std::vector<crypto::SignatureShare> shares;
};
struct Combined {
  crypto::ShareEpoch epoch = 0;
  StatementId id;
  Bytes signature;  // empty when the shares did not make a valid signature
};

struct CheckSharesJob {
  SigningKeysPtr keys;
  StatementId id;
  Bytes statement;
  std::vector<crypto::SignatureShare> shares;
};
struct SharesChecked {
  crypto::ShareEpoch epoch = 0;
  StatementId id;
  std::vector<ServerIndex> guilty;  // whose shares are wrong
};

// Renewal of shares (share_keeper.h). `deal` holds the dealer and the context.
struct DealJob {
  SigningKeysPtr keys;
  crypto::ShareEpoch epoch = 0;  // that the deal leads to
  crypto::Deal deal;
};
struct DealMade {
  crypto::ShareEpoch epoch = 0;
  Bytes deal;
};

struct RenewJob {
  crypto::SitePublicKeyPtr next;
  crypto::SiteKeySharePtr own;
  std::vector<crypto::Deal> deals;
};
struct Renewed {
  crypto::SitePublicKeyPtr next;
  crypto::SiteKeySharePtr share;   // null when it could not be made
  std::vector<std::size_t> wrong;  // deals, by place in the job, whose subshare is wrong
};

struct ComplainJob {
  crypto::SitePublicKeyPtr key;
  crypto::SiteKeySharePtr own;
  crypto::ShareEpoch epoch = 0;  // that the deal led to
  crypto::Deal deal;
};
struct Complained {
  crypto::ShareEpoch epoch = 0;
  ServerIndex dealer = 0;
  Bytes complaint;
};

// Is the share in a message that somebody shows around wrong, as its sender signed it?
struct JudgeJob {
  SigningKeysPtr keys;
  ServerIndex accuser = 0;
  Bytes statement;
  crypto::SignatureShare share;
  Bytes header;
};
struct Judged {
  ServerIndex accuser = 0;
  ServerIndex accused = 0;
  bool guilty = false;
  Bytes header;
};

using SigningJob =
    std::variant<ShareJob, CombineJob, CheckSharesJob, DealJob, RenewJob, ComplainJob, JudgeJob>;
using SigningResult =
    std::variant<ShareMade, Combined, SharesChecked, DealMade, Renewed, Complained, Judged>;

// Pure but for fresh randomness in proofs; deals and complaints draw theirs from `entropy`, 32
// unpredictable bytes for this job alone. Thread-safe.
SigningResult run_signing_job(const SigningJob& job, BytesView entropy);

}  // namespace steward::site
