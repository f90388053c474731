#include "sim/cpu.h"

#include <algorithm>

namespace steward::sim {
namespace {

constexpr Duration kSlice{500};

}  // namespace

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

void Cpu::next() {
  std::optional<std::size_t> lane;
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    if (lanes_[i].jobs.empty()) continue;
    if (!lane || lanes_[i].used < lanes_[*lane].used) lane = i;
  }
  if (!lane) return;
  Queue& queue = lanes_[*lane];
  Job& job = queue.jobs.front();
  if (!job.left) job.left = job.start();
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
