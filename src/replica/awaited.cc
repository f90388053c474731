#include "replica/awaited.h"

#include <algorithm>

namespace steward::replica {
namespace {

constexpr std::uint32_t kMaxDoublings = 16;

}  // namespace

void Awaited::ask(ServerIndex from, Sequence sequence, Sequence stable, Sequence committed) {
  if (sequence <= committed || sequence - stable > options_.reach) return;
  const auto [asked, first] = asked_.try_emplace(from, Asked{sequence, 0});
  if (first || asked->second.sequence > committed) return;
  asked->second.sequence = sequence;
  asked->second.before = std::min(asked->second.before + 1, kMaxDoublings);
}

std::optional<Sequence> Awaited::highest(Sequence committed) const {
  std::optional<Sequence> highest;
  for (const auto& [server, asked] : asked_) {
    if (asked.sequence > committed) highest = std::max(asked.sequence, highest.value_or(0));
  }
  return highest;
}

Duration Awaited::pace(Sequence committed) const {
  Duration pace = options_.slowest;
  for (const auto& [server, asked] : asked_) {
    if (asked.sequence > committed) {
      pace = std::min(pace, Duration(kQuickest * (1LL << asked.before)));
    }
  }
  return pace;
}

}  // namespace steward::replica
