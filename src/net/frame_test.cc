#include "net/frame.h"

#include <gtest/gtest.h>

#include <random>

namespace steward::net {
namespace {

TEST(Frame, HeaderIsTheLengthInBigEndian) {
  Bytes out = "x";
  append_frame(out, "abc");
  EXPECT_EQ(out, Bytes("x\0\0\0\3abc", 8));
}

TEST(Frame, WhateverTheChunksTheFramesAreTheSame) {
  std::mt19937 random(1);
  std::vector<Bytes> sent;
  Bytes stream;
  for (const std::size_t size : {0U, 1U, 5U, 0U, 70000U, 3U}) {
    sent.emplace_back(size, static_cast<char>('a' + sent.size()));
    append_frame(stream, sent.back());
  }
  for (int round = 0; round < 50; ++round) {
    FrameParser parser;
    std::vector<Bytes> received;
    std::size_t at = 0;
    while (at < stream.size()) {
      const std::size_t size = 1 + random() % (round < 25 ? 7 : 30000);
      ASSERT_TRUE(parser.feed(BytesView(stream).substr(at, size), received));
      at += size;
    }
    ASSERT_EQ(received, sent);
  }
}

TEST(Frame, AnEmptyFrameIsCompleteWithItsHeader) {
  FrameParser parser;
  std::vector<Bytes> frames;
  EXPECT_TRUE(parser.feed(BytesView("\0\0\0\0", 4), frames));
  EXPECT_EQ(frames, std::vector<Bytes>{""});
}

TEST(Frame, TheLargestIsTakenAndOneMoreIsNot) {
  FrameParser parser(10);
  std::vector<Bytes> frames;
  EXPECT_TRUE(parser.feed(Bytes("\0\0\0\12", 4) + "0123456789", frames));
  EXPECT_EQ(frames, std::vector<Bytes>{"0123456789"});
  EXPECT_FALSE(parser.feed(Bytes("\0\0\0\13", 4), frames));
  EXPECT_FALSE(parser.feed(Bytes("\0\0\0\1x", 5), frames));
  EXPECT_EQ(frames.size(), 1U);
}

TEST(Frame, FramesBeforeGarbageStillCount) {
  FrameParser parser;
  std::vector<Bytes> frames;
  EXPECT_FALSE(parser.feed(Bytes("\0\0\0\1a", 5) + "GET / HTTP/1.1\r\n", frames));
  EXPECT_EQ(frames, std::vector<Bytes>{"a"});
}

TEST(Frame, RandomBytesNeverYieldMoreThanTheyHold) {
  std::mt19937 random(2);
  for (int round = 0; round < 2000; ++round) {
    FrameParser parser(64);
    std::vector<Bytes> frames;
    Bytes garbage;
    for (std::size_t i = random() % 200; i > 0; --i) {
      garbage.push_back(static_cast<char>(random() % 4 == 0 ? random() : 0));
    }
    parser.feed(garbage, frames);
    std::size_t total = 0;
    for (const Bytes& frame : frames) {
      ASSERT_LE(frame.size(), 64U);
      total += frame.size() + kFrameHeaderBytes;
    }
    ASSERT_LE(total, garbage.size());
  }
}

}  // namespace
}  // namespace steward::net
