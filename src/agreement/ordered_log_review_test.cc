#include <gtest/gtest.h>

#include "agreement/core.h"
#include "agreement/ordered_log.h"

namespace steward::agreement {
namespace {

Record prepared(Sequence n) {
  wire::CertificateRecord certificate;
  certificate.set_digest(crypto::sha256("a batch").str());
  return {n, kPreparedRecord, certificate.SerializeAsString()};
}

Status open(const std::vector<Record>& records) {
  Options options;
  options.quorums = {4, 1, true};
  options.checkpoint_interval = 8;
  auto core = open_core(Protocol::kPbft, options, records);
  return core ? Status() : Status(core.error());
}

// A certificate without its proposal is damage where it is still needed, and else of no interest:
// what is forgotten may be gone in part.
TEST(OrderedLogReview, RecordsBelowTheTailDoNotKeepAServerFromStarting) {
  wire::StableCheckpoint stable;
  stable.set_sequence(16);
  stable.set_digest(crypto::sha256("a state").str());
  const Record checkpoint{0, kStableRecord, stable.SerializeAsString()};
  EXPECT_TRUE(open({checkpoint, prepared(8)}).ok());
  EXPECT_FALSE(open({checkpoint, prepared(17)}).ok());
}

}  // namespace
}  // namespace steward::agreement
