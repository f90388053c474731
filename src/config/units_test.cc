#include "config/units.h"

#include <gtest/gtest.h>

namespace steward::config {
namespace {

TEST(Units, DurationsAreReadToTheMicrosecond) {
  EXPECT_EQ(parse_duration("50ms"), Duration(50'000));
  EXPECT_EQ(parse_duration("2s"), Duration(2'000'000));
  EXPECT_EQ(parse_duration("100us"), Duration(100));
  EXPECT_EQ(parse_duration("1.5 min"), Duration(90'000'000));
  EXPECT_EQ(parse_duration("2.3ms"), Duration(2'300));
  EXPECT_EQ(parse_duration("0s"), Duration(0));
  EXPECT_EQ(parse_duration("720h"), Duration(2'592'000'000'000));
}

TEST(Units, RatesAreDecimalAndMayBeUnlimited) {
  EXPECT_EQ(parse_rate("10Mbit/s"), 10'000'000U);
  EXPECT_EQ(parse_rate("2.5Mbit/s"), 2'500'000U);
  EXPECT_EQ(parse_rate("1Gbit/s"), 1'000'000'000U);
  EXPECT_EQ(parse_rate("unlimited"), 0U);
}

TEST(Units, SizesAreBinary) {
  EXPECT_EQ(parse_size("64MiB"), 64U << 20);
  EXPECT_EQ(parse_size("0.5KiB"), 512U);
  EXPECT_EQ(parse_size("7B"), 7U);
}

TEST(Units, WhatIsNotAQuantityIsRefused) {
  for (const char* text : {"", "50", "ms", "-5ms", "5 m s", "1e3ms", "1.2.3s", ".s", "0.5us",
                           "99999999999999999999s", "50MS", "50ms ", " 50ms", "inf", "nan"}) {
    EXPECT_FALSE(parse_duration(text)) << text;
  }
  EXPECT_FALSE(parse_rate("10MB/s"));
  EXPECT_FALSE(parse_size("64MB"));
  EXPECT_FALSE(parse_size("0.3B"));
}

TEST(Units, WhatIsWrittenIsReadBack) {
  for (const std::int64_t us : {0L, 1L, 999L, 1'000L, 2'500L, 90'000'000L, 3'600'000'000L}) {
    EXPECT_EQ(parse_duration(format_duration(Duration(us))), Duration(us));
  }
  for (const std::uint64_t value : {1UL, 1024UL, 1UL << 20, (1UL << 20) + 1, 1UL << 40}) {
    EXPECT_EQ(parse_size(format_size(value)), value);
    EXPECT_EQ(parse_rate(format_rate(value)), value);
  }
  EXPECT_EQ(format_rate(0), "unlimited");
  EXPECT_EQ(format_duration(Duration(50'000)), "50ms");
  EXPECT_EQ(format_size(256 << 10), "256KiB");
}

}  // namespace
}  // namespace steward::config
