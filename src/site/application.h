// What a logical machine hands ordered batches of updates to: the execution of the replicated
// service (replica/execution.h). Called from within the machine's own deterministic step.
#pragma once

#include <compare>
#include <cstdint>
#include <vector>

#include "common/bytes.h"
#include "common/ids.h"
#include "crypto/sha256.h"
#include "wire/batch.h"

namespace steward::site {

struct UpdateKey {
  Bytes client;
  std::uint64_t session = 0;
  std::uint64_t timestamp = 0;
  auto operator<=>(const UpdateKey&) const = default;
};

class Application {
 public:
  virtual ~Application() = default;

  // Executes the batch at the next global sequence.
  virtual void execute(Sequence sequence, const wire::BatchPtr& batch) = 0;

  // Has this update been executed, or can it never be any more?
  virtual bool settled(const UpdateKey& key) const = 0;

  // Digest of the state after the last executed sequence; equal at every site.
  virtual crypto::Digest checkpoint() = 0;
};

// The key of a SignedUpdate's bytes; nullopt for bytes that are not one.
std::optional<UpdateKey> update_key(BytesView signed_update);

// Canonical bytes of a key, and back.
Bytes encode_update_key(const UpdateKey& key);
std::optional<UpdateKey> decode_update_key(BytesView encoded);

}  // namespace steward::site
