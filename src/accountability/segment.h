// Consecutive nodes with all that is known of them: what a DurableGraph keeps as one record.
//
//   "steward-segment-1\n", then as LEB128 the first node and how many; then each node: its client
//   plus 1 (0: a gate); for an update its time less that of the update before in the segment, with
//   the sign in the lowest bit; how many words; each word: how far back the dependency is, times
//   two, plus 1 if it ends a cell. Then 64 bits of FNV-1a over all before.
#pragma once

#include <vector>

#include "accountability/graph.h"
#include "common/bytes.h"

namespace steward::accountability {

struct Segment {
  Node first = 0;
  std::vector<std::uint32_t> begins;  // into words, by node
  std::vector<Client> clients;
  std::vector<Timestamp> times;  // 0 for gates
  std::vector<std::uint32_t> words;

  std::size_t size() const { return begins.size(); }
  Node end() const { return first + size(); }
  NodeView view(std::size_t i) const {
    const std::size_t last = i + 1 < begins.size() ? begins[i + 1] : words.size();
    return {first + i, clients[i], std::span(words).subspan(begins[i], last - begins[i])};
  }

  // The node end(), of cells that check_cells() finds good.
  void add(Client client, Timestamp time, const Cells& cells);

  std::size_t memory_bytes() const;
};

Bytes encode(const Segment& segment);

// kCorrupt for what encode() cannot have made of nodes from `first` on and so many clients. Whether
// each client's times grow is for the caller to see.
Result<Segment> decode_segment(BytesView bytes, Node first, std::uint32_t clients);

}  // namespace steward::accountability
