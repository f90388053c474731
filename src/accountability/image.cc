#include "accountability/image.h"

#include <fmt/format.h>

#include <charconv>

#include "accountability/encoding.h"

namespace steward::accountability {
namespace {

constexpr std::string_view kMagic = "steward-graph-1\n";
constexpr std::size_t kHeaderBytes = kMagic.size() + 16;
constexpr std::size_t kSumBytes = 8;

Error damaged(const std::string& what) { return {ErrorCode::kCorrupt, what + ": import again"}; }

Result<Cells> read_cells(NumberReader& reader, Node node) {
  Cells cells;
  const std::uint64_t count = reader.next();
  if (count > kMaxCells) return damaged("a node has too many cells");
  for (std::uint64_t i = 0; i < count && !reader.failed(); ++i) {
    const std::uint64_t size = reader.next();
    if (size > kMaxDependencies) return damaged("a node has too many dependencies");
    Cell& cell = cells.emplace_back();
    for (std::uint64_t j = 0; j < size && !reader.failed(); ++j) {
      const std::uint64_t distance = reader.next();
      if (distance > node) return damaged("a node depends on what is before the first");
      cell.push_back(distance == 0 ? kUnresolvable : node - distance);
    }
  }
  if (reader.failed()) return damaged("it is cut off");
  return cells;
}

Status read_node(NumberReader& reader, std::vector<Timestamp>& times, Graph& graph) {
  const std::uint64_t client = reader.next();
  if (client > graph.clients()) return damaged("a node has an unknown client");
  Timestamp time = 0;
  if (client > 0) time = times[client - 1] += reader.next();
  auto cells = read_cells(reader, graph.end());
  if (!cells) return cells.error();
  const auto node = client == 0 ? graph.append_gate(*cells)
                                : graph.append(static_cast<Client>(client - 1), time, *cells);
  return node ? Status() : damaged(node.error().message);
}

// `named` clients are listed elsewhere: a count that is a lie takes no memory.
Result<Graph> read_graph(BytesView bytes, std::size_t named, const ImportProgress& progress) {
  if (bytes.size() < kHeaderBytes + kSumBytes || !bytes.starts_with(kMagic)) {
    return damaged("it is not a graph of this program, or of another version");
  }
  const BytesView body = bytes.substr(0, bytes.size() - kSumBytes);
  if (checksum(body) != read_u64(bytes, body.size())) return damaged("its checksum is wrong");
  const std::uint64_t clients = read_u64(bytes, kMagic.size());
  const std::uint64_t nodes = read_u64(bytes, kMagic.size() + 8);
  if (nodes > body.size()) return damaged("its counts are absurd");
  if (clients != named) return damaged("its clients are not those of its graph");
  Graph graph;
  for (std::uint64_t i = 0; i < clients; ++i) {
    if (auto client = graph.add_client(); !client) return client.error();
  }
  std::vector<Timestamp> times(clients, 0);
  NumberReader reader(body.substr(kHeaderBytes));
  for (std::uint64_t i = 0; i < nodes; ++i) {
    if (Status status = read_node(reader, times, graph); !status) return status.error();
    if (progress && i % 65'536 == 0) progress(i, nodes);
  }
  if (!reader.at_end()) return damaged("it has more than its nodes");
  return graph;
}

// Calls `visit(std::string_view)` for each line; stops at false.
template <class Visit>
bool for_each_line(std::string_view text, Visit visit) {
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos || !visit(text.substr(0, end))) return false;
    text.remove_prefix(end + 1);
  }
  return true;
}

bool read_node_number(std::string_view& line, const Graph& graph, Node& out) {
  const auto [end, failed] = std::from_chars(line.data(), line.data() + line.size(), out);
  if (failed != std::errc() || end == line.data() + line.size() || *end != '\t') return false;
  line.remove_prefix(static_cast<std::size_t>(end - line.data()) + 1);
  return out < graph.end();
}

}  // namespace

CatalogueImage to_image(const Catalogue& catalogue, const ImportProgress& progress) {
  const Graph& graph = catalogue.graph;
  STEWARD_CHECK(graph.horizon() == 0);
  CatalogueImage out;
  out.graph = kMagic;
  append_u64(out.graph, graph.clients());
  append_u64(out.graph, graph.end());
  std::vector<Timestamp> times(graph.clients(), 0);
  graph.for_each(0, [&](const NodeView& view) {
    append_number(out.graph, view.is_gate() ? 0 : std::uint64_t{view.client} + 1);
    if (!view.is_gate()) {
      const Timestamp time = graph.time_of(view.node);
      append_number(out.graph, time - times[view.client]);
      times[view.client] = time;
    }
    const Cells cells = view.cells();
    append_number(out.graph, cells.size());
    for (const Cell& cell : cells) {
      append_number(out.graph, cell.size());
      for (const Node node : cell) {
        append_number(out.graph, node == kUnresolvable ? 0 : view.node - node);
      }
    }
    if (progress && view.node % 65'536 == 0) progress(view.node, graph.end());
  });
  append_u64(out.graph, checksum(out.graph));
  for (const Item& item : catalogue.items) {
    out.items += fmt::format("{}\t{}\t{}\n", item.own, item.whole, item.name);
  }
  for (const std::string& client : catalogue.clients) out.clients += client + "\n";
  return out;
}

Result<Catalogue> from_image(const CatalogueImage& image, const ImportProgress& progress) {
  Catalogue out;
  const bool clients_fit = for_each_line(image.clients, [&out](std::string_view line) {
    out.clients.push_back(clean_name(line));
    return true;
  });
  if (!clients_fit) return damaged("its list of clients is cut off");
  auto graph = read_graph(image.graph, out.clients.size(), progress);
  if (!graph) return graph.error();
  out.graph = std::move(*graph);
  const bool items_fit = for_each_line(image.items, [&out](std::string_view line) {
    Item item;
    if (!read_node_number(line, out.graph, item.own) ||
        !read_node_number(line, out.graph, item.whole)) {
      return false;
    }
    item.name = clean_name(line);
    out.items.push_back(std::move(item));
    return true;
  });
  if (!items_fit) return damaged("its items are not those of its graph");
  return out;
}

}  // namespace steward::accountability
