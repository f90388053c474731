#include "common/result.h"

#include <gtest/gtest.h>

#include <memory>

namespace steward {
namespace {

Result<std::unique_ptr<int>> make(bool works) {
  if (!works) return bad_input("no");
  return std::make_unique<int>(7);
}

TEST(Result, CarriesAValueOrAnError) {
  auto good = make(true);
  ASSERT_TRUE(good);
  EXPECT_EQ(**good, 7);
  const auto bad = make(false);
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code, ErrorCode::kBadInput);
  EXPECT_EQ(bad.error().message, "no");
}

TEST(ResultDeathTest, ValueOfAFailureStopsTheProgram) {
  EXPECT_DEATH((void)make(false).value(), "invariant violated");
}

}  // namespace
}  // namespace steward
