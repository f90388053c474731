#include "wire/batch.h"

#include "wire/agreement.pb.h"
#include "wire/limits.h"

namespace steward::wire {
namespace {

crypto::Digest batch_digest(BytesView encoded) {
  return crypto::sha256_parts({"steward/batch", encoded});
}

}  // namespace

BatchPtr make_batch(std::vector<Bytes> items) {
  BatchBody body;
  for (const Bytes& item : items) body.add_items(item);
  auto batch = std::make_shared<Batch>();
  batch->items = std::move(items);
  batch->encoded = body.SerializeAsString();
  batch->digest = batch_digest(batch->encoded);
  return batch;
}

Result<BatchPtr> decode_batch(Bytes encoded) {
  if (encoded.size() > limits::kMaxBatchBytes)
    return Error{ErrorCode::kTooLarge, "batch too large"};
  BatchBody body;
  if (!body.ParseFromString(encoded)) return bad_input("malformed batch");
  if (static_cast<std::size_t>(body.items_size()) > limits::kMaxBatchItems) {
    return Error{ErrorCode::kTooLarge, "too many items in a batch"};
  }
  auto batch = std::make_shared<Batch>();
  for (Bytes& item : *body.mutable_items()) batch->items.push_back(std::move(item));
  batch->digest = batch_digest(encoded);
  batch->encoded = std::move(encoded);
  return BatchPtr(std::move(batch));
}

}  // namespace steward::wire
