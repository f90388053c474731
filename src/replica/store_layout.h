// Where a server keeps what in its store. One letter, then a big-endian key, so that scans come in
// order:
//   r <sequence:8> <kind:1>   records of the local protocol (agreement::Record)
//   p <key:4>                 pages of the last snapshot
//   f <number:8> <key:4>      fetched pages: those of the number that the marker names stand over
//                             the pages under p; later numbers are of a fetch under way
//   s                         SnapshotMarker: which checkpoint the pages are
//   e <server:4>              Evidence against a server of the site
//   i                         OwnLife: this server's run, and what it has forgotten (readmission.h)
//   l <server:4>              Life: the newest known of another server of the site
//   b <server:4>              SignedHeader: its word on when its memory began, if not at first
#pragma once

#include <map>
#include <optional>
#include <set>
#include <vector>

#include "agreement/core.h"
#include "common/result.h"
#include "replica/page_set.h"
#include "storage/store.h"
#include "wire/client.pb.h"
#include "wire/envelope.pb.h"

namespace steward::replica::layout {

Bytes record_key(Sequence sequence, std::uint8_t kind);
Bytes page_key(PageKey key);
Bytes fetched_key(std::uint64_t number, PageKey key);
Bytes snapshot_key();

void put_record(const agreement::Record& record, storage::WriteBatch& batch);
// Erases the records of all sequences from 1 to `last`, those put into `batch` before included.
void truncate_records(Sequence last, storage::WriteBatch& batch);
void put_evidence(const wire::Evidence& evidence, storage::WriteBatch& batch);
void put_own_life(const wire::OwnLife& life, storage::WriteBatch& batch);
void put_life(ServerIndex server, const wire::Life& life, storage::WriteBatch& batch);
void put_said(ServerIndex server, const Bytes& said, storage::WriteBatch& batch);
// Erases the fetched pages of this number, those put into `batch` before included.
void erase_fetched(std::uint64_t number, storage::WriteBatch& batch);
// `overlay`: the number of the fetched pages that stand over the stored ones; 0: none do.
void put_marker(Sequence sequence, const crypto::Digest& digest, std::uint64_t overlay,
                storage::WriteBatch& batch);

struct Stored {
  std::vector<agreement::Record> records;
  std::map<PageKey, Bytes> pages;  // those of the overlay included
  std::uint64_t overlay = 0;
  std::set<PageKey> overlaid;
  // Fetched pages of all other numbers; nothing was promised about them.
  std::map<std::uint64_t, std::map<PageKey, Bytes>> fetched;
  std::map<ServerIndex, wire::Evidence> evidence;
  Sequence snapshot = 0;  // 0: none
  crypto::Digest snapshot_digest;
  std::optional<wire::OwnLife> own_life;
  std::map<ServerIndex, wire::Life> lives;
  std::map<ServerIndex, Bytes> said;
};
Result<Stored> load(const storage::Store& store);

}  // namespace steward::replica::layout
