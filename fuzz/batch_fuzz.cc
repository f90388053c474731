// wire/batch.h: what decodes keeps its bytes and digest; the items, batched again, are the items.
#include "fuzz/input.h"
#include "wire/batch.h"
#include "wire/limits.h"

using namespace steward;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input in(data, size);
  const Bytes encoded(in.rest());
  const Result<wire::BatchPtr> batch = wire::decode_batch(encoded);
  if (!batch) return 0;
  STEWARD_CHECK((*batch)->encoded == encoded);
  STEWARD_CHECK((*batch)->items.size() <= limits::kMaxBatchItems);
  const wire::BatchPtr made = wire::make_batch((*batch)->items);
  STEWARD_CHECK((made->digest == (*batch)->digest) == (made->encoded == encoded));
  const Result<wire::BatchPtr> again = wire::decode_batch(made->encoded);
  STEWARD_CHECK(again.ok() && (*again)->items == made->items && (*again)->digest == made->digest);
  return 0;
}
