#include "sim/network.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace steward::sim {
namespace {

ClusterConfig two_sites() {
  ClusterConfig config;
  config.sites.resize(2);
  config.topology.wide = {50ms, 10'000'000, 0};
  config.topology.local = {100us, 1'000'000'000, 0};
  return config;
}

class NetworkTest : public testing::Test {
 protected:
  void send(ServerId from, ServerId to, std::size_t bytes = 96) {
    network_.send(from, to, std::make_shared<const Bytes>(bytes, 'x'));
  }
  void count() {
    for (int i = 0; i < 1000; ++i) {
      send({0, 0}, {1, 0});
      events_.run_until(events_.now() + 1ms);
    }
    events_.run_until(events_.now() + 1s);
  }

  const ClusterConfig config_ = two_sites();
  EventQueue events_;
  std::vector<Duration> arrivals_;
  std::vector<Bytes> damaged_;
  Network network_{config_, events_, Random(7),
                   [this](ServerId, ServerId, const Frame&) { arrivals_.push_back(events_.now()); },
                   [this](ServerId, ServerId, const Frame& frame) { damaged_.push_back(*frame); }};
};

TEST_F(NetworkTest, LocalAndWideLinksTakeTheirTime) {
  send({0, 0}, {0, 1});
  events_.run_until(1s);
  send({0, 0}, {1, 1});
  events_.run_until(2s);
  ASSERT_EQ(arrivals_.size(), 2U);
  EXPECT_EQ(arrivals_[0], 100us);
  EXPECT_EQ(arrivals_[1], 1s + 50ms + 80us);  // 100 bytes with framing at 10 Mbit/s
  EXPECT_EQ(network_.wide_bytes().at({0, 1}), 100U);
  EXPECT_FALSE(network_.wide_bytes().contains({1, 0}));
}

TEST_F(NetworkTest, ServersOfASiteShareTheWideLink) {
  send({0, 0}, {1, 0}, 12'496);  // 10 ms
  send({0, 1}, {1, 1}, 12'496);
  events_.run_until(1s);
  ASSERT_EQ(arrivals_.size(), 2U);
  EXPECT_EQ(arrivals_[1] - arrivals_[0], 10ms);
}

TEST_F(NetworkTest, ACutSiteHearsNothingAlsoNotWhatWasUnderWay) {
  send({0, 0}, {1, 0});
  network_.cut_site(1, true);
  send({0, 0}, {1, 0});
  send({1, 0}, {1, 1});
  events_.run_until(1s);
  EXPECT_EQ(arrivals_.size(), 1U) << "inside the site all is well";
  network_.cut_site(1, false);
  send({0, 0}, {1, 0});
  events_.run_until(2s);
  EXPECT_EQ(arrivals_.size(), 2U);
}

TEST_F(NetworkTest, ACutServerHearsNothing) {
  network_.cut_server({0, 1}, true);
  send({0, 0}, {0, 1});
  send({0, 1}, {1, 0});
  events_.run_until(1s);
  EXPECT_TRUE(arrivals_.empty());
  EXPECT_EQ(network_.dropped(), 2U);
}

TEST_F(NetworkTest, LosesAndDuplicatesAboutAsOftenAsAsked) {
  network_.set_faults({.loss_ppm = 100'000});
  count();
  EXPECT_NEAR(static_cast<double>(arrivals_.size()), 900, 50);
  arrivals_.clear();
  network_.set_faults({.duplicate_ppm = 100'000});
  count();
  EXPECT_NEAR(static_cast<double>(arrivals_.size()), 1100, 50);
}

TEST_F(NetworkTest, ABlockIsOneWayAndEndsAsOftenAsItBegan) {
  network_.block({0, 0}, {0, 1}, true);
  network_.block({0, 0}, {0, 1}, true);
  send({0, 0}, {0, 1});
  send({0, 1}, {0, 0});
  send({0, 0}, {0, 2});
  events_.run_until(1s);
  EXPECT_EQ(arrivals_.size(), 2U);
  network_.block({0, 0}, {0, 1}, false);
  send({0, 0}, {0, 1});
  events_.run_until(2s);
  EXPECT_EQ(arrivals_.size(), 2U);
  network_.block({0, 0}, {0, 1}, false);
  send({0, 0}, {0, 1});
  events_.run_until(3s);
  EXPECT_EQ(arrivals_.size(), 3U);
}

TEST_F(NetworkTest, SlowLinksTakeLonger) {
  network_.slow_links({0, 1}, 1000);
  send({0, 0}, {0, 1}, 12'496);  // 100 us at 1 Gbit/s
  send({0, 0}, {0, 2}, 12'496);
  events_.run_until(10s);
  EXPECT_EQ(arrivals_, (std::vector<Duration>{200us, 100ms + 100us}));
}

TEST_F(NetworkTest, DamagedMessagesGoTheirOwnWay) {
  network_.set_faults({.corrupt_ppm = 100'000});
  count();
  EXPECT_NEAR(static_cast<double>(arrivals_.size()), 900, 50);
  EXPECT_EQ(damaged_.size(), network_.damaged());
  for (const Bytes& frame : damaged_) {
    ASSERT_EQ(frame.size(), 96U);
    EXPECT_EQ(std::count(frame.begin(), frame.end(), 'x'), 95);
  }
}

TEST_F(NetworkTest, SparesWhatTheCoreSendsItself) {
  network_.set_faults({.loss_ppm = 1'000'000, .jitter = 1s});
  network_.slow_links({0, 0}, 1000);
  network_.block({0, 0}, {0, 1}, true);
  network_.spare({{0, 0}, {0, 1}});
  send({0, 0}, {0, 1});
  send({0, 0}, {0, 2});
  events_.run_until(10s);
  EXPECT_EQ(arrivals_, std::vector<Duration>{100us});
}

TEST_F(NetworkTest, AFullLinkDropsInsteadOfQueueingForEver) {
  for (int i = 0; i < 100; ++i) send({0, 0}, {1, 0}, 1 << 20);
  EXPECT_GT(network_.dropped(), 0U);
  EXPECT_LE(network_.max_backlog_bytes(), 32U << 20);
}

}  // namespace
}  // namespace steward::sim
