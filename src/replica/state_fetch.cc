#include "replica/state_fetch.h"

#include <algorithm>

#include "common/check.h"
#include "wire/limits.h"

namespace steward::replica {
namespace {

constexpr std::uint32_t kLate = 2;        // ticks after which others get a source's part
constexpr std::uint32_t kLacksAgain = 4;  // and one that lacked a snapshot is asked for it again
constexpr std::uint32_t kFirstPatience = 8;
constexpr std::uint32_t kMaxPatience = 128;
constexpr std::uint32_t kMaxTimesLate = 16;

}  // namespace

void StateFetch::begin(const wire::StableCheckpoint& certificate, ServerIndex from,
                       Actions& actions) {
  if (certificate.sequence() <= newest()) return;
  if (target_) {
    next_ = certificate;
    move_on();
  } else {
    first_ = from;
    start(certificate);
  }
  schedule(actions);
}

// The list of groups of a new target says what of all that is here still counts.
void StateFetch::start(wire::StableCheckpoint target) {
  clear();
  target_ = std::move(target);
}

void StateFetch::clear() {
  target_.reset();
  next_.reset();
  list_.reset();
  done_.clear();
  unknown_.clear();
  building_.clear();
  missing_.clear();
  free_groups_.clear();
  free_pages_.clear();
  differing_ = 0;
  for (Source& source : sources_) {
    source.asked.reset();
    source.lacks = false;
  }
}

// Where at most `faults_` sources are left, all of them may be faulty; some correct one has
// forgotten this snapshot.
void StateFetch::move_on() {
  const bool lacking =
      std::any_of(sources_.begin(), sources_.end(), [](const Source& one) { return one.lacks; });
  if (next_ && lacking && usable_sources() <= faults_) {
    start(*std::exchange(next_, std::nullopt));
  }
  // Nobody is left to ask: so they cannot all be what they seem.
  const auto lies = [&](const Source& one) { return &one == &sources_[self_] || one.lies; };
  if (!std::all_of(sources_.begin(), sources_.end(), lies)) return;
  for (Source& source : sources_) source.lies = false;
}

bool StateFetch::usable(ServerIndex server) const {
  const Source& source = sources_[server];
  return server != self_ && !source.lies && !source.lacks;
}

std::size_t StateFetch::usable_sources() const {
  std::size_t count = 0;
  for (ServerIndex server = 0; server < sources_.size(); ++server) {
    if (usable(server)) ++count;
  }
  return count;
}

// Where there is another, that is: servers that are all slow get parts as if they were not.
bool StateFetch::doubtful(const Source& source) const {
  if (source.probes_due == 0) return false;
  for (ServerIndex server = 0; server < sources_.size(); ++server) {
    if (usable(server) && sources_[server].probes_due == 0) return true;
  }
  return false;
}

void StateFetch::on_answer(ServerIndex from, const wire::StateAnswer& answer, const Pages& own,
                           Actions& actions) {
  const bool asked = target_ && from < sources_.size() && sources_[from].asked &&
                     sources_[from].asked->number == answer.number() &&
                     answer.sequence() == target_->sequence();
  if (!asked) {
    actions.rejections.emplace_back("transfer: not asked for");
    return;
  }
  Source& source = sources_[from];
  const Part part = std::move(*source.asked);
  source.asked.reset();
  source.patience = 0;
  if (part.age < kLate && source.probes_due > 0) --source.probes_due;
  if (answer.lacking()) {
    source.lacks = true;
    source.lacked_for = 0;
    actions.rejections.emplace_back("transfer: a source lacks the snapshot");
  } else if (!take(part, answer, own, actions)) {
    source.lies = true;
    actions.rejections.emplace_back("transfer: a source lies");
  }
  if (part.age < kLate) give_back(part);
  move_on();
  schedule(actions);
}

bool StateFetch::take(const Part& part, const wire::StateAnswer& answer, const Pages& own,
                      Actions& actions) {
  switch (part.step) {
    case Step::kList:
      return list_ || take_list(answer, own);
    case Step::kGroups:
      return take_groups(part, answer, own);
    case Step::kPages:
      return take_pages(part, answer, actions);
  }
  return false;
}

bool StateFetch::take_list(const wire::StateAnswer& answer, const Pages& own) {
  auto list = decode_groups(answer.list());
  if (!list || groups_root(*list).view() != target_->digest()) return false;
  list_ = std::move(*list);
  for (const auto& [group, digest] : *list_) {
    const auto mine = own.find(group);
    if (mine != own.end() && mine->second->digest == digest) {
      done_.emplace(group, mine->second);
    } else {
      unknown_.insert(group);
    }
  }
  free_groups_ = unknown_;
  return true;
}

bool StateFetch::take_groups(const Part& part, const wire::StateAnswer& answer, const Pages& own) {
  std::set<GroupKey> seen;
  for (const wire::PageGroup& group : answer.groups()) {
    if (!part.keys.contains(group.key()) || !seen.insert(group.key()).second) return false;
    if (!unknown_.contains(group.key())) continue;  // another source was quicker
    if (group_digest(group.key(), group.pages()) != list_->at(group.key())) return false;
    const auto digests = decode_group(group.key(), group.pages());
    if (!digests) return false;
    take_group(group.key(), *digests, own);
  }
  return !seen.empty();
}

void StateFetch::take_group(GroupKey group, const PageDigests& digests, const Pages& own) {
  unknown_.erase(group);
  free_groups_.erase(group);
  PageMap& pages = building_[group];
  for (const auto& [key, digest] : digests) {
    const StoredPage* mine = find_page(own, key);
    if (mine != nullptr && mine->digest == digest) {
      pages[key] = *mine;
      continue;
    }
    ++differing_;
    const auto fetched = fetched_.find(key);
    if (fetched != fetched_.end() && fetched->second.digest == digest) {
      pages[key] = fetched->second;
      continue;
    }
    missing_.emplace(key, digest);
    free_pages_.insert(key);
  }
}

bool StateFetch::take_pages(const Part& part, const wire::StateAnswer& answer, Actions& actions) {
  std::set<PageKey> seen;
  for (const wire::Page& page : answer.pages()) {
    const PageKey key = page.key();
    if (!part.keys.contains(key) || !seen.insert(key).second) return false;
    const auto missing = missing_.find(key);
    if (missing == missing_.end()) continue;  // another source was quicker
    if (page_digest(page.content()) != missing->second) return false;
    const StoredPage stored{std::make_shared<const Bytes>(page.content()), missing->second};
    bytes_ += page.content().size();
    building_[group_of(key)][key] = stored;
    fetched_[key] = stored;
    actions.fetched[key] = stored;
    missing_.erase(missing);
    free_pages_.erase(key);
  }
  return !seen.empty();
}

void StateFetch::give_back(const Part& part) {
  if (part.probe) return;
  for (const std::uint32_t key : part.keys) {
    if (part.step == Step::kGroups && unknown_.contains(key)) free_groups_.insert(key);
    if (part.step == Step::kPages && missing_.contains(key)) free_pages_.insert(key);
  }
}

void StateFetch::on_tick(Actions& actions) {
  if (!target_) return;
  for (Source& source : sources_) {
    if (source.lacks && !next_ && ++source.lacked_for >= kLacksAgain) source.lacks = false;
    if (!source.asked) continue;
    if (++source.asked->age == kLate) {
      give_back(*source.asked);
      source.times_late = std::min(source.times_late + 1, kMaxTimesLate);
      source.probes_due = 1U << source.times_late;
    }
    const std::uint32_t patience =
        source.patience == 0 ? kFirstPatience : std::min(2 * source.patience, kMaxPatience);
    if (source.asked->age < patience) continue;
    source.patience = patience;
    source.asked.reset();
  }
  move_on();
  schedule(actions);
}

void StateFetch::schedule(Actions& actions) {
  if (!target_) return;
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    const auto server = static_cast<ServerIndex>((first_ + i) % sources_.size());
    Source& source = sources_[server];
    if (!usable(server) || source.asked) continue;
    auto part = next_part(source);
    if (!part) continue;
    part->number = number_++;
    wire::StateRequest request;
    request.set_sequence(target_->sequence());
    request.set_number(part->number);
    for (const std::uint32_t key : part->keys) {
      part->step == Step::kGroups ? request.add_groups(key) : request.add_pages(key);
    }
    actions.requests.emplace_back(server, std::move(request));
    source.asked = std::move(part);
  }
}

// Equal parts for all but doubtful ones.
std::optional<StateFetch::Part> StateFetch::next_part(const Source& source) {
  Part part;
  part.probe = doubtful(source);
  if (!list_) {
    if (part.probe) return std::nullopt;
    const auto asks = [](const Source& one) { return one.asked && one.asked->age < kLate; };
    if (std::any_of(sources_.begin(), sources_.end(), asks)) return std::nullopt;
    return part;
  }
  part.step = free_groups_.empty() ? Step::kPages : Step::kGroups;
  const bool groups = part.step == Step::kGroups;
  std::set<std::uint32_t>& free = groups ? free_groups_ : free_pages_;
  if (free.empty()) return std::nullopt;
  if (part.probe) {
    part.keys.insert(*free.begin());
    return part;
  }
  const std::size_t share = (free.size() + usable_sources() - 1) / usable_sources();
  const std::size_t most =
      std::min(share, groups ? limits::kMaxGroupsPerMessage : limits::kMaxPagesPerMessage);
  while (part.keys.size() < most) part.keys.insert(free.extract(free.begin()));
  return part;
}

std::optional<StateFetch::Snapshot> StateFetch::take_complete() {
  if (!target_ || !list_ || !unknown_.empty() || !missing_.empty()) return std::nullopt;
  Snapshot snapshot{std::move(*target_), std::move(done_), std::move(next_)};
  for (auto& [group, pages] : building_) {
    const auto whole = make_group(group, std::move(pages));
    STEWARD_CHECK(whole->digest == list_->at(group));
    snapshot.pages[group] = whole;
  }
  abandon();
  return snapshot;
}

void StateFetch::abandon() {
  clear();
  fetched_.clear();
  for (Source& source : sources_) source.lies = false;  // who is slow stays known
}

Sequence StateFetch::newest() const {
  if (next_) return next_->sequence();
  return target_ ? target_->sequence() : 0;
}

StateFetch::Progress StateFetch::progress() const {
  Progress progress;
  progress.bytes = bytes_;
  if (!target_) return progress;
  progress.sequence = target_->sequence();
  progress.pages = differing_;
  progress.missing = missing_.size();
  progress.all_known = list_.has_value() && unknown_.empty();
  return progress;
}

}  // namespace steward::replica
