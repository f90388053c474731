// replica/store_layout.h: a store that holds any keys and values is refused as corrupt, or read;
// what was read, stored anew, is read the same, and forgetting records forgets just those.
#include "fuzz/input.h"
#include "replica/store_layout.h"
#include "replica/testing/memory_store.h"

using namespace steward;
using namespace steward::replica;

namespace {

testing::MemoryStore read_store(fuzz::Input& in) {
  testing::MemoryStore store;
  while (!in.empty()) {
    const Bytes key(in.take(in.u8() % 16));
    store.pairs[key] = Bytes(in.framed());
  }
  return store;
}

testing::MemoryStore stored_again(const layout::Stored& stored) {
  storage::WriteBatch batch;
  for (const agreement::Record& record : stored.records) layout::put_record(record, batch);
  PageSet pages;
  PageChanges changes;
  for (const auto& [key, content] : stored.pages) changes[key] = content;
  pages.apply(changes, 0);
  pages.save_changes(batch);
  layout::put_marker(stored.snapshot, stored.snapshot_digest, 0, batch);
  testing::MemoryStore store;
  STEWARD_CHECK(store.write(batch, true).ok());
  return store;
}

bool same_records(const layout::Stored& a, const layout::Stored& b) {
  return std::equal(a.records.begin(), a.records.end(), b.records.begin(), b.records.end(),
                    [](const agreement::Record& one, const agreement::Record& other) {
                      return one.sequence == other.sequence && one.kind == other.kind &&
                             one.data == other.data;
                    });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input in(data, size);
  const Sequence last = in.u8();
  const testing::MemoryStore store = read_store(in);
  const Result<layout::Stored> stored = layout::load(store);
  if (!stored) {
    STEWARD_CHECK(stored.error().code == ErrorCode::kCorrupt);
    return 0;
  }
  testing::MemoryStore copy = stored_again(*stored);
  const Result<layout::Stored> again = layout::load(copy);
  STEWARD_CHECK(again.ok() && same_records(*again, *stored) && again->pages == stored->pages);
  STEWARD_CHECK(again->snapshot == stored->snapshot);
  STEWARD_CHECK(again->snapshot_digest == stored->snapshot_digest);

  storage::WriteBatch batch;
  layout::truncate_records(last, batch);
  STEWARD_CHECK(copy.write(batch, true).ok());
  const Result<layout::Stored> left = layout::load(copy);
  STEWARD_CHECK(left.ok());
  const auto gone = std::count_if(
      stored->records.begin(), stored->records.end(),
      [&](const agreement::Record& r) { return r.sequence >= 1 && r.sequence <= last; });
  STEWARD_CHECK(left->records.size() + static_cast<std::size_t>(gone) == stored->records.size());
  return 0;
}
