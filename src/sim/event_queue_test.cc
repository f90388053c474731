#include "sim/event_queue.h"

#include <gtest/gtest.h>

#include <string>

namespace steward::sim {
namespace {

TEST(EventQueue, RunsInOrderOfTimeThenOfAsking) {
  EventQueue events;
  std::string order;
  events.after(20us, [&] { order += 'c'; });
  events.after(10us, [&] { order += 'a'; });
  events.after(10us, [&] { order += 'b'; });
  events.after(30us, [&] { order += 'd'; });
  events.run_until(20us);
  EXPECT_EQ(order, "abc");
  EXPECT_EQ(events.now(), 20us);
  events.run_until(1s);
  EXPECT_EQ(order, "abcd");
  EXPECT_EQ(events.now(), 1s);
}

TEST(EventQueue, AnEventMayAskForMoreAtTheSameTime) {
  EventQueue events;
  int runs = 0;
  events.after(5us, [&] { events.after(0us, [&] { ++runs; }); });
  events.run_until(5us);
  EXPECT_EQ(runs, 1);
}

TEST(EventQueue, CancelledEventsDoNotRun) {
  EventQueue events;
  int runs = 0;
  const auto id = events.after(5us, [&] { ++runs; });
  events.cancel(id);
  events.run_until(1s);
  events.cancel(id);
  EXPECT_EQ(runs, 0);
  EXPECT_EQ(events.size(), 0U);
}

}  // namespace
}  // namespace steward::sim
