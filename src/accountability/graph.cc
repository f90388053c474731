#include "accountability/graph.h"

#include <fmt/format.h>

#include <algorithm>

namespace steward::accountability {
namespace {

Error too_large(std::string message) { return {ErrorCode::kTooLarge, std::move(message)}; }

Status check_counts(const Cells& cells) {
  if (cells.size() > kMaxCells) {
    return too_large(
        fmt::format("{} alternatives in one update; at most {} are kept, deeper "
                    "formulas need gates",
                    cells.size(), kMaxCells));
  }
  std::size_t total = 0;
  for (const Cell& cell : cells) total += cell.size();
  if (total > kMaxDependencies) {
    return too_large(
        fmt::format("{} dependencies in one update; at most {} are kept", total, kMaxDependencies));
  }
  return {};
}

Status check_cell(std::span<const Node> cell, Node next) {
  for (const Node dependency : cell) {
    if (dependency == kUnresolvable) continue;
    if (dependency >= next) {
      return bad_input(fmt::format("update {} cannot depend on {}, which is not ordered before it",
                                   next, dependency));
    }
    if (next - dependency > kMaxDistance) {
      return too_large(fmt::format("update {} depends on {}, which is more than {} before it", next,
                                   dependency, kMaxDistance));
    }
  }
  return {};
}

bool has_empty_cell(const Cells& cells) {
  return std::any_of(cells.begin(), cells.end(), [](const Cell& cell) { return cell.empty(); });
}

}  // namespace

Status check_cells(const Cells& cells, Node next) {
  if (Status status = check_counts(cells); !status) return status;
  for (const Cell& cell : cells) {
    if (Status status = check_cell(cell, next); !status) return status;
  }
  return {};
}

Cells NodeView::cells() const {
  Cells out;
  Cell cell;
  for (const std::uint32_t word : words) {
    cell.push_back(dependency(word));
    if ((word & kEndsCell) == 0) continue;
    out.push_back(std::move(cell));
    cell.clear();
  }
  return out;
}

bool NodeView::is_malformed() const {
  return std::any_of(words.begin(), words.end(),
                     [this](std::uint32_t word) { return dependency(word) == kUnresolvable; });
}

std::size_t Graph::ClientNodes::lower_bound(Timestamp time) const {
  if (nodes.empty()) return 0;
  if (times.empty()) {
    return time <= first ? 0 : std::min<std::uint64_t>(time - first, nodes.size());
  }
  const auto found = std::lower_bound(times.begin(), times.end(), time);
  return static_cast<std::size_t>(found - times.begin());
}

namespace {

// By an eighth instead of twice: with many clients the room that nobody uses would be the most of
// what they cost.
template <class T>
void push_back_tightly(std::vector<T>& to, T value) {
  if (to.size() == to.capacity()) to.reserve(to.size() + to.size() / 8 + 4);
  to.push_back(value);
}

}  // namespace

void Graph::ClientNodes::add(Node node, Timestamp time) {
  if (nodes.empty()) {
    first = time;
    times.clear();
  } else if (!times.empty()) {
    push_back_tightly(times, time);
  } else if (time != first + nodes.size()) {
    times.reserve(nodes.size() + 1);
    for (std::size_t i = 0; i < nodes.size(); ++i) times.push_back(first + i);
    times.push_back(time);
  }
  push_back_tightly(nodes, static_cast<std::uint32_t>(node));
}

Result<Client> Graph::add_client() {
  if (clients_.size() >= kMaxClients) {
    return too_large(fmt::format("more than {} clients", kMaxClients));
  }
  clients_.emplace_back();
  return static_cast<Client>(clients_.size() - 1);
}

Status Graph::check_update(Client client, Timestamp time) const {
  if (client >= clients_.size()) {
    return bad_input(fmt::format("client {} is unknown; there are {}", client, clients_.size()));
  }
  // The lists of clients tell nodes apart by 32 bits.
  if (end_ - horizon_ >= kMaxDistance) {
    return too_large(fmt::format("{} updates are held; forget the oldest first", end_ - horizon_));
  }
  const std::optional<Timestamp> last = last_time(client);
  if (last && time <= *last) {
    return bad_input(
        fmt::format("client {} already has an update of time {}, so one of time {} "
                    "is a duplicate or out of order",
                    client, *last, time));
  }
  return {};
}

const Graph::Forgotten* Graph::forgotten_of(Client client) const {
  if (client >= forgotten_.size() || forgotten_[client].node == kUnresolvable) return nullptr;
  return &forgotten_[client];
}

std::optional<Timestamp> Graph::last_time(Client client) const {
  const ClientNodes& held = clients_[client];
  if (!held.nodes.empty()) return held.time(held.nodes.size() - 1);
  return forgotten_time(client);
}

std::optional<Node> Graph::predecessor_of(Client client) const {
  if (causality_ != Causality::kNetwork) return std::nullopt;
  const ClientNodes& held = clients_[client];
  const Forgotten* forgotten = forgotten_of(client);
  if (held.nodes.empty() && forgotten == nullptr) return std::nullopt;
  const Node last = held.nodes.empty() ? forgotten->node : wide(held.nodes.back());
  if (end_ - last > kMaxDistance) return std::nullopt;
  return last;
}

Graph::Segment& Graph::open_segment() {
  if (end_ % kSegmentNodes == 0 && (end_ - horizon_) / kSegmentNodes == segments_.size()) {
    if (!segments_.empty()) segments_.back().words.shrink_to_fit();
    Segment& segment = segments_.emplace_back();
    segment.begins.reserve(kSegmentNodes);
    segment.clients.reserve(kSegmentNodes);
  }
  return segments_.back();
}

void Graph::add_words(Segment& segment, std::span<const Node> cell,
                      std::optional<Node> predecessor) {
  for (const Node dependency : cell) {
    const bool is_known = dependency != kUnresolvable;
    segment.words.push_back(is_known ? static_cast<std::uint32_t>(end_ - dependency) : 0);
    if (!is_known) has_unresolvable_ = true;
  }
  if (predecessor) {
    segment.words.push_back(static_cast<std::uint32_t>(end_ - *predecessor));
  }
  segment.words.back() |= NodeView::kEndsCell;
}

Node Graph::add_node(Segment& segment, std::size_t first_word, Client client) {
  segment.begins.push_back(static_cast<std::uint32_t>(first_word));
  segment.clients.push_back(client);
  dependencies_ += segment.words.size() - first_word;
  return end_++;
}

Result<Node> Graph::append(Client client, Timestamp time, std::span<const Node> all_of) {
  if (all_of.size() > kMaxDependencies) {
    return too_large(fmt::format("{} dependencies in one update; at most {} are kept",
                                 all_of.size(), kMaxDependencies));
  }
  if (Status status = check_update(client, time); !status) return status.error();
  if (Status status = check_cell(all_of, end_); !status) return status.error();
  Segment& segment = open_segment();
  const std::size_t first_word = segment.words.size();
  const std::optional<Node> predecessor = predecessor_of(client);
  if (!all_of.empty() || predecessor) add_words(segment, all_of, predecessor);
  clients_[client].add(end_, time);
  return add_node(segment, first_word, client);
}

Result<Node> Graph::append(Client client, Timestamp time, const Cells& cells) {
  if (Status status = check_counts(cells); !status) return status.error();
  if (cells.size() <= 1) {
    return append(client, time, cells.empty() ? std::span<const Node>() : std::span(cells[0]));
  }
  if (Status status = check_update(client, time); !status) return status.error();
  if (Status status = check_cells(cells, end_); !status) return status.error();
  Segment& segment = open_segment();
  const std::size_t first_word = segment.words.size();
  const std::optional<Node> predecessor = predecessor_of(client);
  // An empty cell needs nothing, so the others do not matter.
  if (predecessor || !has_empty_cell(cells)) {
    for (const Cell& cell : cells) add_words(segment, cell, predecessor);
  }
  clients_[client].add(end_, time);
  return add_node(segment, first_word, client);
}

Result<Node> Graph::append_gate(const Cells& cells) {
  if (Status status = check_cells(cells, end_); !status) return status.error();
  Segment& segment = open_segment();
  const std::size_t first_word = segment.words.size();
  if (!has_empty_cell(cells)) {
    for (const Cell& cell : cells) add_words(segment, cell, std::nullopt);
  }
  return add_node(segment, first_word, kGate);
}

NodeView Graph::at(Node node) const {
  STEWARD_CHECK(node >= horizon_ && node < end_);
  return segment_of(node).view(node / kSegmentNodes * kSegmentNodes, node % kSegmentNodes);
}

std::size_t Graph::index_of(const ClientNodes& client, Node node) const {
  const auto found =
      std::lower_bound(client.nodes.begin(), client.nodes.end(), node,
                       [this](std::uint32_t low, Node value) { return wide(low) < value; });
  return static_cast<std::size_t>(found - client.nodes.begin());
}

Timestamp Graph::time_of(Node node) const {
  const Client client = at(node).client;
  if (client == kGate) return 0;
  return clients_[client].time(index_of(clients_[client], node));
}

std::optional<Node> Graph::previous(Node node) const {
  const Client client = at(node).client;
  if (client == kGate) return std::nullopt;
  const std::size_t i = index_of(clients_[client], node);
  if (i == 0) return std::nullopt;
  return wide(clients_[client].nodes[i - 1]);
}

std::span<const std::uint32_t> Graph::nodes_of(Client client) const {
  STEWARD_CHECK(client < clients_.size());
  return clients_[client].nodes;
}

std::optional<Node> Graph::first_from(Client client, Timestamp time) const {
  STEWARD_CHECK(client < clients_.size());
  const std::size_t i = clients_[client].lower_bound(time);
  if (i >= clients_[client].nodes.size()) return std::nullopt;
  return wide(clients_[client].nodes[i]);
}

std::optional<Node> Graph::find(Client client, Timestamp time) const {
  STEWARD_CHECK(client < clients_.size());
  const std::size_t i = clients_[client].lower_bound(time);
  if (i >= clients_[client].nodes.size() || clients_[client].time(i) != time) return std::nullopt;
  return wide(clients_[client].nodes[i]);
}

std::optional<Timestamp> Graph::forgotten_time(Client client) const {
  STEWARD_CHECK(client < clients_.size());
  const Forgotten* forgotten = forgotten_of(client);
  if (forgotten == nullptr) return std::nullopt;
  return forgotten->time;
}

void Graph::forget_before(Node node) {
  const Node horizon = std::min(node, end_) / kSegmentNodes * kSegmentNodes;
  if (horizon <= horizon_) return;
  forgotten_.resize(clients_.size());
  for (std::size_t i = 0; i < clients_.size(); ++i) {
    ClientNodes& client = clients_[i];
    const std::size_t gone = index_of(client, horizon);
    if (gone == 0) continue;
    forgotten_[i] = {wide(client.nodes[gone - 1]), client.time(gone - 1)};
    client.first = gone < client.nodes.size() ? client.time(gone) : 0;
    const auto count = static_cast<std::ptrdiff_t>(gone);
    client.nodes.erase(client.nodes.begin(), client.nodes.begin() + count);
    if (!client.times.empty()) {
      client.times.erase(client.times.begin(), client.times.begin() + count);
    }
  }
  while (horizon_ < horizon) {
    dependencies_ -= segments_.front().words.size();
    segments_.pop_front();
    horizon_ += kSegmentNodes;
  }
}

std::size_t Graph::memory_bytes() const {
  std::size_t bytes = clients_.capacity() * sizeof(ClientNodes) +  //
                      forgotten_.capacity() * sizeof(Forgotten);
  for (const Segment& segment : segments_) {
    bytes += sizeof(Segment) +
             sizeof(std::uint32_t) * (segment.begins.capacity() + segment.clients.capacity() +
                                      segment.words.capacity());
  }
  for (const ClientNodes& client : clients_) {
    bytes += sizeof(std::uint32_t) * client.nodes.capacity() +
             sizeof(Timestamp) * client.times.capacity();
  }
  return bytes;
}

}  // namespace steward::accountability
