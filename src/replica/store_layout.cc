#include "replica/store_layout.h"

#include "wire/state.pb.h"

namespace steward::replica::layout {
namespace {

constexpr std::uint64_t kMaxNumber = 1ULL << 62;  // of fetched pages: counted up from 1

Error corrupt(const char* what) {
  return {ErrorCode::kCorrupt, std::string("the store holds a malformed ") + what};
}

}  // namespace

Bytes record_key(Sequence sequence, std::uint8_t kind) {
  Bytes key = "r";
  append_u64(key, sequence);
  append_u8(key, kind);
  return key;
}

Bytes page_key(PageKey page) {
  Bytes key = "p";
  append_u32(key, page);
  return key;
}

Bytes fetched_key(std::uint64_t number, PageKey page) {
  Bytes key = "f";
  append_u64(key, number);
  append_u32(key, page);
  return key;
}

Bytes snapshot_key() { return "s"; }

void put_record(const agreement::Record& record, storage::WriteBatch& batch) {
  batch.puts.emplace_back(record_key(record.sequence, record.kind), record.data);
}

namespace {

// A batch erases its ranges before it puts, so what was put into it before this has to go too.
void erase_range(const Bytes& first, const Bytes& end, storage::WriteBatch& batch) {
  std::erase_if(batch.puts, [&](const auto& put) { return first <= put.first && put.first < end; });
  batch.erase_ranges.emplace_back(first, end);
}

}  // namespace

void truncate_records(Sequence last, storage::WriteBatch& batch) {
  erase_range(record_key(1, 0), record_key(last + 1, 0), batch);
}

void erase_fetched(std::uint64_t number, storage::WriteBatch& batch) {
  erase_range(fetched_key(number, 0), fetched_key(number + 1, 0), batch);
}

void put_evidence(const wire::Evidence& evidence, storage::WriteBatch& batch) {
  Bytes key = "e";
  append_u32(key, evidence.server());
  batch.puts.emplace_back(std::move(key), evidence.SerializeAsString());
}

void put_own_life(const wire::OwnLife& life, storage::WriteBatch& batch) {
  batch.puts.emplace_back("i", life.SerializeAsString());
}

void put_life(ServerIndex server, const wire::Life& life, storage::WriteBatch& batch) {
  Bytes key = "l";
  append_u32(key, server);
  batch.puts.emplace_back(std::move(key), life.SerializeAsString());
}

void put_said(ServerIndex server, const Bytes& said, storage::WriteBatch& batch) {
  Bytes key = "b";
  append_u32(key, server);
  batch.puts.emplace_back(std::move(key), said);
}

void put_marker(Sequence sequence, const crypto::Digest& digest, std::uint64_t overlay,
                storage::WriteBatch& batch) {
  wire::SnapshotMarker marker;
  marker.set_sequence(sequence);
  marker.set_digest(digest.str());
  marker.set_overlay(overlay);
  batch.puts.emplace_back(snapshot_key(), marker.SerializeAsString());
}

namespace {

Status load_lives(const storage::Store& store, Stored& stored) {
  auto own = store.scan("i");
  if (!own) return own.error();
  for (const auto& [key, value] : *own) {
    if (key.size() != 1 || !stored.own_life.emplace().ParseFromString(value)) {
      return corrupt("life");
    }
  }
  auto lives = store.scan("l");
  if (!lives) return lives.error();
  for (const auto& [key, value] : *lives) {
    wire::Life parsed;
    if (key.size() != 5 || !parsed.ParseFromString(value)) return corrupt("life of another server");
    stored.lives.emplace(read_u32(key, 1), std::move(parsed));
  }
  auto said = store.scan("b");
  if (!said) return said.error();
  for (auto& [key, value] : *said) {
    if (key.size() != 5) return corrupt("word of another server");
    stored.said.emplace(read_u32(key, 1), std::move(value));
  }
  return {};
}

// The pages, and which snapshot they are.
Status load_snapshot(const storage::Store& store, Stored& stored) {
  auto marker = store.scan(snapshot_key());
  if (!marker) return marker.error();
  if (!marker->empty()) {
    wire::SnapshotMarker parsed;
    if (!parsed.ParseFromString(marker->front().second)) return corrupt("snapshot marker");
    const auto digest = crypto::Digest::from(parsed.digest());
    if (!digest) return corrupt("snapshot marker");
    stored.snapshot = parsed.sequence();
    stored.snapshot_digest = *digest;
    stored.overlay = parsed.overlay();
    if (stored.overlay > kMaxNumber) return corrupt("snapshot marker");
  }
  auto pages = store.scan("p");
  if (!pages) return pages.error();
  for (auto& [key, value] : *pages) {
    if (key.size() != 5) return corrupt("page");
    stored.pages.emplace(read_u32(key, 1), std::move(value));
  }
  auto fetched = store.scan("f");
  if (!fetched) return fetched.error();
  for (auto& [key, value] : *fetched) {
    if (key.size() != 13) return corrupt("fetched page");
    const std::uint64_t number = read_u64(key, 1);
    const PageKey page = read_u32(key, 9);
    if (number > kMaxNumber) return corrupt("fetched page");
    if (number != 0 && number == stored.overlay) {
      stored.overlaid.insert(page);
      stored.pages[page] = std::move(value);
    } else {
      stored.fetched[number].emplace(page, std::move(value));
    }
  }
  return {};
}

}  // namespace

Result<Stored> load(const storage::Store& store) {
  Stored stored;
  if (Status status = load_lives(store, stored); !status) return status.error();
  if (Status status = load_snapshot(store, stored); !status) return status.error();
  auto records = store.scan("r");
  if (!records) return records.error();
  for (auto& [key, value] : *records) {
    if (key.size() != 10) return corrupt("record");
    stored.records.push_back(
        {read_u64(key, 1), static_cast<std::uint8_t>(key[9]), std::move(value)});
  }
  auto evidence = store.scan("e");
  if (!evidence) return evidence.error();
  for (const auto& [key, value] : *evidence) {
    wire::Evidence parsed;
    if (key.size() != 5 || !parsed.ParseFromString(value)) return corrupt("piece of evidence");
    stored.evidence.emplace(read_u32(key, 1), std::move(parsed));
  }
  return stored;
}

}  // namespace steward::replica::layout
