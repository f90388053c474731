// Threshold cryptography is slow, so it runs as jobs outside the protocol thread: a state machine
// asks for one, the world runs `run_signing_job` in its crypto pool (the simulator: on its
// modelled CPU) and hands the result back as an event.
#pragma once

#include <variant>
#include <vector>

#include "common/bytes.h"
#include "common/ids.h"
#include "crypto/site_key.h"

namespace steward::site {

using BatchNumber = std::uint64_t;  // of a signing batch: the local sequence that produced it

struct ShareJob {
  BatchNumber batch = 0;
  Bytes statement;
  bool with_proof = false;
};
struct ShareMade {
  BatchNumber batch = 0;
  Bytes share;
  Bytes proof;  // empty unless asked for
};

struct CombineJob {
  BatchNumber batch = 0;
  Bytes statement;
  std::vector<crypto::SignatureShare> shares;
};
struct Combined {
  BatchNumber batch = 0;
  Bytes signature;  // empty when the shares did not make a valid signature
};

struct CheckSharesJob {
  BatchNumber batch = 0;
  Bytes statement;
  std::vector<crypto::SignatureShare> shares;
};
struct SharesChecked {
  BatchNumber batch = 0;
  std::vector<ServerIndex> guilty;  // whose shares are wrong
};

using SigningJob = std::variant<ShareJob, CombineJob, CheckSharesJob>;
using SigningResult = std::variant<ShareMade, Combined, SharesChecked>;

// Pure but for fresh randomness in proofs. Thread-safe.
SigningResult run_signing_job(const SigningJob& job, const crypto::SitePublicKey& site_key,
                              const crypto::SiteKeyShare& key_share);

}  // namespace steward::site
