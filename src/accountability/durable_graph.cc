#include "accountability/durable_graph.h"

#include <fmt/format.h>

#include <algorithm>

#include "accountability/encoding.h"

namespace steward::accountability {
namespace {

// Records: "graph", which says how much there is; "marks"; and "segment" with its number.
constexpr std::string_view kGraphKey = "graph";
constexpr std::string_view kMarksKey = "marks";
constexpr std::string_view kGraphMagic = "steward-durable-graph-1\n";
constexpr std::size_t kSumBytes = 8;

constexpr std::uint8_t kLabelBits = 3;
constexpr std::uint8_t kHonestBadBit = 4;
constexpr std::uint8_t kClearedBit = 8;
constexpr Node kNever = kUnresolvable;

Bytes segment_key(std::uint64_t number) {
  Bytes key = "segment";
  append_u64(key, number);
  return key;
}

Error damaged(const std::string& what) {
  return {ErrorCode::kCorrupt, "the stored graph is damaged: " + what};
}

Bytes sealed(Bytes bytes) {
  append_u64(bytes, checksum(bytes));
  return bytes;
}

// Without the checksum, if that is right.
std::optional<BytesView> opened(BytesView bytes) {
  if (bytes.size() < kSumBytes) return std::nullopt;
  const BytesView body = bytes.substr(0, bytes.size() - kSumBytes);
  if (checksum(body) != read_u64(bytes, body.size())) return std::nullopt;
  return body;
}

Bytes encode(const std::set<Mark>& marks) {
  Bytes out;
  append_number(out, marks.size());
  for (const Mark& mark : marks) {
    append_number(out, static_cast<std::uint8_t>(mark.kind));
    append_number(out, mark.node);
    append_number(out, mark.client);
    append_number(out, mark.from);
  }
  return sealed(std::move(out));
}

std::uint8_t own_bit(MarkKind kind) {
  return kind == MarkKind::kHonestBad ? kHonestBadBit : kClearedBit;
}

// Without what the mark's kind does not use, since it is looked up by all.
Mark canonical(const Mark& mark) {
  if (mark.kind == MarkKind::kClientFrom) return client_from(mark.client, mark.from);
  return {mark.kind, mark.node, 0, 0};
}

bool is_malice(const Mark& mark) {
  return mark.kind == MarkKind::kClientFrom || mark.kind == MarkKind::kCorruptUpdate;
}

}  // namespace

Result<std::unique_ptr<DurableGraph>> DurableGraph::open(Archive& archive,
                                                         const DurableOptions& options,
                                                         const ImportProgress& progress) {
  STEWARD_CHECK(options.segment_nodes > 0 && options.segment_nodes <= kMaxSegmentNodes);
  auto graph = std::unique_ptr<DurableGraph>(new DurableGraph(archive, options.segment_nodes));
  const auto header = archive.read(kGraphKey);
  if (!header) return header.error();
  if (*header) {
    if (Status status = graph->restore(**header, progress); !status) return status.error();
    return graph;
  }
  for (const Bytes& key : {segment_key(0), Bytes(kMarksKey)}) {
    const auto record = archive.read(key);
    if (!record) return record.error();
    if (*record) return damaged("the record that says how much there is is lost");
  }
  if (Status status = graph->commit(); !status) return status.error();
  return graph;
}

Status DurableGraph::restore(BytesView header, const ImportProgress& progress) {
  const std::optional<BytesView> body = opened(header);
  if (!body || !body->starts_with(kGraphMagic)) {
    return damaged("the record that says how much there is is not what was written");
  }
  NumberReader reader(body->substr(kGraphMagic.size()));
  const std::uint64_t segment_nodes = reader.next();
  const std::uint64_t clients = reader.next();
  const std::uint64_t end = reader.next();
  if (reader.failed() || !reader.at_end() || segment_nodes == 0 ||
      segment_nodes > kMaxSegmentNodes || clients > kMaxClients || end >= kNever) {
    return damaged("the record that says how much there is makes no sense");
  }
  segment_nodes_ = static_cast<std::uint32_t>(segment_nodes);
  clients_.resize(clients);
  const auto marks = archive_.read(kMarksKey);
  if (!marks) return marks.error();
  if (!*marks) return damaged("its marks are lost");
  if (Status status = restore_marks(**marks, end); !status) return status;
  for (Node first = 0; first < end; first += segment_nodes_) {
    if (Status status = restore_segment(first, end); !status) return status;
    if (progress) progress(states_.size(), end);
  }
  if (tail_.size() == 0) tail_.first = end;
  durable_end_ = end;
  return {};
}

Status DurableGraph::restore_marks(BytesView bytes, Node end) {
  const std::optional<BytesView> body = opened(bytes);
  if (!body) return damaged("its marks are not what was written");
  NumberReader reader(*body);
  const std::uint64_t count = reader.next();
  for (std::uint64_t i = 0; i < count && !reader.failed(); ++i) {
    const std::uint64_t kind = reader.next();
    Mark mark;
    mark.node = reader.next();
    const std::uint64_t client = reader.next();
    mark.from = reader.next();
    mark.kind = static_cast<MarkKind>(kind);
    mark.client = static_cast<Client>(client);
    const bool is_of_client = mark.kind == MarkKind::kClientFrom;
    if (kind > static_cast<std::uint64_t>(MarkKind::kCleared) || mark != canonical(mark) ||
        (is_of_client ? client >= clients_.size() : client != 0 || mark.node >= end)) {
      return damaged("one of its marks makes no sense");
    }
    marks_.insert(mark);
    if (is_of_client) enter(mark, {mark.client, mark.from});
  }
  if (reader.failed() || !reader.at_end() || marks_.size() != count) {
    return damaged("its marks are cut off");
  }
  return {};
}

Status DurableGraph::restore_segment(Node first, Node end) {
  auto segment = load(first);
  if (!segment) return segment.error();
  const Node wanted = std::min<Node>(segment_nodes_, end - first);
  if (segment->size() != wanted) {
    return damaged(fmt::format("its segment {} has {} updates instead of {}",
                               first / segment_nodes_, segment->size(), wanted));
  }
  for (std::size_t i = 0; i < segment->size(); ++i) {
    if (Status status = restore_node(*segment, i); !status) return status;
  }
  if (wanted < segment_nodes_) tail_ = std::move(*segment);
  return {};
}

Status DurableGraph::restore_node(const Segment& segment, std::size_t i) {
  const NodeView view = segment.view(i);
  const Timestamp time = segment.times[i];
  if (!view.is_gate()) {
    ClientState& client = clients_[view.client];
    if (client.last && time <= *client.last) {
      return damaged(fmt::format("the times of client {} do not grow", view.client));
    }
    client.last = time;
  }
  std::uint8_t own_marks = 0;
  for (const MarkKind kind : {MarkKind::kHonestBad, MarkKind::kCleared}) {
    if (marks_.contains({kind, view.node, 0, 0})) own_marks |= own_bit(kind);
  }
  // What a corrupt update says of its client concerns only what comes from there on.
  if (const Mark mark = corrupt_update(view.node); marks_.contains(mark)) {
    if (view.is_gate()) return damaged("a mark makes a gate malicious");
    enter(mark, {view.client, time});
  }
  take_label(view, time, own_marks);
  return {};
}

Result<Segment> DurableGraph::load(Node first) const {
  const std::uint64_t number = first / segment_nodes_;
  const auto record = archive_.read(segment_key(number));
  if (!record) return record.error();
  if (!*record) return damaged(fmt::format("its segment {} is lost", number));
  auto segment = decode_segment(**record, first, clients());
  if (!segment) return damaged(fmt::format("segment {}: {}", number, segment.error().message));
  return segment;
}

Result<const Segment*> DurableGraph::segment_with(Node node) {
  STEWARD_CHECK(node < end());
  if (node >= tail_.first) return &tail_;
  const Node first = node / segment_nodes_ * segment_nodes_;
  if (!loaded_ || loaded_->first != first) {
    loaded_.reset();
    auto segment = load(first);
    if (!segment) return segment.error();
    loaded_ = std::move(*segment);
  }
  return &*loaded_;
}

Status DurableGraph::fail(const Error& error) {
  failed_ = error;
  return error;
}

Status DurableGraph::commit() {
  Bytes header(kGraphMagic);
  append_number(header, segment_nodes_);
  append_number(header, clients_.size());
  append_number(header, end());
  Archive::Records records{{Bytes(kGraphKey), sealed(std::move(header))},
                           {Bytes(kMarksKey), encode(marks_)}};
  if (tail_.size() > 0) {
    records.emplace_back(segment_key(tail_.first / segment_nodes_), accountability::encode(tail_));
  }
  if (Status status = archive_.write(records); !status) return fail(status.error());
  durable_end_ = end();
  if (tail_.size() < segment_nodes_) return {};
  const Node first = end();
  tail_ = {};
  tail_.first = first;
  return {};
}

Status DurableGraph::flush() {
  if (failed_) return *failed_;
  return commit();
}

Result<Client> DurableGraph::add_client() {
  if (failed_) return *failed_;
  if (clients_.size() >= kMaxClients) {
    return Error{ErrorCode::kTooLarge, fmt::format("more than {} clients", kMaxClients)};
  }
  clients_.emplace_back();
  return static_cast<Client>(clients_.size() - 1);
}

Result<Node> DurableGraph::append(Client client, Timestamp time, const Cells& cells) {
  if (failed_) return *failed_;
  if (client >= clients_.size()) {
    return bad_input(fmt::format("client {} is unknown; there are {}", client, clients_.size()));
  }
  const std::optional<Timestamp> last = clients_[client].last;
  if (last && time <= *last) {
    return bad_input(
        fmt::format("client {} already has an update of time {}, so one of time {} "
                    "is a duplicate or out of order",
                    client, *last, time));
  }
  if (Status status = check_cells(cells, end()); !status) return status.error();
  clients_[client].last = time;
  return add(client, time, cells);
}

Result<Node> DurableGraph::append_gate(const Cells& cells) {
  if (failed_) return *failed_;
  if (Status status = check_cells(cells, end()); !status) return status.error();
  return add(kGate, 0, cells);
}

Result<Node> DurableGraph::add(Client client, Timestamp time, const Cells& cells) {
  const Node node = end();
  tail_.add(client, time, cells);
  take_label(tail_.view(tail_.size() - 1), time, 0);
  if (tail_.size() < segment_nodes_) return node;
  if (Status status = commit(); !status) return status.error();
  return node;
}

void DurableGraph::take_label(const NodeView& view, Timestamp time, std::uint8_t own_marks) {
  states_.push_back(own_marks);
  states_.back() |= label_of(view, time);
  count(view, states_.back(), true);
}

std::uint8_t DurableGraph::label_of(const NodeView& view, Timestamp time) const {
  const std::uint8_t state = states_[view.node];
  if ((state & kHonestBadBit) != 0) return static_cast<std::uint8_t>(Label::kCorrupt);
  if (!view.is_gate()) {
    const std::optional<Timestamp>& from = clients_[view.client].from;
    if (from && time >= *from) return static_cast<std::uint8_t>(Label::kCorrupt);
  }
  if ((state & kClearedBit) != 0) return static_cast<std::uint8_t>(Label::kNotAffected);
  const bool tainted = view.rests_on(
      [this](Node node) { return node == kUnresolvable || (states_[node] & kLabelBits) != 0; });
  return static_cast<std::uint8_t>(tainted ? Label::kSuspect : Label::kNotAffected);
}

void DurableGraph::count(const NodeView& view, std::uint8_t state, bool add) {
  if (view.is_gate()) return;
  const auto label = static_cast<Label>(state & kLabelBits);
  std::uint64_t& counter = label == Label::kCorrupt   ? counts_.corrupt
                           : label == Label::kSuspect ? counts_.suspect
                                                      : counts_.not_affected;
  counter += add ? std::uint64_t{1} : ~std::uint64_t{0};
}

void DurableGraph::relabel(const Segment& segment, Node from) {
  for (std::size_t i = from > segment.first ? from - segment.first : 0; i < segment.size(); ++i) {
    const NodeView view = segment.view(i);
    std::uint8_t& state = states_[view.node];
    const std::uint8_t label = label_of(view, segment.times[i]);
    if ((state & kLabelBits) == label) continue;
    count(view, state, false);
    state = static_cast<std::uint8_t>((state & ~kLabelBits) | label);
    count(view, state, true);
  }
}

Status DurableGraph::relabel(Node from) {
  if (from >= end()) return {};
  for (Node first = from / segment_nodes_ * segment_nodes_; first < tail_.first;
       first += segment_nodes_) {
    const auto segment = load(first);
    // Labels before it are new and those after it old: nobody may rely on them.
    if (!segment) return fail(segment.error());
    relabel(*segment, from);
  }
  relabel(tail_, from);
  return {};
}

Result<DurableGraph::Origin> DurableGraph::origin_of(const Mark& mark) {
  if (mark.kind == MarkKind::kClientFrom) {
    if (mark.client < clients_.size()) return Origin{mark.client, mark.from};
    return Error{ErrorCode::kNotFound,
                 fmt::format("client {} is unknown; there are {}", mark.client, clients_.size())};
  }
  if (mark.node >= end()) {
    return Error{ErrorCode::kNotFound,
                 fmt::format("update {} is not there; there are {}", mark.node, end())};
  }
  if (mark.kind != MarkKind::kCorruptUpdate) return Origin{};
  const auto segment = segment_with(mark.node);
  if (!segment) return segment.error();
  const std::size_t i = mark.node - (*segment)->first;
  const Client client = (*segment)->clients[i];
  if (client == kGate) {
    return bad_input(
        fmt::format("{} is a gate: it has no client that could be malicious", mark.node));
  }
  return Origin{client, (*segment)->times[i]};
}

// Of a client's nodes, no label before `first` can change.
Node DurableGraph::update_malice(Client client, Node first) {
  ClientState& state = clients_[client];
  const std::optional<Timestamp> before = state.from;
  const auto earliest = malice_.lower_bound({client, 0});
  state.from.reset();
  if (earliest != malice_.end() && earliest->first.first == client) {
    state.from = earliest->first.second;
  }
  if (state.from == before) return kNever;
  const Timestamp changed = std::min(state.from.value_or(~Timestamp{0}),  //
                                     before.value_or(~Timestamp{0}));
  return state.last && *state.last >= changed ? first : kNever;
}

Node DurableGraph::enter(const Mark& mark, Origin origin) {
  if (!is_malice(mark)) {
    states_[mark.node] |= own_bit(mark.kind);
    return mark.node;
  }
  ++malice_[{origin.client, origin.time}];
  return update_malice(origin.client, mark.node);
}

Node DurableGraph::take_back(const Mark& mark, Origin origin) {
  if (!is_malice(mark)) {
    states_[mark.node] &= static_cast<std::uint8_t>(~own_bit(mark.kind));
    return mark.node;
  }
  const auto malice = malice_.find({origin.client, origin.time});
  STEWARD_CHECK(malice != malice_.end());
  if (--malice->second > 0) return kNever;
  malice_.erase(malice);
  return update_malice(origin.client, mark.node);
}

Status DurableGraph::mark(const Mark& given) {
  if (failed_) return *failed_;
  const Mark mark = canonical(given);
  const auto origin = origin_of(mark);
  if (!origin) return origin.error();
  if (!marks_.insert(mark).second) return commit();
  if (Status status = commit(); !status) return status;
  return relabel(enter(mark, *origin));
}

Status DurableGraph::withdraw(const Mark& given) {
  if (failed_) return *failed_;
  const Mark mark = canonical(given);
  if (!marks_.contains(mark)) return Error{ErrorCode::kNotFound, "there is no such mark"};
  const auto origin = origin_of(mark);
  if (!origin) return origin.error();
  marks_.erase(mark);
  if (Status status = commit(); !status) return status;
  return relabel(take_back(mark, *origin));
}

Label DurableGraph::label(Node node) const {
  STEWARD_CHECK(node < end());
  return static_cast<Label>(states_[node] & kLabelBits);
}

Result<Cells> DurableGraph::cells_of(Node node) {
  const auto segment = segment_with(node);
  if (!segment) return segment.error();
  return (*segment)->view(node - (*segment)->first).cells();
}

std::size_t DurableGraph::memory_bytes() const {
  return states_.capacity() + clients_.capacity() * sizeof(ClientState) + tail_.memory_bytes() +
         (loaded_ ? loaded_->memory_bytes() : 0);
}

}  // namespace steward::accountability
