#include "accountability/classification.h"

#include <fmt/format.h>

#include <algorithm>

namespace steward::accountability {

const char* to_string(Label label) {
  switch (label) {
    case Label::kNotAffected:
      return "not affected";
    case Label::kSuspect:
      return "suspect";
    case Label::kCorrupt:
      return "corrupt";
  }
  return "";
}

Classification::Classification(const Graph& graph) : graph_(graph), base_(graph.horizon()) {
  catch_up();
}

bool Classification::is_tainted(Node node) const {
  if (node >= base_ && node != kUnresolvable) return (states_[node - base_] & kLabelBits) != 0;
  if (node == kUnresolvable || unbounded()) return true;
  return std::binary_search(tainted_before_.begin(), tainted_before_.end(), node);
}

Label Classification::label(Node node) const {
  if (node >= base_) {
    STEWARD_CHECK(node - base_ < states_.size());
    return static_cast<Label>(states_[node - base_] & kLabelBits);
  }
  return is_tainted(node) ? Label::kSuspect : Label::kNotAffected;
}

std::uint8_t Classification::label_of(const NodeView& view) const {
  const std::uint8_t state = states_[view.node - base_];
  if ((state & kHonestBadBit) != 0) return static_cast<std::uint8_t>(Label::kCorrupt);
  if (!view.is_gate() && view.node >= clients_[view.client].first_corrupt) {
    return static_cast<std::uint8_t>(Label::kCorrupt);
  }
  if ((state & kClearedBit) != 0) return static_cast<std::uint8_t>(Label::kNotAffected);
  const bool tainted = view.rests_on([this](Node node) { return is_tainted(node); });
  return static_cast<std::uint8_t>(tainted ? Label::kSuspect : Label::kNotAffected);
}

void Classification::count(const NodeView& view, std::uint8_t state, bool add) {
  if (view.is_gate()) return;
  const auto label = static_cast<Label>(state & kLabelBits);
  std::uint64_t& counter = label == Label::kCorrupt   ? counts_.corrupt
                           : label == Label::kSuspect ? counts_.suspect
                                                      : counts_.not_affected;
  counter += add ? std::uint64_t{1} : ~std::uint64_t{0};
}

void Classification::relabel(Node from) {
  if (from >= graph_.end()) return;
  graph_.for_each(std::max(from, base_), [this](const NodeView& view) {
    std::uint8_t& state = states_[view.node - base_];
    const std::uint8_t label = label_of(view);
    if ((state & kLabelBits) == label) return;
    count(view, state, false);
    state = static_cast<std::uint8_t>((state & ~kLabelBits) | label);
    count(view, state, true);
  });
}

// What was tainted is remembered before it goes.
void Classification::forget() {
  const Node horizon = graph_.horizon();
  STEWARD_CHECK(horizon <= base_ + states_.size());
  const auto gone = static_cast<std::size_t>(horizon - base_);
  for (std::size_t i = 0; i < gone; ++i) {
    if ((states_[i] & kLabelBits) != 0) tainted_before_.push_back(base_ + i);
  }
  states_.erase(states_.begin(), states_.begin() + static_cast<std::ptrdiff_t>(gone));
  base_ = horizon;
  for (Client client = 0; client < clients_.size(); ++client) {
    ClientState& state = clients_[client];
    if (!state.from) continue;
    state.first_corrupt = graph_.first_from(client, *state.from).value_or(kNever);
  }
  counts_ = {};
  for (Node node = base_; node < base_ + states_.size(); ++node) {
    count(graph_.at(node), states_[node - base_], true);
  }
}

void Classification::catch_up() {
  clients_.resize(graph_.clients());
  if (graph_.horizon() > base_) forget();
  const Node first_new = base_ + states_.size();
  if (first_new >= graph_.end()) return;
  states_.resize(graph_.end() - base_, 0);
  graph_.for_each(first_new, [this](const NodeView& view) {
    if (!view.is_gate()) {
      ClientState& client = clients_[view.client];
      if (client.from && client.first_corrupt == kNever &&
          graph_.time_of(view.node) >= *client.from) {
        client.first_corrupt = view.node;
      }
    }
    std::uint8_t& state = states_[view.node - base_];
    state = label_of(view);
    count(view, state, true);
  });
}

Status Classification::check(const Mark& mark) const {
  if (mark.kind == MarkKind::kClientFrom) {
    if (mark.client < clients_.size()) return {};
    return Error{ErrorCode::kNotFound,
                 fmt::format("client {} is unknown; there are {}", mark.client, clients_.size())};
  }
  if (mark.node >= base_ + states_.size()) {
    return Error{ErrorCode::kNotFound, fmt::format("update {} is not there; the last is {}",
                                                   mark.node, base_ + states_.size() - 1)};
  }
  if (mark.node < base_) {
    return Error{ErrorCode::kNotFound,
                 fmt::format("update {} is forgotten, the first that is held is {}: mark its "
                             "client from a time on instead",
                             mark.node, base_)};
  }
  if (mark.kind == MarkKind::kCorruptUpdate && graph_.at(mark.node).is_gate()) {
    return bad_input(
        fmt::format("{} is a gate: it has no client that could be malicious", mark.node));
  }
  return {};
}

bool Classification::reaches_forgotten(const Mark& mark) const {
  if (mark.kind != MarkKind::kClientFrom) return false;
  const auto forgotten = graph_.forgotten_time(mark.client);
  return forgotten && *forgotten >= mark.from;
}

Node Classification::set_malicious_from(Client client) {
  ClientState& state = clients_[client];
  const Node before = state.first_corrupt;
  const auto earliest = malice_.lower_bound({client, 0});
  state.from.reset();
  state.first_corrupt = kNever;
  if (earliest != malice_.end() && earliest->first.first == client) {
    state.from = earliest->first.second;
    state.first_corrupt = graph_.first_from(client, *state.from).value_or(kNever);
  }
  return before == state.first_corrupt ? kNever : std::min(before, state.first_corrupt);
}

namespace {

// Of a mark that makes a client malicious, the client and from when on.
std::pair<Client, Timestamp> malice_of(const Graph& graph, const Mark& mark) {
  if (mark.kind == MarkKind::kClientFrom) return {mark.client, mark.from};
  return {graph.at(mark.node).client, graph.time_of(mark.node)};
}

bool is_malice(const Mark& mark) {
  return mark.kind == MarkKind::kClientFrom || mark.kind == MarkKind::kCorruptUpdate;
}

}  // namespace

Node Classification::enter(const Mark& mark) {
  const bool beyond = reaches_forgotten(mark);
  if (!marks_.emplace(mark, beyond).second) return kNever;
  Node changed = kNever;
  if (is_malice(mark)) {
    const auto malice = malice_of(graph_, mark);
    ++malice_[malice];
    changed = set_malicious_from(malice.first);
  } else {
    states_[mark.node - base_] |= mark.kind == MarkKind::kHonestBad ? kHonestBadBit : kClearedBit;
    changed = mark.node;
  }
  // From one moment to the next everything that rests on forgotten nodes is suspect.
  if (beyond && beyond_++ == 0) changed = base_;
  return changed;
}

Status Classification::mark_all(const std::vector<Mark>& marks) {
  for (const Mark& mark : marks) {
    if (Status status = check(mark); !status) return status;
  }
  Node from = kNever;
  for (const Mark& mark : marks) from = std::min(from, enter(mark));
  relabel(from);
  return {};
}

Status Classification::mark(const Mark& mark) { return mark_all({mark}); }

Status Classification::withdraw(const Mark& mark) {
  const auto found = marks_.find(mark);
  if (found == marks_.end()) return Error{ErrorCode::kNotFound, "there is no such mark"};
  // An honest mistake that is none stays tainted where it is forgotten, which says too much only.
  const bool of_node = mark.kind != MarkKind::kClientFrom;
  if (of_node && mark.node < base_ && mark.kind != MarkKind::kHonestBad) {
    return Error{ErrorCode::kNotFound,
                 fmt::format("update {} is forgotten, and its mark stays", mark.node)};
  }
  const bool beyond = found->second;
  Node changed = kNever;
  if (is_malice(mark)) {
    const auto malice = malice_.find(malice_of(graph_, mark));
    if (--malice->second == 0) {
      const Client client = malice->first.first;
      malice_.erase(malice);
      changed = set_malicious_from(client);
    }
  } else if (mark.node >= base_) {
    states_[mark.node - base_] &= static_cast<std::uint8_t>(
        ~(mark.kind == MarkKind::kHonestBad ? kHonestBadBit : kClearedBit));
    changed = mark.node;
  }
  if (beyond && --beyond_ == 0) changed = base_;
  marks_.erase(found);
  relabel(changed);
  return {};
}

std::optional<Timestamp> Classification::malicious_from(Client client) const {
  STEWARD_CHECK(client < clients_.size());
  return clients_[client].from;
}

bool Classification::is_marked(Node node, MarkKind kind) const {
  return marks_.contains({kind, node, 0, 0});
}

std::size_t Classification::memory_bytes() const {
  return states_.capacity() + clients_.capacity() * sizeof(ClientState) +
         tainted_before_.capacity() * sizeof(Node);
}

}  // namespace steward::accountability
