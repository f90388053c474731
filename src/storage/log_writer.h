// Group commit: one thread that writes what was queued meanwhile as one batch with one sync, so
// that the cost of a sync is shared by everything that waits for it.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

#include "storage/store.h"

namespace steward::storage {

// Adds `next` to `into` so that writing the outcome is the same as writing one after the other.
void merge(WriteBatch& into, WriteBatch next);

class LogWriter {
 public:
  using Done = std::function<void(Status)>;

  // `store` must outlive the writer. About `max_queued_bytes` wait at most; one batch always may.
  explicit LogWriter(Store& store, std::size_t max_queued_bytes = 64 << 20);

  // Stops.
  ~LogWriter();
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;

  // Any thread. `done` runs on the writer's thread, in the order of the calls, once the batch is
  // written (and durable, with `sync`). After a failed write nothing more is written, and every
  // `done` gets that error. Waits for room while the queue is full, except within a `done`. After
  // stop() nothing is written and `done` gets kUnavailable at once, on the calling thread.
  void enqueue(WriteBatch batch, bool sync, Done done);

  // Writes what is queued, calls every `done`, ends the thread. Called by one thread at a time, and
  // not from within a `done`.
  void stop();

 private:
  struct Entry {
    WriteBatch batch;
    bool sync;
    Done done;
    std::size_t bytes;
  };

  void run();
  Status write_group(std::deque<Entry>& group);

  Store& store_;
  const std::size_t max_queued_bytes_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable work_;
  std::condition_variable room_;
  std::deque<Entry> queue_;
  std::size_t queued_bytes_ = 0;
  bool stopping_ = false;
  std::thread::id writer_;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace steward::storage
