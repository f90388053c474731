// What the Accountability Graph costs, on the graph of the report's evaluation: in each time slice
// each client submits one update, which depends on some of the updates of the slices before it.
//   graph/build/CLIENTS/SLICES      appending it; also "bytes" and "bytes_per_update" as the arrays
//                                   count, and "resident": by how much the process grew
//   graph/mark/CLIENTS/SLICES       a mark on the first slice; also "tainted"
//   graph/withdraw/CLIENTS/SLICES   taking it back
//   graph/radii/CLIENTS/SLICES      one pass of 255 seeds
// CLIENTS is how many there are, SLICES how far back dependencies reach; 4 million updates with 5
// dependencies each.
#include <benchmark/benchmark.h>

#include <map>

#include "accountability/classification.h"
#include "accountability/risk.h"
#include "peak_memory.h"
#include "studies/slices.h"

namespace steward::accountability {
namespace {

using benchmark::State;
using studies::build;
using studies::Slices;

constexpr std::uint64_t kUpdates = 4'000'000;
constexpr std::size_t kDependencies = 5;

Slices shape_of(const State& state) {
  return {kUpdates, static_cast<std::uint64_t>(state.range(0)),
          static_cast<std::uint64_t>(state.range(1)), kDependencies};
}

// Drawn beforehand: what is measured is the graph, not the generator.
const std::vector<Node>& dependencies_of(const Slices& shape) {
  static std::map<Slices, std::vector<Node>> drawn;
  std::vector<Node>& out = drawn[shape];
  if (out.empty()) out = studies::draw_dependencies(shape);
  return out;
}

const Graph& graph_of(const Slices& shape) {
  static std::map<Slices, Graph> graphs;
  auto found = graphs.find(shape);
  if (found == graphs.end()) {
    found = graphs.emplace(shape, build(shape, dependencies_of(shape))).first;
  }
  return found->second;
}

void bench_build(State& state) {
  const std::vector<Node>& dependencies = dependencies_of(shape_of(state));
  std::size_t bytes = 0;
  std::uint64_t resident = 0;
  for ([[maybe_unused]] const auto& turn : state) {
    state.PauseTiming();
    const bench::PeakMemory memory;
    state.ResumeTiming();
    const Graph graph = build(shape_of(state), dependencies);
    const Classification labels(graph);
    bytes = graph.memory_bytes() + labels.memory_bytes();
    resident = std::max(resident, memory.growth_bytes());
  }
  state.counters["bytes"] = static_cast<double>(bytes);
  state.counters["resident"] = static_cast<double>(resident);
  state.counters["bytes_per_update"] = static_cast<double>(bytes) / kUpdates;
}

void bench_mark(State& state) {
  const Slices shape = shape_of(state);
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
  const Slices shape = shape_of(state);
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
  for (const auto& [clients, slices] :
       {std::pair{20, 20}, std::pair{1000, 100}, std::pair{100'000, 20}}) {
    bench->Args({clients, slices});
  }
}

BENCHMARK(bench_build)->Name("graph/build")->Apply(with_shapes);
BENCHMARK(bench_mark)->Name("graph/mark")->Apply(with_shapes);
BENCHMARK(bench_withdraw)->Name("graph/withdraw")->Apply(with_shapes);
BENCHMARK(bench_radii)->Name("graph/radii")->Apply(with_shapes);

}  // namespace
}  // namespace steward::accountability

BENCHMARK_MAIN();
