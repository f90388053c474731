#include "net/shaper.h"

#include <algorithm>

namespace steward::net {
namespace {

constexpr std::int64_t kNanosecondsPerMicrosecond = 1000;

std::int64_t transmission_ns(std::size_t bytes, std::uint64_t rate_bits_per_s) {
  if (rate_bits_per_s == 0) return 0;
  // Two steps, so that no product overflows: 10^9 ns a second, in units of 1/rate.
  const std::uint64_t bits = static_cast<std::uint64_t>(bytes) * 8;
  const std::uint64_t seconds = bits / rate_bits_per_s;
  const std::uint64_t rest = bits % rate_bits_per_s;
  const double fraction_ns = 1e9 * static_cast<double>(rest) / static_cast<double>(rate_bits_per_s);
  return static_cast<std::int64_t>(seconds * 1'000'000'000) +
         static_cast<std::int64_t>(fraction_ns);
}

}  // namespace

Shaper::Shaper(const LinkConfig& link, Loss loss, std::uint64_t seed)
    : link_(link), loss_(loss), random_state_(seed) {}

// SplitMix64: the same numbers everywhere, which the standard library's distributions do not give.
bool Shaper::draw_loss() {
  if (link_.loss <= 0) return false;
  random_state_ += 0x9e3779b97f4a7c15ULL;
  std::uint64_t z = random_state_;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  z ^= z >> 31;
  return static_cast<double>(z >> 11) * 0x1p-53 < link_.loss;
}

std::optional<Duration> Shaper::pass(Duration now, std::size_t bytes) {
  if (cut_) {
    ++cut_off_;
    return std::nullopt;
  }
  free_at_ns_ = std::max<std::int64_t>(free_at_ns_, now.count() * kNanosecondsPerMicrosecond) +
                transmission_ns(bytes, link_.rate_bits_per_s);
  Duration arrival = Duration(free_at_ns_ / kNanosecondsPerMicrosecond) + link_.latency;
  if (draw_loss()) {
    ++lost_;
    if (loss_ == Loss::kDrop) return std::nullopt;
    arrival += 2 * link_.latency;
  }
  last_arrival_ = std::max(last_arrival_, arrival);
  return last_arrival_;
}

void Shaper::set_cut(bool cut) {
  cut_ = cut;
  free_at_ns_ = 0;
  last_arrival_ = Duration(0);
}

}  // namespace steward::net
