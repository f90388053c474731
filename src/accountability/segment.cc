#include "accountability/segment.h"

#include <algorithm>

#include "accountability/encoding.h"

namespace steward::accountability {
namespace {

constexpr std::string_view kMagic = "steward-segment-1\n";
constexpr std::size_t kSumBytes = 8;

Error damaged(const std::string& what) { return {ErrorCode::kCorrupt, what}; }

// The sign in the lowest bit, so that small steps are short in both directions.
std::uint64_t fold(std::uint64_t step) { return (step << 1) ^ (std::uint64_t{0} - (step >> 63)); }
std::uint64_t unfold(std::uint64_t value) {
  return (value >> 1) ^ (std::uint64_t{0} - (value & 1));
}

Status read_words(NumberReader& reader, Node node, std::vector<std::uint32_t>& words) {
  const std::uint64_t count = reader.next();
  if (count > kMaxDependencies) return damaged("a node has too many dependencies");
  std::size_t cells = 0;
  bool ended = true;
  for (std::uint64_t i = 0; i < count && !reader.failed(); ++i) {
    const std::uint64_t word = reader.next();
    const std::uint64_t distance = word >> 1;
    if (distance > node || distance > kMaxDistance) {
      return damaged("a node depends on what is before the first");
    }
    ended = (word & 1) != 0;
    if (ended) ++cells;
    words.push_back(static_cast<std::uint32_t>(distance) | (ended ? NodeView::kEndsCell : 0U));
  }
  if (!ended || cells > kMaxCells) return damaged("a node's alternatives make no sense");
  return {};
}

}  // namespace

void Segment::add(Client client, Timestamp time, const Cells& cells) {
  const Node node = end();
  begins.push_back(static_cast<std::uint32_t>(words.size()));
  clients.push_back(client);
  times.push_back(time);
  // An empty cell needs nothing, so the others do not matter.
  if (std::any_of(cells.begin(), cells.end(), [](const Cell& cell) { return cell.empty(); }))
    return;
  for (const Cell& cell : cells) {
    for (const Node dependency : cell) {
      const bool is_known = dependency != kUnresolvable;
      words.push_back(is_known ? static_cast<std::uint32_t>(node - dependency) : 0);
    }
    words.back() |= NodeView::kEndsCell;
  }
}

std::size_t Segment::memory_bytes() const {
  return sizeof(std::uint32_t) * (begins.capacity() + clients.capacity() + words.capacity()) +
         sizeof(Timestamp) * times.capacity();
}

Bytes encode(const Segment& segment) {
  Bytes out(kMagic);
  append_number(out, segment.first);
  append_number(out, segment.size());
  Timestamp before = 0;
  for (std::size_t i = 0; i < segment.size(); ++i) {
    const NodeView view = segment.view(i);
    append_number(out, view.is_gate() ? 0 : std::uint64_t{view.client} + 1);
    if (!view.is_gate()) {
      append_number(out, fold(segment.times[i] - before));
      before = segment.times[i];
    }
    append_number(out, view.words.size());
    for (const std::uint32_t word : view.words) {
      const std::uint64_t ends = (word & NodeView::kEndsCell) != 0 ? 1U : 0U;
      append_number(out, (std::uint64_t{word & ~NodeView::kEndsCell} << 1) + ends);
    }
  }
  append_u64(out, checksum(out));
  return out;
}

Result<Segment> decode_segment(BytesView bytes, Node first, std::uint32_t clients) {
  if (!bytes.starts_with(kMagic) || bytes.size() < kMagic.size() + kSumBytes) {
    return damaged("it is no segment of this program, or of another version");
  }
  const BytesView body = bytes.substr(0, bytes.size() - kSumBytes);
  if (checksum(body) != read_u64(bytes, body.size())) return damaged("its checksum is wrong");
  NumberReader reader(body.substr(kMagic.size()));
  if (reader.next() != first) return damaged("it is another segment");
  const std::uint64_t count = reader.next();
  if (count > body.size()) return damaged("its count is absurd");
  Segment out;
  out.first = first;
  out.begins.reserve(count);
  out.clients.reserve(count);
  out.times.reserve(count);
  Timestamp time = 0;
  for (std::uint64_t i = 0; i < count && !reader.failed(); ++i) {
    const std::uint64_t client = reader.next();
    if (client > clients) return damaged("a node has an unknown client");
    if (client > 0) time += unfold(reader.next());
    out.begins.push_back(static_cast<std::uint32_t>(out.words.size()));
    out.clients.push_back(client == 0 ? kGate : static_cast<Client>(client - 1));
    out.times.push_back(client == 0 ? 0 : time);
    if (Status status = read_words(reader, first + i, out.words); !status) return status.error();
  }
  if (reader.failed() || !reader.at_end()) return damaged("it is cut off, or too long");
  return out;
}

}  // namespace steward::accountability
