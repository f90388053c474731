#include <gtest/gtest.h>

#include "site/testing/sites.h"

namespace steward::site {
namespace {

std::uint64_t too_many(const LogicalMachine& machine) {
  const auto found = machine.rejections().find("update: too many pending");
  return found == machine.rejections().end() ? 0 : found->second;
}

// Clients that offer more than the wide links carry: what waits is bounded in bytes too, and stays
// so at a server that has restored a snapshot, or the two would not go through the same states.
TEST(LogicalMachineReview, LargeUpdatesThatWaitAreBounded) {
  const ClusterConfig config = testing::cluster(3, 4, LocalProtocol::kPbft, WideProtocol::kPaxos);
  const testing::Keys keys = testing::make_keys(config);
  testing::RecordingApplication application;
  LogicalMachine machine(config, keys.domain, 0, nullptr, application);
  Sequence local = 0;
  const auto offer = [&](LogicalMachine& to, Sequence at) {
    const Bytes update = testing::signed_update(keys, *keys.client, at, 1, Bytes(1 << 20, 'u'));
    LmOutputs out;
    to.execute(at, *wire::make_batch({testing::event_of_update(update)}), out);
  };
  while (too_many(machine) == 0 && local < 100) offer(machine, ++local);
  EXPECT_EQ(local, config.ordering.wide_window + 8);  // 7 of a little more than 1 MiB may wait

  PageChanges changes;
  machine.collect(changes);
  std::map<PageKey, Bytes> pages;
  for (auto& [key, content] : changes) {
    if (content) pages[key] = *content;
  }
  testing::RecordingApplication other_application;
  LogicalMachine restored(config, keys.domain, 0, nullptr, other_application);
  ASSERT_TRUE(restored.load(pages));
  offer(restored, ++local);
  EXPECT_EQ(too_many(restored), 1U);
}

}  // namespace
}  // namespace steward::site
