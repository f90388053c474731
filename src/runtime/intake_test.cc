#include "runtime/intake.h"

#include <gtest/gtest.h>

#include <vector>

namespace steward::runtime {
namespace {

TEST(Intake, WhoeverFloodsIsRefusedAndTakesNothingFromOthers) {
  Intake intake(100 << 10);
  std::vector<Intake::Ticket> tickets;
  while (Intake::Ticket ticket = intake.admit("flood", 10 << 10)) tickets.push_back(ticket);
  EXPECT_EQ(tickets.size(), 9U);
  EXPECT_NE(intake.admit("other", 10 << 10), nullptr);
  tickets.pop_back();
  EXPECT_NE(intake.admit("flood", 10 << 10), nullptr);
}

TEST(Intake, OneFrameIsAlwaysTaken) {
  Intake intake(1 << 10);
  Intake::Ticket only = intake.admit("source", 1 << 20);
  ASSERT_NE(only, nullptr);
  EXPECT_EQ(intake.admit("source", 1), nullptr);
  only.reset();
  EXPECT_NE(intake.admit("source", 1), nullptr);
}

TEST(Intake, ManyEmptyFramesCountToo) {
  Intake intake(1 << 20);
  std::vector<Intake::Ticket> tickets;
  while (Intake::Ticket ticket = intake.admit("source", 0)) tickets.push_back(ticket);
  EXPECT_LE(tickets.size(), 1024U);
}

}  // namespace
}  // namespace steward::runtime
