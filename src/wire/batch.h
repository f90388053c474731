// The unit of ordering: an ordered list of opaque items with the digest of its encoding.
// Immutable once made, shared freely between threads.
#pragma once

#include <memory>
#include <vector>

#include "common/bytes.h"
#include "common/result.h"
#include "crypto/sha256.h"

namespace steward::wire {

struct Batch {
  std::vector<Bytes> items;
  Bytes encoded;          // as it travels and as it is digested
  crypto::Digest digest;  // SHA-256 over a domain tag and `encoded`
};
using BatchPtr = std::shared_ptr<const Batch>;

BatchPtr make_batch(std::vector<Bytes> items);

// Refuses what is malformed or beyond limits.h.
Result<BatchPtr> decode_batch(Bytes encoded);

}  // namespace steward::wire
