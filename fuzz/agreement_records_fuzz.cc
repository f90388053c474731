// agreement/core.h: a core opened from durable records of any content is refused as corrupt, or
// runs: its invariants hold, it can be saved and restored, and opening it again from what it then
// holds gives the same commits.
#include "agreement/ordered_log.h"
#include "fuzz/input.h"

using namespace steward;
using namespace steward::agreement;

namespace {

Options options_for(Protocol protocol) {
  Options options;
  options.self = 1;
  options.quorums = {protocol == Protocol::kPbft ? 4U : 3U, 1, protocol == Protocol::kPbft};
  options.checkpoint_interval = 4;
  return options;
}

Bytes filled_digest(BytesView digest, BytesView batch) {
  if (!digest.empty() || batch.empty()) return Bytes(digest);
  const auto decoded = wire::decode_batch(Bytes(batch));
  return decoded ? (*decoded)->digest.str() : Bytes();
}

// So that the fuzzer need not find hashes: a proposal without a digest gets the right one, and a
// certificate without one that of an empty batch.
Bytes with_digest(std::uint8_t kind, BytesView data) {
  if (kind == kProposedRecord || kind == kLearnedRecord) {
    wire::ProposedRecord record;
    if (!record.ParseFromArray(data.data(), static_cast<int>(data.size()))) return Bytes(data);
    if (record.digest().empty() && record.batch().empty()) {
      record.set_digest(wire::make_batch({})->digest.str());
    }
    record.set_digest(filled_digest(record.digest(), record.batch()));
    return record.SerializeAsString();
  }
  if (kind == kPreparedRecord || kind == kCommittedRecord) {
    wire::CertificateRecord record;
    if (!record.ParseFromArray(data.data(), static_cast<int>(data.size()))) return Bytes(data);
    if (record.digest().empty()) record.set_digest(wire::make_batch({})->digest.str());
    return record.SerializeAsString();
  }
  return Bytes(data);
}

std::vector<Record> read_records(fuzz::Input& in) {
  std::map<std::pair<Sequence, std::uint8_t>, Bytes> records;  // in order, as a store gives them
  while (!in.empty()) {
    const std::uint8_t kind = in.u8();
    Sequence sequence = in.u8();
    if (sequence >= 128) sequence = ~Sequence{0} - (255 - sequence);
    records[{sequence, kind}] = with_digest(kind, in.framed());
  }
  std::vector<Record> out;
  for (auto& [key, data] : records) out.push_back({key.first, key.second, std::move(data)});
  return out;
}

std::vector<Commit> start(Core& core) {
  Actions actions;
  core.start(actions);
  core.check_invariants();
  Sequence last = 0;
  for (const Commit& commit : actions.commits) {
    STEWARD_CHECK(last == 0 || commit.sequence == last + 1);
    STEWARD_CHECK(commit.batch != nullptr);
    last = commit.sequence;
  }
  return std::move(actions.commits);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input in(data, size);
  const Protocol protocol = (in.u8() & 1) == 0 ? Protocol::kPbft : Protocol::kPaxos;
  const Options options = options_for(protocol);
  const std::vector<Record> records = read_records(in);
  auto core = open_core(protocol, options, records);
  if (!core) {
    STEWARD_CHECK(core.error().code == ErrorCode::kCorrupt);
    return 0;
  }
  const std::vector<Commit> commits = start(**core);
  auto again = open_core(protocol, options, records);
  STEWARD_CHECK(again.ok() && start(**again).size() == commits.size());

  auto copy = open_core(protocol, options, {});
  const Bytes saved = (*core)->save();
  STEWARD_CHECK(copy.ok() && (*copy)->restore(saved));
  STEWARD_CHECK((*copy)->save() == saved);
  (*copy)->check_invariants();
  Actions actions;
  (*core)->step(TimerFired{1}, actions);
  (*core)->check_invariants();
  return 0;
}
