#include "accountability/catalogue.h"

#include <fmt/format.h>

#include <algorithm>

#include "accountability/circles.h"

namespace steward::accountability {
namespace {

// Puts the entries of a draft into a graph, what is needed first.
class Builder {
 public:
  explicit Builder(Draft& draft) : draft_(draft), done_(draft.entries.size(), 0) {
    out_.items.resize(draft.entries.size());
    counts_.resize(draft.clients.size(), 0);
    for (std::size_t i = 0; i < draft.entries.size(); ++i) {
      out_.items[i].name = std::move(draft.entries[i].name);
    }
  }

  Result<Catalogue> run(const ImportProgress& progress) {
    for (std::size_t i = 0; i < draft_.clients.size(); ++i) {
      if (auto client = out_.graph.add_client(); !client) return client.error();
    }
    std::vector<ItemIndex> group;
    Status status;
    std::uint64_t done = 0;
    for_each_circle(draft_.entries, [&](const std::vector<ItemIndex>& circle) {
      if (!status) return;
      status = circle.size() == 1 ? add_single(circle.front()) : add_circle(circle);
      done += circle.size();
      if (progress && done % 4096 < circle.size()) progress(done, draft_.entries.size());
    });
    if (!status) return status.error();
    out_.clients = std::move(draft_.clients);
    draft_.notes.circles = out_.notes.circles;
    out_.notes = draft_.notes;
    return std::move(out_);
  }

 private:
  Result<Node> add_own(ItemIndex index, const Cell& cell) {
    const Draft::Entry& entry = draft_.entries[index];
    const Timestamp time = (Timestamp{entry.release} << 32) + counts_[entry.client]++;
    auto node = out_.graph.append(entry.client, time, std::span(cell));
    if (!node) {
      return Error{node.error().code, out_.items[index].name + ": " + node.error().message};
    }
    out_.items[index].own = out_.items[index].whole = *node;
    done_[index] = 1;
    return *node;
  }

  Status add_single(ItemIndex index) {
    Cell cell;
    for (const Draft::Need& need : draft_.entries[index].needs) {
      if (std::find(need.begin(), need.end(), index) != need.end()) continue;  // of itself
      auto node = node_for(need);
      if (!node) return node.error();
      cell.push_back(*node);
    }
    tidy(cell);
    auto node = add_own(index, cell);
    return node ? Status() : node.error();
  }

  Status add_circle(const std::vector<ItemIndex>& circle) {
    ++out_.notes.circles;
    draft_.notes.in_circles += circle.size();
    draft_.notes.largest_circle =
        std::max<std::uint64_t>(draft_.notes.largest_circle, circle.size());
    Cell cell;
    std::vector<ItemIndex> sorted = circle;
    std::sort(sorted.begin(), sorted.end());
    for (const ItemIndex index : sorted) {
      for (const Draft::Need& need : draft_.entries[index].needs) {
        const bool within = std::any_of(need.begin(), need.end(), [&sorted](ItemIndex other) {
          return std::binary_search(sorted.begin(), sorted.end(), other);
        });
        if (within) {
          if (need.size() > 1) ++draft_.notes.dropped_alternatives;
          continue;
        }
        auto node = node_for(need);
        if (!node) return node.error();
        cell.push_back(*node);
      }
    }
    for (const ItemIndex index : sorted) {
      auto node = add_own(index, {});
      if (!node) return node.error();
      cell.push_back(*node);
    }
    tidy(cell);
    auto whole = all_of(std::move(cell));
    if (!whole) return whole.error();
    for (const ItemIndex index : sorted) out_.items[index].whole = *whole;
    return {};
  }

  static void tidy(Cell& cell) {
    std::sort(cell.begin(), cell.end());
    cell.erase(std::unique(cell.begin(), cell.end()), cell.end());
  }

  // A gate for all of `cell`, in storeys where it is more than one node may have.
  Result<Node> all_of(Cell cell) {
    while (cell.size() > kMaxDependencies) {
      const auto begin = cell.end() - static_cast<std::ptrdiff_t>(kMaxDependencies);
      auto gate = out_.graph.append_gate({Cell(begin, cell.end())});
      if (!gate) return gate.error();
      cell.erase(begin, cell.end());
      cell.push_back(*gate);
    }
    return out_.graph.append_gate({std::move(cell)});
  }

  // The node that is tainted when each of the alternatives is.
  Result<Node> node_for(const Draft::Need& need) {
    Cell nodes;
    for (const ItemIndex index : need) {
      if (index >= done_.size() || done_[index] == 0) {
        return bad_input("a need names an item that does not exist");
      }
      nodes.push_back(out_.items[index].whole);
    }
    tidy(nodes);
    if (nodes.size() == 1) return nodes.front();
    const auto known = gates_.find(nodes);
    if (known != gates_.end()) return known->second;
    const Cell key = nodes;
    while (nodes.size() > kMaxCells) {
      auto gate = any_of(nodes.end() - static_cast<std::ptrdiff_t>(kMaxCells), nodes.end());
      if (!gate) return gate.error();
      nodes.erase(nodes.end() - static_cast<std::ptrdiff_t>(kMaxCells), nodes.end());
      nodes.push_back(*gate);
    }
    auto gate = any_of(nodes.begin(), nodes.end());
    if (gate) gates_.emplace(key, *gate);
    return gate;
  }

  Result<Node> any_of(Cell::const_iterator begin, Cell::const_iterator end) {
    Cells cells;
    for (; begin != end; ++begin) cells.push_back({*begin});
    return out_.graph.append_gate(cells);
  }

  Draft& draft_;
  Catalogue out_;
  std::vector<std::uint8_t> done_;
  std::vector<std::uint32_t> counts_;  // items so far, by client
  std::map<Cell, Node> gates_;         // of alternatives, made once
};

Status check(const Draft& draft) {
  if (draft.entries.size() > kMaxItems) {
    return Error{ErrorCode::kTooLarge, fmt::format("{} items; at most {} can be imported",
                                                   draft.entries.size(), kMaxItems)};
  }
  std::uint32_t release = 0;
  for (const Draft::Entry& entry : draft.entries) {
    if (entry.client >= draft.clients.size()) return bad_input(entry.name + " has no client");
    if (entry.release < release) {
      return bad_input(entry.name + " is of an older release than what stands before it");
    }
    release = entry.release;
    for (const Draft::Need& need : entry.needs) {
      for (const ItemIndex index : need) {
        if (index >= draft.entries.size()) {
          return bad_input(entry.name + " needs an item that does not exist");
        }
        if (draft.entries[index].release > entry.release) {
          return bad_input(entry.name + " needs " + draft.entries[index].name +
                           ", which is of a later release");
        }
      }
      if (need.empty()) return bad_input(entry.name + " has a need without an alternative");
    }
  }
  return {};
}

}  // namespace

Label Catalogue::label(const Classification& labels, ItemIndex item) const {
  const Item& it = items[item];
  const Label own = labels.label(it.own);
  if (own == Label::kCorrupt || it.own == it.whole) return own;
  return labels.label(it.whole) == Label::kNotAffected ? own : Label::kSuspect;
}

std::vector<std::uint32_t> Catalogue::weights() const {
  std::vector<std::uint32_t> out(graph.end(), 0);
  for (const Item& item : items) ++out[item.whole];
  return out;
}

Client Draft::client_named(const std::string& name) {
  const auto [found, is_new] = client_numbers_.emplace(name, static_cast<Client>(clients.size()));
  if (is_new) clients.push_back(name);
  return found->second;
}

Result<Catalogue> build_catalogue(Draft draft, const ImportProgress& progress) {
  if (Status status = check(draft); !status) return status.error();
  return Builder(draft).run(progress);
}

std::string clean_name(std::string_view name) {
  std::string out(name.substr(0, kMaxNameBytes));
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) c = '?';
  }
  return out;
}

}  // namespace steward::accountability
