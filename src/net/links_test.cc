#include "net/links.h"

#include <gtest/gtest.h>

#include "net/test_cluster.h"
#include "wire/limits.h"

namespace steward::net {
namespace {

constexpr ServerId kA{0, 0};
constexpr ServerId kB{0, 1};
constexpr ServerId kFar{1, 0};

std::string start_error(const LinksOptions& options) {
  const auto started = Links::start(options, {});
  return started.ok() ? "" : started.error().message;
}

TEST(Links, FramesArriveInOrderInBothDirections) {
  const TestCluster cluster({2});
  TestServer a(cluster.options(kA));
  TestServer b(cluster.options(kB));
  ASSERT_TRUE(eventually([&] { return a.connected_with(kB) && b.connected_with(kA); }));
  std::vector<Bytes> sent;
  std::size_t bytes = 0;
  for (int i = 0; i < 2000; ++i) {
    sent.push_back(std::to_string(i) + Bytes(static_cast<std::size_t>(i % 97), 'x'));
    bytes += sent.back().size();
    a.send(kB, sent.back());
  }
  b.send(kA, "");  // an empty frame is a frame
  ASSERT_TRUE(eventually([&] { return b.frames_from(kA).size() == sent.size(); }));
  ASSERT_TRUE(eventually([&] { return a.frames_from(kB).size() == 1; }));
  EXPECT_EQ(b.frames_from(kA), sent);
  EXPECT_EQ(a.peer(kB).dropped_frames, 0U);
  EXPECT_TRUE(eventually([&] { return a.peer(kB).queued_bytes == 0; }));
  EXPECT_GT(a.peer(kB).bytes_out, bytes);
  EXPECT_GT(b.peer(kA).bytes_in, bytes);
}

TEST(Links, ManyThreadsMaySend) {
  const TestCluster cluster({2});
  TestServer a(cluster.options(kA));
  TestServer b(cluster.options(kB));
  ASSERT_TRUE(eventually([&] { return a.connected_with(kB); }));
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i) a.send(kB, Bytes(100, 'x'));
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(eventually([&] { return b.frames_from(kA).size() == 2000; }));
}

TEST(Links, TheLargestFramePassesAndALargerOneIsDropped) {
  const TestCluster cluster({2});
  TestServer a(cluster.options(kA));
  TestServer b(cluster.options(kB));
  ASSERT_TRUE(eventually([&] { return a.connected_with(kB); }));
  a.send(kB, Bytes(limits::kMaxFrameBytes + 1, 'x'));
  EXPECT_EQ(a.peer(kB).dropped_frames, 1U);
  const Bytes largest(limits::kMaxFrameBytes, 'y');
  a.send(kB, largest);
  ASSERT_TRUE(eventually([&] { return b.frames_from(kA).size() == 1; }));
  EXPECT_TRUE(b.frames_from(kA).front() == largest);
}

TEST(Links, WhatCannotWorkIsToldAtTheStart) {
  TestCluster cluster({1, 1});
  auto options = cluster.options(kA);
  options.seed = Bytes(kSeedBytes, 'x');
  EXPECT_NE(start_error(options).find("not the key"), std::string::npos);

  options = cluster.options(kA);
  options.self = {0, 7};
  EXPECT_NE(start_error(options).find("no server 0.7"), std::string::npos);

  RawSocket holder;
  cluster.config.sites[0].servers[0].port = holder.bind_to_free_port();
  holder.listen();
  const std::string taken = start_error(cluster.options(kA));
  EXPECT_NE(taken.find("cannot listen on 127.0.0.1:"), std::string::npos) << taken;
  EXPECT_NE(taken.find("in use"), std::string::npos) << taken;
}

TEST(Links, AnImpostorIsNeitherTalkedToNorHeard) {
  const TestCluster cluster({2});
  TestCluster lie = cluster;  // the impostor believes that B has another key: its own
  auto impostor_options = lie.options(kB);
  impostor_options.seed = Bytes(kSeedBytes, 'x');
  lie.directory.sites[0].servers[1] = public_key_of_seed(impostor_options.seed).value();
  impostor_options.directory = std::make_shared<const crypto::KeyDirectory>(lie.directory);
  TestServer a(cluster.options(kA));
  TestServer impostor(impostor_options);
  // It is refused as often as it tries, and what it offers as a server is, too.
  ASSERT_TRUE(eventually([&] {
    return a.links().stats().refused_connections >= 2 &&
           impostor.links().stats().refused_connections >= 2;
  }));
  EXPECT_FALSE(a.peer(kB).connected);
  EXPECT_FALSE(a.peer(kB).connected_back);
  EXPECT_FALSE(impostor.peer(kA).connected);
}

TEST(Links, OneServerCannotPoseAsAnother) {
  TestCluster cluster({3});
  TestServer a(cluster.options(kA));
  // C listens where B should: a listed key, but not the one expected there.
  auto swapped = cluster.options({0, 2});
  std::swap(swapped.config.sites[0].servers[1].port, swapped.config.sites[0].servers[2].port);
  TestServer c(swapped);
  ASSERT_TRUE(eventually([&] { return a.peer({0, 2}).connected_back; }));
  ASSERT_TRUE(eventually([&] { return c.links().stats().refused_connections >= 2; }));
  EXPECT_FALSE(a.peer(kB).connected);
}

TEST(Links, ComesBackAfterTheOtherSideRestarts) {
  const TestCluster cluster({2});
  TestServer a(cluster.options(kA));
  for (int life = 0; life < 3; ++life) {
    TestServer b(cluster.options(kB));
    ASSERT_TRUE(eventually([&] { return a.connected_with(kB) && b.connected_with(kA); }));
    a.send(kB, "hello " + std::to_string(life));
    ASSERT_TRUE(eventually([&] { return b.frames_from(kA).size() == 1; }));
    EXPECT_EQ(b.frames_from(kA).front(), "hello " + std::to_string(life));
  }
  ASSERT_TRUE(eventually([&] { return !a.peer(kB).connected && !a.peer(kB).connected_back; }));
  a.send(kB, "nobody there");
  EXPECT_EQ(a.peer(kB).dropped_frames, 1U);
  EXPECT_EQ(a.peer(kB).queued_bytes, 0U);
}

TEST(Links, GarbageAndSilenceAreClosedAndCounted) {
  const TestCluster cluster({2});
  auto options = cluster.options(kA);
  options.handshake_limit = 300ms;
  TestServer a(options);
  RawSocket http;
  http.connect(cluster.port(kA));
  http.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  RawSocket garbage;
  garbage.connect(cluster.port(kA));
  garbage.send(Bytes(100'000, '\xfe'));
  RawSocket silent;
  silent.connect(cluster.port(kA));
  RawSocket slow;  // the beginning of a TLS record that never ends
  slow.connect(cluster.port(kA));
  slow.send(Bytes("\x16\x03\x01\x02\x00\x01", 6));
  for (RawSocket* socket : {&http, &garbage, &silent, &slow}) {
    EXPECT_TRUE(eventually([&] { return socket->is_closed(); }));
  }
  EXPECT_TRUE(eventually([&] { return a.links().stats().refused_connections == 4; }));
  TestServer b(cluster.options(kB));
  EXPECT_TRUE(eventually([&] { return a.connected_with(kB); }));
}

TEST(Links, ManyHalfOpenConnectionsDoNotLockOutAPeer) {
  const TestCluster cluster({2});
  auto options = cluster.options(kA);
  options.max_pending_handshakes = 8;
  TestServer a(options);
  std::vector<std::unique_ptr<RawSocket>> silent;
  for (int i = 0; i < 50; ++i) {
    silent.push_back(std::make_unique<RawSocket>());
    silent.back()->connect(cluster.port(kA));
  }
  TestServer b(cluster.options(kB));
  EXPECT_TRUE(eventually([&] { return a.connected_with(kB) && b.connected_with(kA); }));
  EXPECT_GE(a.links().stats().refused_connections, 42U);
}

TEST(Links, FramesBetweenSitesTakeTheLinksTimeAndOthersDoNot) {
  TestCluster cluster({2, 1});
  cluster.config.topology.shape = true;
  cluster.config.topology.wide = {600ms, 0, 0};
  TestServer a(cluster.options(kA));
  TestServer b(cluster.options(kB));
  TestServer far(cluster.options(kFar));
  ASSERT_TRUE(eventually([&] { return a.peer(kB).connected && a.peer(kFar).connected; }));
  const auto start = std::chrono::steady_clock::now();
  a.send(kFar, "far");
  a.send(kB, "near");
  ASSERT_TRUE(eventually([&] { return b.frames_from(kA).size() == 1; }));
  EXPECT_TRUE(far.frames_from(kA).empty());
  ASSERT_TRUE(eventually([&] { return far.frames_from(kA).size() == 1; }));
  EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(599));
}

TEST(Links, ASlowLinkFillsTheQueueUpToItsLimit) {
  TestCluster cluster({1, 1});
  cluster.config.topology.shape = true;
  cluster.config.topology.wide = {1ms, 80'000, 0};  // 10 kB a second
  auto options = cluster.options(kA);
  options.max_peer_queue_bytes = 50'000;
  TestServer a(options);
  TestServer far(cluster.options(kFar));
  ASSERT_TRUE(eventually([&] { return a.peer(kFar).connected; }));
  for (int i = 0; i < 100; ++i) a.send(kFar, Bytes(1000, 'x'));
  const PeerStats stats = a.peer(kFar);
  EXPECT_LE(stats.queued_bytes, 50'000U);
  EXPECT_GE(stats.dropped_frames, 20U);
  EXPECT_TRUE(eventually([&] { return far.frames_from(kA).size() >= 3; }));
}

TEST(Links, ACutDropsBothWaysUntilItIsMended) {
  TestCluster cluster({2, 1});
  cluster.config.topology.shape = true;
  cluster.config.topology.wide = {20ms, 0, 0};
  TestServer a(cluster.options(kA));
  TestServer b(cluster.options(kB));
  TestServer far(cluster.options(kFar));
  ASSERT_TRUE(eventually(
      [&] { return far.connected_with(kA) && a.connected_with(kFar) && a.connected_with(kB); }));
  a.send(kFar, "on the way when the cut comes");
  ASSERT_TRUE(a.links().set_cut({0, 1}, true).ok());
  ASSERT_TRUE(eventually([&] { return a.peer(kFar).cut; }));
  a.send(kFar, "into the cut");
  far.send(kA, "from beyond the cut");
  a.send(kB, "within the site");
  ASSERT_TRUE(eventually([&] { return a.peer(kFar).cut_frames == 3; }));
  EXPECT_EQ(a.peer(kFar).queued_bytes, 0U);
  EXPECT_TRUE(eventually([&] { return b.frames_from(kA).size() == 1; }));
  EXPECT_TRUE(a.peer(kFar).connected);

  ASSERT_TRUE(a.links().set_cut({1}, false).ok());
  ASSERT_TRUE(eventually([&] { return !a.peer(kFar).cut; }));
  a.send(kFar, "mended");
  far.send(kA, "mended");
  ASSERT_TRUE(eventually([&] { return far.frames_from(kA).size() == 1; }));
  ASSERT_TRUE(eventually([&] { return a.frames_from(kFar).size() == 1; }));
  EXPECT_EQ(far.frames_from(kA).front(), "mended");
  EXPECT_EQ(a.frames_from(kFar).front(), "mended");
}

TEST(Links, CuttingNeedsAShapedClusterAndASiteThatExists) {
  TestCluster cluster({1, 1});
  TestServer plain(cluster.options(kA));
  EXPECT_FALSE(plain.links().set_cut({1}, true).ok());
  cluster.config.topology.shape = true;
  TestServer far(cluster.options(kFar));
  EXPECT_FALSE(far.links().set_cut({2}, true).ok());
  EXPECT_TRUE(far.links().set_cut({0}, true).ok());
}

}  // namespace
}  // namespace steward::net
