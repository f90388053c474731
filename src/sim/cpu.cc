#include "sim/cpu.h"

#include <algorithm>

namespace steward::sim {
namespace {

constexpr Duration kSlice{500};

// Shoup's proofs, too, are powers to full-sized exponents: all grows with the cube of the size.
SiteKeyCosts rsa_costs(std::int64_t bits) {
  const auto scaled = [&](std::int64_t at_2048_bits) {
    return Duration(at_2048_bits * (bits * bits * bits) / (2048LL * 2048 * 2048));
  };
  SiteKeyCosts costs;
  costs.share = scaled(2500);
  costs.proof = costs.check = scaled(6000);
  costs.combine = scaled(450);
  costs.verify = scaled(30);
  return costs;
}

}  // namespace

SiteKeyCosts site_key_costs(const std::string& scheme, std::uint32_t rsa_bits,
                            std::uint32_t threshold) {
  const Costs costs;
  const std::int64_t k = threshold;
  if (scheme == "rsa-shoup") return rsa_costs(rsa_bits);
  if (scheme == "bls12-381") {
    SiteKeyCosts bls;
    bls.share = Duration(200);
    bls.check = Duration(700);
    bls.combine = Duration(60 + 60 * k);
    bls.verify = Duration(700);
    bls.deal = Duration(400 * k);
    bls.renew = Duration(1000 * k);
    return bls;
  }
  SiteKeyCosts list;  // of one ordinary signature (plain) or of several
  list.share = costs.sign;
  list.check = costs.verify;
  list.verify = costs.verify * k;
  return list;
}

void Cpu::run(Lane lane, std::function<Duration()> start, std::function<void()> finish) {
  Queue& queue = lanes_[static_cast<std::size_t>(lane)];
  if (queue.jobs.empty()) {
    // A lane that was idle has no claim on the time it did not use.
    for (const Queue& other : lanes_) {
      if (!other.jobs.empty()) queue.used = std::max(queue.used, other.used);
    }
  }
  queue.jobs.push_back({std::move(start), std::move(finish), std::nullopt});
  if (!running_) next();
}

void Cpu::pause(bool paused) {
  paused_ = paused;
  if (!paused && !running_) next();
}

void Cpu::next() {
  if (paused_) return;
  std::optional<std::size_t> lane;
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    if (lanes_[i].jobs.empty()) continue;
    if (!lane || lanes_[i].used < lanes_[*lane].used) lane = i;
  }
  if (!lane) return;
  Queue& queue = lanes_[*lane];
  Job& job = queue.jobs.front();
  if (!job.left) job.left = job.start() * times_;
  const Duration slice = std::min(*job.left, kSlice);
  *job.left -= slice;
  queue.used += slice;
  running_ = events_.after(slice, [this, chosen = *lane] { slice_done(chosen); });
}

void Cpu::slice_done(std::size_t lane) {
  std::deque<Job>& jobs = lanes_[lane].jobs;
  std::function<void()> finish;
  if (jobs.front().left == Duration(0)) {
    finish = std::move(jobs.front().finish);
    jobs.pop_front();
  }
  // Still marked as running, so that what `finish` adds waits for next().
  if (finish) finish();
  running_.reset();
  next();
}

void Cpu::reset() {
  if (running_) events_.cancel(*running_);
  running_.reset();
  for (Queue& queue : lanes_) queue = {};
}

std::size_t Cpu::queued() const {
  std::size_t jobs = 0;
  for (const Queue& queue : lanes_) jobs += queue.jobs.size();
  return jobs;
}

}  // namespace steward::sim
