#include "common/bytes.h"

#include <gtest/gtest.h>

namespace steward {
namespace {

TEST(Bytes, HexRoundTrip) {
  const Bytes bytes("\x00\x7f\xff\x10", 4);
  EXPECT_EQ(to_hex(bytes), "007fff10");
  EXPECT_EQ(from_hex("007FfF10"), bytes);
}

TEST(Bytes, HexRefusesWhatIsNotHex) {
  EXPECT_FALSE(from_hex("0"));
  EXPECT_FALSE(from_hex("0g"));
  EXPECT_EQ(from_hex(""), Bytes());
}

TEST(Bytes, IntegersAreBigEndian) {
  Bytes out;
  append_u32(out, 0x01020304);
  append_u64(out, 0x0a0b0c0d0e0f1011);
  EXPECT_EQ(to_hex(out), "010203040a0b0c0d0e0f1011");
  EXPECT_EQ(read_u32(out, 0), 0x01020304u);
  EXPECT_EQ(read_u64(out, 4), 0x0a0b0c0d0e0f1011u);
}

TEST(Bytes, FramingKeepsFieldsApart) {
  Bytes one;
  append_framed(one, "ab");
  append_framed(one, "c");
  Bytes other;
  append_framed(other, "a");
  append_framed(other, "bc");
  EXPECT_NE(one, other);
}

}  // namespace
}  // namespace steward
