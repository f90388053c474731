#include "accountability/testing/naive.h"

#include <algorithm>

namespace steward::accountability::testing {
namespace {

std::uint64_t below(std::mt19937_64& random, std::uint64_t limit) { return random() % limit; }

bool chance(std::mt19937_64& random, double p) {
  return static_cast<double>(below(random, 1'000'000)) < p * 1e6;
}

bool is_corrupt(const Naive& naive, Node node) {
  const NaiveUpdate& update = naive.updates[node];
  return std::any_of(naive.marks.begin(), naive.marks.end(), [&](const Mark& mark) {
    switch (mark.kind) {
      case MarkKind::kHonestBad:
        return mark.node == node;
      case MarkKind::kClientFrom:
        return mark.client == update.client && update.time >= mark.from;
      case MarkKind::kCorruptUpdate:
        return naive.updates[mark.node].client == update.client &&
               update.time >= naive.updates[mark.node].time;
      case MarkKind::kCleared:
        return false;
    }
    return false;
  });
}

bool has_tainted(const Cell& cell, const std::vector<Label>& labels) {
  return std::any_of(cell.begin(), cell.end(), [&labels](Node node) {
    return node == kUnresolvable || labels[node] != Label::kNotAffected;
  });
}

Cells draw_cells(std::mt19937_64& random, const RandomGraphOptions& options, Node next) {
  Cells cells(below(random, options.max_cells + 1));
  for (Cell& cell : cells) {
    // Rarely empty, since that makes the whole node independent.
    const std::size_t size = chance(random, 0.05) ? 0 : 1 + below(random, options.max_cell);
    for (std::size_t i = 0; i < size; ++i) {
      const bool is_known = next > 0 && !chance(random, options.unresolvable);
      cell.push_back(is_known ? below(random, next) : kUnresolvable);
    }
  }
  return cells;
}

}  // namespace

std::vector<Label> Naive::labels() const {
  std::vector<Label> out(updates.size(), Label::kNotAffected);
  for (Node node = 0; node < updates.size(); ++node) {
    if (is_corrupt(*this, node)) out[node] = Label::kCorrupt;
  }
  for (bool changed = true; changed;) {
    changed = false;
    for (Node node = updates.size(); node-- > 0;) {
      const Cells& cells = updates[node].cells;
      const bool is_cleared = std::find(marks.begin(), marks.end(), cleared(node)) != marks.end();
      if (out[node] != Label::kNotAffected || is_cleared || cells.empty()) continue;
      if (!std::all_of(cells.begin(), cells.end(),
                       [&out](const Cell& cell) { return has_tainted(cell, out); })) {
        continue;
      }
      out[node] = Label::kSuspect;
      changed = true;
    }
  }
  return out;
}

void draw(std::mt19937_64& random, const RandomGraphOptions& options, Graph& graph, Naive& naive) {
  std::vector<Timestamp> times(options.clients, 0);
  while (graph.clients() < options.clients) STEWARD_CHECK(graph.add_client().ok());
  for (std::size_t i = 0; i < options.nodes; ++i) {
    const Cells cells = draw_cells(random, options, graph.end());
    if (chance(random, options.gates)) {
      STEWARD_CHECK(graph.append_gate(cells).ok());
      naive.updates.push_back({kGate, 0, cells});
      continue;
    }
    const auto client = static_cast<Client>(below(random, options.clients));
    // Half of the clients count one by one, the others jump.
    times[client] += client % 2 == 0 ? 1 : 1 + below(random, 1000);
    STEWARD_CHECK(graph.append(client, times[client], cells).ok());
    naive.updates.push_back({client, times[client], cells});
  }
}

Mark draw_mark(std::mt19937_64& random, const Graph& graph) {
  const Node node = below(random, graph.end());
  switch (below(random, 5)) {
    case 0:
      return graph.at(node).is_gate() ? honest_bad(node) : corrupt_update(node);
    case 1:
      return client_from(static_cast<Client>(below(random, graph.clients())), below(random, 20));
    case 2:
      return cleared(node);
    default:
      return honest_bad(node);
  }
}

std::vector<Label> labels_of(const Classification& classification) {
  std::vector<Label> out;
  for (Node node = 0; node < classification.graph().end(); ++node) {
    out.push_back(classification.label(node));
  }
  return out;
}

}  // namespace steward::accountability::testing
