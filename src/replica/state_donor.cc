#include "replica/state_donor.h"

#include <algorithm>
#include <set>

#include "wire/limits.h"

namespace steward::replica {
namespace {

constexpr std::int64_t kTicksPerSecond = Duration(1'000'000) / StateDonor::kTick;
constexpr std::int64_t kLeastCost = 1 << 10;  // of an answer, however small

std::int64_t bytes_per_tick(std::uint64_t rate_bytes_per_s) {
  if (rate_bytes_per_s == 0) return 0;
  return std::max<std::int64_t>(static_cast<std::int64_t>(rate_bytes_per_s) / kTicksPerSecond, 1);
}

std::size_t bytes_per_answer(std::int64_t tick_bytes) {
  if (tick_bytes == 0) return StateDonor::kAnswerBytes;
  const auto bytes =
      static_cast<std::size_t>(tick_bytes * (StateDonor::kAnswerTime / StateDonor::kTick));
  return std::clamp(bytes, StateDonor::kLeastAnswerBytes, StateDonor::kAnswerBytes);
}

void add_pages(const wire::StateRequest& request, const Pages& snapshot, std::size_t max_bytes,
               wire::StateAnswer& out) {
  std::size_t bytes = 0;
  std::size_t count = 0;
  for (const PageKey key : request.pages()) {
    if (++count > limits::kMaxPagesPerMessage || bytes > max_bytes) return;
    const StoredPage* page = find_page(snapshot, key);
    if (page == nullptr) continue;
    wire::Page* one = out.add_pages();
    one->set_key(key);
    one->set_content(*page->content);
    bytes += page->content->size();
  }
}

void add_groups(const wire::StateRequest& request, const Pages& snapshot, wire::StateAnswer& out) {
  std::size_t count = 0;
  for (const GroupKey key : request.groups()) {
    if (++count > limits::kMaxGroupsPerMessage) return;
    const auto group = snapshot.find(key);
    if (group == snapshot.end()) continue;
    wire::PageGroup* one = out.add_groups();
    one->set_key(key);
    one->set_pages(encode_group(group->second->pages));
  }
}

wire::StateAnswer empty_answer(const wire::StateRequest& request) {
  wire::StateAnswer answer;
  answer.set_sequence(request.sequence());
  answer.set_number(request.number());
  return answer;
}

}  // namespace

wire::StateAnswer answer_request(const wire::StateRequest& request, const Pages& snapshot,
                                 std::size_t max_bytes) {
  wire::StateAnswer answer = empty_answer(request);
  if (request.groups_size() > 0) {
    add_groups(request, snapshot, answer);
  } else if (request.pages_size() > 0) {
    add_pages(request, snapshot, max_bytes, answer);
  } else {
    answer.set_list(encode_groups(snapshot));
  }
  return answer;
}

StateDonor::StateDonor(std::uint32_t faults, std::uint64_t rate_bytes_per_s)
    : max_pinned_(faults + std::size_t{1}),
      full_(bytes_per_tick(rate_bytes_per_s)),
      answer_bytes_(bytes_per_answer(full_)),
      account_(full_) {}

void StateDonor::keep(Sequence sequence, Pages pages) {
  snapshots_[sequence] = std::move(pages);
  forget_old();
}

void StateDonor::forget_all() {
  snapshots_.clear();
  pins_.clear();
}

// The newest kKept, and of the older ones those pinned for the longest time.
void StateDonor::forget_old() {
  if (snapshots_.size() <= kKept) return;
  const Sequence newest_old = std::prev(snapshots_.end(), kKept + 1)->first;
  std::vector<std::pair<std::int64_t, Sequence>> pinned;
  for (const auto& [server, pin] : pins_) {
    if (pin.sequence <= newest_old) pinned.emplace_back(-pin.age, pin.sequence);
  }
  std::sort(pinned.begin(), pinned.end());
  std::set<Sequence> kept;
  for (const auto& [age, sequence] : pinned) {
    if (kept.size() < max_pinned_) kept.insert(sequence);
  }
  std::erase_if(snapshots_, [&](const auto& entry) {
    return entry.first <= newest_old && !kept.contains(entry.first);
  });
}

void StateDonor::on_request(ServerIndex from, const wire::StateRequest& request, Answers& answers) {
  if (!snapshots_.contains(request.sequence())) {
    waiting_.erase(from);
    answers.emplace_back(from, empty_answer(request));
    answers.back().second.set_lacking(true);
    return;
  }
  Pin& pin = pins_[from];
  if (pin.sequence != request.sequence()) pin = {request.sequence(), 0, 0};
  pin.idle = 0;
  waiting_[from] = request;
  serve(answers);
}

void StateDonor::on_tick(Answers& answers) {
  account_ = std::min(account_ + full_, full_);
  for (auto& [server, pin] : pins_) {
    ++pin.idle;
    ++pin.age;
  }
  std::erase_if(pins_, [](const auto& entry) {
    return entry.second.idle * kTick >= kIdle || entry.second.age * kTick >= kLongest;
  });
  forget_old();
  serve(answers);
}

// In turn, beginning after the one that was served last.
void StateDonor::serve(Answers& answers) {
  while (!waiting_.empty() && (full_ == 0 || account_ > 0)) {
    auto next = waiting_.upper_bound(last_served_);
    if (next == waiting_.end()) next = waiting_.begin();
    last_served_ = next->first;
    const wire::StateRequest request = std::move(next->second);
    waiting_.erase(next);
    const auto snapshot = snapshots_.find(request.sequence());
    wire::StateAnswer answer = empty_answer(request);
    if (snapshot == snapshots_.end()) {
      answer.set_lacking(true);
    } else {
      answer = answer_request(request, snapshot->second, answer_bytes_);
    }
    const auto bytes = static_cast<std::int64_t>(answer.ByteSizeLong());
    given_bytes_ += static_cast<std::uint64_t>(bytes);
    if (full_ > 0) account_ -= std::max(bytes, kLeastCost);
    answers.emplace_back(last_served_, std::move(answer));
  }
}

}  // namespace steward::replica
