#include "runtime/latency.h"

namespace steward::runtime {
namespace {

// Marks without an end (a batch that another server led) are forgotten beyond this many.
constexpr std::size_t kMaxStarted = 1024;

std::uint64_t to_us(Latency::Clock::duration took) {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(took).count());
}

}  // namespace

void Latency::on_mark(const replica::Mark& mark) {
  const std::lock_guard lock(mutex_);
  switch (mark.kind) {
    case replica::Mark::Kind::kOrderingStarted:
      return start(ordering_started_, mark.number);
    case replica::Mark::Kind::kOrdered:
      return finish(ordering_started_, mark.number, ordering_);
    case replica::Mark::Kind::kSigningStarted:
      return start(signing_started_, mark.number);
    case replica::Mark::Kind::kSigned:
      return finish(signing_started_, mark.number, signing_);
  }
}

void Latency::on_disk_write(Clock::duration took) {
  const std::lock_guard lock(mutex_);
  ++disk_.count;
  disk_.microseconds += to_us(took);
}

void Latency::start(Started& started, std::uint64_t number) {
  started[number] = Clock::now();
  if (started.size() > kMaxStarted) started.erase(started.begin());
}

void Latency::finish(Started& started, std::uint64_t number, Sum& sum) {
  const auto begun = started.find(number);
  if (begun == started.end()) return;
  ++sum.count;
  sum.microseconds += to_us(Clock::now() - begun->second);
  started.erase(begun);
}

void Latency::fill(wire::StatusReply& reply) const {
  const std::lock_guard lock(mutex_);
  const auto add = [&](const std::string& name, std::uint64_t value) {
    wire::Counter* counter = reply.add_counters();
    counter->set_name(name);
    counter->set_value(value);
  };
  add("local_ordering_count", ordering_.count);
  add("local_ordering_us", ordering_.microseconds);
  add("signing_count", signing_.count);
  add("signing_us", signing_.microseconds);
  add("disk_write_count", disk_.count);
  add("disk_write_us", disk_.microseconds);
}

}  // namespace steward::runtime
