#include "sim/disk.h"

#include <algorithm>

namespace steward::sim {
namespace {

std::size_t bytes_of(const storage::WriteBatch& batch) {
  std::size_t bytes = 0;
  for (const auto& [key, value] : batch.puts) bytes += key.size() + (value ? value->size() : 0);
  return bytes;
}

}  // namespace

void Disk::submit(storage::WriteBatch batch, bool sync, std::function<void()> done) {
  queue_.push_back({std::move(batch), sync, std::move(done)});
  complete_ready();
  schedule(sync || failed_ != nullptr);
}

void Disk::schedule(bool sync) {
  if (queue_.empty() || syncing_) return;
  if (sync) {
    start_sync();
  } else if (!next_event_) {
    next_event_ = events_.after(model_.flush, [this] { start_sync(); });
  }
}

void Disk::start_sync() {
  if (next_event_) events_.cancel(*next_event_);
  syncing_ = true;
  std::size_t bytes = 0;
  for (const Entry& entry : queue_) bytes += bytes_of(entry.batch);
  const Duration writing(bytes * 1'000'000 / model_.bytes_per_s);
  next_event_ = events_.after((model_.sync + writing) * times_,
                              [this, entries = queue_.size()] { finish_sync(entries); });
}

void Disk::finish_sync(std::size_t entries) {
  syncing_ = false;
  next_event_.reset();
  if (failed_) return std::function(failed_)();  // a copy, as it may be mended in there
  // Durable first, all of them: a `done` may submit more.
  std::deque<Entry> group;
  for (std::size_t i = 0; i < entries; ++i) {
    apply(queue_.front().batch);
    group.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  schedule(
      std::any_of(queue_.begin(), queue_.end(), [](const Entry& entry) { return entry.sync; }));
  completing_ = true;  // later writes wait until these have been called
  for (Entry& entry : group) {
    if (entry.done) entry.done();
  }
  completing_ = false;
  complete_ready();
}

// Unsynced writes with nothing synced before them are done at once.
void Disk::complete_ready() {
  if (completing_ || failed_) return;
  completing_ = true;
  for (std::size_t i = 0; i < queue_.size() && !queue_[i].sync; ++i) {
    if (!queue_[i].done) continue;
    const auto done = std::exchange(queue_[i].done, nullptr);
    done();
  }
  completing_ = false;
  while (!queue_.empty() && !syncing_ && queue_.front().batch.empty() && !queue_.front().done) {
    queue_.pop_front();
  }
}

void Disk::crash(Random& random) {
  const std::size_t kept = queue_.empty() ? 0 : random.below(queue_.size() + 1);
  for (std::size_t i = 0; i < kept; ++i) apply(queue_[i].batch);
  queue_.clear();
  if (next_event_) events_.cancel(*next_event_);
  next_event_.reset();
  syncing_ = false;
}

void Disk::replace(Image image) {
  durable_ = std::move(image);
  damaged_.reset();
}

void Disk::damage(Random& random) {
  if (durable_.empty()) return;
  auto record = durable_.begin();
  std::advance(record, static_cast<long>(random.below(durable_.size())));
  damaged_ = record->first;
}

std::size_t Disk::bytes() const {
  std::size_t bytes = 0;
  for (const auto& [key, value] : durable_) bytes += key.size() + value.size();
  return bytes;
}

void Disk::apply(const storage::WriteBatch& batch) {
  for (const auto& [first, last] : batch.erase_ranges) {
    durable_.erase(durable_.lower_bound(first), durable_.lower_bound(last));
  }
  for (const auto& [key, value] : batch.puts) {
    if (value) {
      durable_[key] = *value;
    } else {
      durable_.erase(key);
    }
  }
}

const Bytes* Disk::find(BytesView key) const {
  const auto found = durable_.find(key);
  return found == durable_.end() ? nullptr : &found->second;
}

Status Disk::write(const storage::WriteBatch& batch, bool sync) {
  submit(batch, false, nullptr);
  if (!sync) return {};
  for (const Entry& entry : queue_) apply(entry.batch);
  for (Entry& entry : queue_) entry.batch = {};
  return {};
}

Result<std::vector<std::pair<Bytes, Bytes>>> Disk::scan(BytesView prefix) const {
  if (damaged_ && damaged_->starts_with(prefix)) {
    return Error{ErrorCode::kCorrupt, "a stored record fails its checksum"};
  }
  std::vector<std::pair<Bytes, Bytes>> out;
  for (auto it = durable_.lower_bound(prefix);
       it != durable_.end() && it->first.starts_with(prefix); ++it) {
    out.push_back(*it);
  }
  return out;
}

}  // namespace steward::sim
