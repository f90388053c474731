// A server's disk: what is synced stays, what is not is lost from some write on when the server
// crashes. That is what the log of a real store makes of sectors that were torn, lost or written in
// another order: it is read up to the first record whose checksum does not fit. Group commit as in
// storage/log_writer.h. It can fail, and can hold a damaged record, which is found as it is read.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>

#include "sim/event_queue.h"
#include "sim/random.h"
#include "storage/store.h"

namespace steward::sim {

struct DiskModel {
  Duration sync{300};
  std::uint64_t bytes_per_s = 400'000'000;
  Duration flush{100'000};  // unsynced writes reach the disk by themselves after so long
};

class Disk final : public storage::Store {
 public:
  Disk(EventQueue& events, const DiskModel& model) : events_(events), model_(model) {}

  // `done` is called in the order of the calls, with `sync` once this and all earlier writes are
  // durable. An empty batch without `sync` waits for its turn only.
  void submit(storage::WriteBatch batch, bool sync, std::function<void()> done);

  // Keeps a random prefix of what is not durable, forgets the rest with its `done`s.
  void crash(Random& random);

  // Between two runs of its server: another disk, empty or with the content of `image`.
  using Image = std::map<Bytes, Bytes, std::less<>>;
  Image image() const { return durable_; }
  void replace(Image image);
  // One of its records is damaged; none where it holds none.
  void damage(Random& random);
  bool damaged() const { return damaged_.has_value(); }

  // From now on no write and no sync succeeds. The first that fails calls `failed`, which stops the
  // server with crash(): how much of what was not durable is there then is unknown.
  void fail(std::function<void()> failed) { failed_ = std::move(failed); }
  void mend() { failed_ = nullptr; }
  void set_slowness(std::uint32_t times) { times_ = times; }  // for syncs not yet begun

  const Bytes* find(BytesView key) const;  // what is durable of it; null when nothing is
  std::size_t unsynced_writes() const { return queue_.size(); }

  std::size_t bytes() const;  // what a restart would find

  Status write(const storage::WriteBatch& batch, bool sync) override;
  Result<std::vector<std::pair<Bytes, Bytes>>> scan(BytesView prefix) const override;

 private:
  struct Entry {
    storage::WriteBatch batch;
    bool sync = false;
    std::function<void()> done;  // empty once called
  };

  void schedule(bool sync);
  void start_sync();
  void finish_sync(std::size_t entries);
  void complete_ready();
  void apply(const storage::WriteBatch& batch);

  EventQueue& events_;
  const DiskModel model_;
  Image durable_;
  std::optional<Bytes> damaged_;  // the key of a record
  std::function<void()> failed_;  // empty: the disk works
  std::deque<Entry> queue_;       // written, not yet durable
  std::uint32_t times_ = 1;
  bool syncing_ = false;
  bool completing_ = false;
  std::optional<EventQueue::EventId> next_event_;  // the end of a sync, or a flush
};

}  // namespace steward::sim
