#include "studies/slices.h"

#include <algorithm>
#include <random>

namespace steward::studies {

using namespace accountability;

std::vector<Node> draw_dependencies(const Slices& shape) {
  std::vector<Node> out;
  std::mt19937_64 random(1);
  out.reserve(shape.updates * shape.dependencies);
  for (Node node = 0; node < shape.updates; ++node) {
    const std::uint64_t slice = node / shape.clients;
    const std::uint64_t reach = std::min(slice, shape.slices) * shape.clients;
    const Node first = slice * shape.clients - reach;
    for (std::size_t i = 0; i < shape.dependencies; ++i) {
      out.push_back(reach == 0 ? kUnresolvable : first + random() % reach);
    }
  }
  return out;
}

Graph build(const Slices& shape, const std::vector<Node>& dependencies) {
  Graph graph;
  for (std::uint64_t i = 0; i < shape.clients; ++i) STEWARD_CHECK(graph.add_client().ok());
  for (Node node = 0; node < shape.updates; ++node) {
    const std::size_t count = node < shape.clients ? 0 : shape.dependencies;
    const std::span<const Node> all(dependencies.data() + node * shape.dependencies, count);
    const auto client = static_cast<Client>(node % shape.clients);
    STEWARD_CHECK(graph.append(client, node / shape.clients, all).ok());
  }
  return graph;
}

}  // namespace steward::studies
