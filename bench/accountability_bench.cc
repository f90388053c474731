// What the Accountability Graph costs, on the graph of the report's evaluation: in each time slice
// each client submits one update, which depends on some of the updates of the slices before it.
//   graph/build/CLIENTS/SLICES      appending it; also "bytes" and "bytes_per_update"
//   graph/mark/CLIENTS/SLICES       a mark on the first slice; also "tainted"
//   graph/withdraw/CLIENTS/SLICES   taking it back
//   graph/radii/CLIENTS/SLICES      one pass of 255 seeds
// CLIENTS is how many there are, SLICES how far back dependencies reach; 4 million updates with 5
// dependencies each.
#include <benchmark/benchmark.h>

#include <map>
#include <random>

#include "accountability/classification.h"
#include "accountability/risk.h"

namespace steward::accountability {
namespace {

using benchmark::State;

constexpr std::uint64_t kUpdates = 4'000'000;
constexpr std::size_t kDependencies = 5;

struct Shape {
  std::uint64_t clients;
  std::uint64_t slices;

  friend auto operator<=>(const Shape&, const Shape&) = default;
};

Shape shape_of(const State& state) {
  return {static_cast<std::uint64_t>(state.range(0)), static_cast<std::uint64_t>(state.range(1))};
}

// Drawn beforehand: what is measured is the graph, not the generator.
const std::vector<Node>& dependencies_of(Shape shape) {
  static std::map<Shape, std::vector<Node>> drawn;
  std::vector<Node>& out = drawn[shape];
  if (!out.empty()) return out;
  std::mt19937_64 random(1);
  out.reserve(kUpdates * kDependencies);
  for (Node node = 0; node < kUpdates; ++node) {
    const std::uint64_t slice = node / shape.clients;
    const std::uint64_t reach = std::min(slice, shape.slices) * shape.clients;
    const Node first = slice * shape.clients - reach;
    for (std::size_t i = 0; i < kDependencies; ++i) {
      out.push_back(reach == 0 ? kUnresolvable : first + random() % reach);
    }
  }
  return out;
}

Graph build(Shape shape, const std::vector<Node>& dependencies) {
  Graph graph;
  for (std::uint64_t i = 0; i < shape.clients; ++i) STEWARD_CHECK(graph.add_client().ok());
  for (Node node = 0; node < kUpdates; ++node) {
    const std::size_t count = node < shape.clients ? 0 : kDependencies;
    const std::span<const Node> all(dependencies.data() + node * kDependencies, count);
    const auto client = static_cast<Client>(node % shape.clients);
    STEWARD_CHECK(graph.append(client, node / shape.clients, all).ok());
  }
  return graph;
}

const Graph& graph_of(Shape shape) {
  static std::map<Shape, Graph> graphs;
  auto found = graphs.find(shape);
  if (found == graphs.end()) {
    found = graphs.emplace(shape, build(shape, dependencies_of(shape))).first;
  }
  return found->second;
}

void bench_build(State& state) {
  const std::vector<Node>& dependencies = dependencies_of(shape_of(state));
  std::size_t bytes = 0;
  for ([[maybe_unused]] const auto& turn : state) {
    const Graph graph = build(shape_of(state), dependencies);
    const Classification labels(graph);
    bytes = graph.memory_bytes() + labels.memory_bytes();
  }
  state.counters["bytes"] = static_cast<double>(bytes);
  state.counters["bytes_per_update"] = static_cast<double>(bytes) / kUpdates;
}

void bench_mark(State& state) {
  const Shape shape = shape_of(state);
  Classification labels(graph_of(shape));
  const Mark mark = corrupt_update(shape.clients / 2);
  Counts counts;
  for ([[maybe_unused]] const auto& turn : state) {
    STEWARD_CHECK(labels.mark(mark).ok());
    state.PauseTiming();
    counts = labels.counts();
    STEWARD_CHECK(labels.withdraw(mark).ok());
    state.ResumeTiming();
  }
  state.counters["tainted"] = static_cast<double>(counts.corrupt + counts.suspect);
}

void bench_withdraw(State& state) {
  const Shape shape = shape_of(state);
  Classification labels(graph_of(shape));
  const Mark mark = corrupt_update(shape.clients / 2);
  for ([[maybe_unused]] const auto& turn : state) {
    state.PauseTiming();
    STEWARD_CHECK(labels.mark(mark).ok());
    state.ResumeTiming();
    STEWARD_CHECK(labels.withdraw(mark).ok());
  }
}

void bench_radii(State& state) {
  const Graph& graph = graph_of(shape_of(state));
  std::vector<Seed> seeds;
  for (Node node = 0; node < 255; ++node) seeds.push_back({graph.end() / 2 + node});
  const std::vector<std::uint32_t> weights(graph.end(), 1);
  for ([[maybe_unused]] const auto& turn : state) {
    benchmark::DoNotOptimize(blast_radii(graph, seeds, weights));
  }
}

void with_shapes(benchmark::internal::Benchmark* bench) {
  bench->Unit(benchmark::kMillisecond);
  for (const Shape shape : {Shape{20, 20}, Shape{1000, 100}, Shape{100'000, 20}}) {
    bench->Args(
        {static_cast<std::int64_t>(shape.clients), static_cast<std::int64_t>(shape.slices)});
  }
}

BENCHMARK(bench_build)->Name("graph/build")->Apply(with_shapes);
BENCHMARK(bench_mark)->Name("graph/mark")->Apply(with_shapes);
BENCHMARK(bench_withdraw)->Name("graph/withdraw")->Apply(with_shapes);
BENCHMARK(bench_radii)->Name("graph/radii")->Apply(with_shapes);

}  // namespace
}  // namespace steward::accountability

BENCHMARK_MAIN();
