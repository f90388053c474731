#include "storage/log_writer.h"

#include <algorithm>
#include <iterator>

namespace steward::storage {
namespace {

std::size_t size_of(const WriteBatch& batch) {
  std::size_t bytes = 0;
  for (const auto& [key, value] : batch.puts) bytes += key.size() + (value ? value->size() : 0);
  for (const auto& [first, last] : batch.erase_ranges) bytes += first.size() + last.size();
  return bytes;
}

}  // namespace

void merge(WriteBatch& into, WriteBatch next) {
  // Ranges go before all puts of a batch, so an earlier put that a later range erases must go.
  for (const auto& [first, last] : next.erase_ranges) {
    std::erase_if(into.puts, [&range_first = first, &range_last = last](const auto& put) {
      return range_first <= put.first && put.first < range_last;
    });
  }
  std::move(next.erase_ranges.begin(), next.erase_ranges.end(),
            std::back_inserter(into.erase_ranges));
  std::move(next.puts.begin(), next.puts.end(), std::back_inserter(into.puts));
}

LogWriter::LogWriter(Store& store, std::size_t max_queued_bytes)
    : store_(store), max_queued_bytes_(max_queued_bytes), thread_([this] { run(); }) {}

LogWriter::~LogWriter() { stop(); }

void LogWriter::enqueue(WriteBatch batch, bool sync, Done done) {
  const std::size_t bytes = size_of(batch);
  std::unique_lock lock(mutex_);
  if (std::this_thread::get_id() != writer_) {
    room_.wait(lock, [&] {
      return stopping_ || queue_.empty() || queued_bytes_ + bytes <= max_queued_bytes_;
    });
  }
  if (stopping_) {
    lock.unlock();
    done(Error{ErrorCode::kUnavailable, "the log is closed: the server is stopping"});
    return;
  }
  queue_.push_back({std::move(batch), sync, std::move(done), bytes});
  queued_bytes_ += bytes;
  lock.unlock();
  work_.notify_one();
}

void LogWriter::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  work_.notify_one();
  room_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void LogWriter::run() {
  {
    const std::lock_guard lock(mutex_);
    writer_ = std::this_thread::get_id();
  }
  Status status;
  while (true) {
    std::deque<Entry> group;
    {
      std::unique_lock lock(mutex_);
      work_.wait(lock, [&] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) return;
      group.swap(queue_);
      queued_bytes_ = 0;
    }
    room_.notify_all();
    if (status.ok()) status = write_group(group);
    for (Entry& entry : group) entry.done(status);
  }
}

Status LogWriter::write_group(std::deque<Entry>& group) {
  WriteBatch merged = std::move(group.front().batch);
  bool sync = group.front().sync;
  for (auto entry = std::next(group.begin()); entry != group.end(); ++entry) {
    merge(merged, std::move(entry->batch));
    sync = sync || entry->sync;
  }
  if (merged.empty() && !sync) return {};
  return store_.write(merged, sync);
}

}  // namespace steward::storage
