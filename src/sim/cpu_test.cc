#include "sim/cpu.h"

#include <gtest/gtest.h>

#include <string>

namespace steward::sim {
namespace {

class CpuTest : public testing::Test {
 protected:
  void add(Cpu::Lane lane, Duration cost, char name) {
    cpu_.run(
        lane, [cost] { return cost; },
        [this, name] { done_ += name + std::to_string(events_.now().count()) + " "; });
  }

  EventQueue events_;
  Cpu cpu_{events_};
  std::string done_;
};

TEST_F(CpuTest, OneLaneIsServedInOrder) {
  add(Cpu::Lane::kVerify, 100us, 'a');
  add(Cpu::Lane::kVerify, 50us, 'b');
  events_.run_until(1s);
  EXPECT_EQ(done_, "a100 b150 ");
}

TEST_F(CpuTest, LongWorkDoesNotBlockOtherLanesForLong) {
  add(Cpu::Lane::kSigning, 4000us, 's');
  events_.run_until(100us);
  add(Cpu::Lane::kProtocol, 10us, 'p');
  events_.run_until(1s);
  EXPECT_EQ(done_, "p510 s4010 ");
}

TEST_F(CpuTest, ABusyLaneDoesNotStarveAnother) {
  for (int i = 0; i < 100; ++i) add(Cpu::Lane::kVerify, 100us, 'v');
  add(Cpu::Lane::kSigning, 1000us, 's');
  events_.run_until(3ms);
  EXPECT_NE(done_.find('s'), std::string::npos);
}

TEST_F(CpuTest, ResetForgetsAllWork) {
  add(Cpu::Lane::kVerify, 100us, 'a');
  add(Cpu::Lane::kProtocol, 100us, 'b');
  EXPECT_EQ(cpu_.queued(), 2U);
  cpu_.reset();
  add(Cpu::Lane::kProtocol, 7us, 'c');
  events_.run_until(1s);
  EXPECT_EQ(done_, "c7 ");
}

}  // namespace
}  // namespace steward::sim
