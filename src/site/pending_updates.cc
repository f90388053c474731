#include "site/pending_updates.h"

#include <utility>

namespace steward::site {
namespace {

// Beyond it new ones are dropped, and clients try again. They are in one page of a snapshot, which
// has to fit into a frame together with their keys.
constexpr std::size_t kMaxUpdates = 65536;
constexpr std::size_t kMaxBytes = 8 << 20;

// Told to others and not executed yet. Others take more, since they learn later what is executed.
constexpr std::size_t kMaxTold = 64;
constexpr std::size_t kMaxToldBytes = 1 << 20;
constexpr std::size_t kMoreAtReceiver = 4;

constexpr std::size_t kMaxToLeader = 64;  // at one tick
constexpr std::uint32_t kTicksBetween = 4;

}  // namespace

bool PendingUpdates::has_room(const Load& load, std::size_t bytes, std::size_t times) {
  if (load.updates == 0) return true;
  return load.updates < times * kMaxTold && load.bytes + bytes <= times * kMaxToldBytes;
}

bool PendingUpdates::fits(const Waiting& one) const {
  if (waiting_.size() >= kMaxUpdates || bytes_ + one.update.size() > kMaxBytes) return false;
  const auto load = told_by_.find(one.from);
  return one.from == self_ || load == told_by_.end() ||
         has_room(load->second, one.update.size(), kMoreAtReceiver);
}

void PendingUpdates::insert(Place place, const UpdateKey& key, Waiting one) {
  bytes_ += one.update.size();
  if (one.from != self_) {
    Load& load = told_by_[one.from];
    ++load.updates;
    load.bytes += one.update.size();
  }
  known_[key] = place;
  waiting_.emplace(place, std::move(one));
}

PendingUpdates::Waiting PendingUpdates::remove(std::map<Place, Waiting>::iterator at) {
  Waiting one = std::move(at->second);
  waiting_.erase(at);
  const std::size_t size = one.update.size();
  bytes_ -= size;
  Load* load = one.told ? &told_ : nullptr;
  if (one.from != self_) load = &told_by_.at(one.from);
  if (load == nullptr) return one;
  --load->updates;
  load->bytes -= size;
  if (one.from != self_ && load->updates == 0) told_by_.erase(one.from);
  return one;
}

PendingUpdates::Added PendingUpdates::add(const UpdateKey& key, Bytes update, SiteId from,
                                          bool late) {
  const auto known = known_.find(key);
  if (known != known_.end()) {
    if (!late || !known->second || !known->second->first) return Added::kKnown;
    Waiting one = remove(waiting_.find(*known->second));
    one.told = false;
    insert({false, next_++}, key, std::move(one));
    return Added::kKnown;
  }
  Waiting one{std::move(update), from, false, 0, 0};
  if (!fits(one)) return Added::kFull;
  insert({!late, next_++}, key, std::move(one));
  return Added::kNew;
}

void PendingUpdates::put_back(const UpdateKey& key, const Bytes& update) {
  const auto known = known_.find(key);
  if (known == known_.end() || known->second) return;
  known_.erase(known);
  (void)add(key, update, self_, false);
}

void PendingUpdates::forget(const UpdateKey& key) {
  const auto known = known_.find(key);
  if (known == known_.end()) return;
  if (known->second) (void)remove(waiting_.find(*known->second));
  known_.erase(known);
}

std::vector<Bytes> PendingUpdates::take(std::size_t max_items, std::size_t max_bytes) {
  std::vector<Bytes> items;
  std::size_t bytes = 0;
  while (!waiting_.empty() && items.size() < max_items) {
    const auto next = waiting_.begin();
    bytes += next->second.update.size();
    if (!items.empty() && bytes > max_bytes) break;
    if (const auto key = update_key(next->second.update)) known_[*key] = std::nullopt;
    items.push_back(remove(next).update);
  }
  return items;
}

std::vector<Bytes> PendingUpdates::to_tell() {
  std::vector<Bytes> out;
  for (auto& [place, one] : waiting_) {
    if (told_.updates >= kMaxTold) break;
    if (one.told || one.from != self_) continue;
    if (!has_room(told_, one.update.size(), 1)) break;
    one.told = true;
    ++told_.updates;
    told_.bytes += one.update.size();
    out.push_back(one.update);
  }
  return out;
}

void PendingUpdates::tell_again() {
  for (auto& [place, one] : waiting_) one.told = false;
  told_ = {};
}

PendingUpdates::Tick PendingUpdates::tick(Sequence committed, std::uint32_t patience) {
  Tick tick;
  for (auto& [place, one] : waiting_) {
    // Where nothing is executed at all, the leader site serves nobody else either.
    const bool others_served = one.age > 0 && committed > std::exchange(one.since, committed);
    if (one.age == 0) one.since = committed;
    one.age = others_served || one.age < kTicksBetween ? one.age + 1 : 1;
    tick.starved = tick.starved || (others_served && one.age >= patience);
    const bool due = one.age % kTicksBetween == 2 && tick.to_leader.size() < kMaxToLeader;
    if (due) tick.to_leader.push_back(one.update);
  }
  if (tick.starved) new_leader();
  return tick;
}

void PendingUpdates::new_leader() {
  for (auto& [place, one] : waiting_) one.age = 0;
}

std::vector<Bytes> PendingUpdates::waiting() const {
  std::vector<Bytes> out;
  for (const auto& [place, one] : waiting_) out.push_back(one.update);
  return out;
}

void PendingUpdates::collect(wire::MachinePage& page) const {
  page.set_next_pending(next_);
  for (const auto& [place, one] : waiting_) {
    wire::PendingUpdate* out = page.add_pending();
    out->set_late(!place.first);
    out->set_number(place.second);
    out->set_update(one.update);
    out->set_from(one.from);
    out->set_told(one.told);
    out->set_age(one.age);
    out->set_since(one.since);
  }
  for (const auto& [key, place] : known_) {
    if (!place) page.add_proposed(encode_update_key(key));
  }
}

bool PendingUpdates::load(const wire::MachinePage& page) {
  *this = PendingUpdates(self_);
  next_ = page.next_pending();
  for (const wire::PendingUpdate& in : page.pending()) {
    const auto key = update_key(in.update());
    if (!key) return false;
    insert({!in.late(), in.number()}, *key,
           Waiting{in.update(), in.from(), in.told(), in.age(), in.since()});
    if (!in.told()) continue;
    ++told_.updates;
    told_.bytes += in.update().size();
  }
  for (const Bytes& encoded : page.proposed()) {
    const auto key = decode_update_key(encoded);
    if (!key) return false;
    known_[*key] = std::nullopt;
  }
  return true;
}

}  // namespace steward::site
