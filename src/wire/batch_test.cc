#include "wire/batch.h"

#include <gtest/gtest.h>

#include "wire/limits.h"

namespace steward::wire {
namespace {

TEST(Batch, DecodesWhatWasMade) {
  const BatchPtr made = make_batch({"one", "", "three"});
  const auto decoded = decode_batch(made->encoded);
  ASSERT_TRUE(decoded);
  EXPECT_EQ((*decoded)->items, made->items);
  EXPECT_EQ((*decoded)->digest, made->digest);
}

TEST(Batch, BoundariesBetweenItemsChangeTheDigest) {
  EXPECT_NE(make_batch({"ab", "c"})->digest, make_batch({"a", "bc"})->digest);
}

TEST(Batch, RefusesGarbageAndTooManyItems) {
  EXPECT_FALSE(decode_batch("\xff\xff garbage"));
  const auto many =
      decode_batch(make_batch(std::vector<Bytes>(limits::kMaxBatchItems + 1))->encoded);
  ASSERT_FALSE(many);
  EXPECT_EQ(many.error().code, ErrorCode::kTooLarge);
}

}  // namespace
}  // namespace steward::wire
