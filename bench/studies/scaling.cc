#include "studies/scaling.h"

#include <algorithm>
#include <ctime>

#include "accountability/classification.h"

namespace steward::studies {

using namespace accountability;

namespace {

double seconds_since(std::clock_t start) {
  return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
}

}  // namespace

std::vector<Slices> shapes_of(Experiment experiment, std::uint64_t updates) {
  std::vector<Slices> out;
  switch (experiment) {
    case Experiment::kUpdates:
      for (std::uint64_t i = 1; i <= 8; ++i) out.push_back({updates * i / 8, 20, 20, 5});
      break;
    case Experiment::kClients:
      for (const std::uint64_t clients :
           std::vector<std::uint64_t>{10, 100, 1000, 10'000, 50'000, 100'000, 200'000, 400'000}) {
        if (clients < updates) out.push_back({updates, clients, 100, 5});
      }
      break;
    case Experiment::kDependencies:
      for (std::size_t i = 1; i <= 10; ++i) {
        out.push_back({updates, std::min<std::uint64_t>(100'000, updates / 40), 20, i});
      }
      break;
  }
  return out;
}

Measured measure(const Slices& shape) {
  Measured out{shape, 0, 1e9, 0, 0};
  const std::vector<Node> dependencies = draw_dependencies(shape);
  std::clock_t start = std::clock();
  const Graph graph = build(shape, dependencies);
  Classification labels(graph);
  out.build_seconds = seconds_since(start);
  out.bytes = graph.memory_bytes() + labels.memory_bytes();
  const Mark mark = corrupt_update(shape.clients / 2);
  for (int i = 0; i < 3; ++i) {
    start = std::clock();
    STEWARD_CHECK(labels.mark(mark).ok());
    out.mark_seconds = std::min(out.mark_seconds, seconds_since(start));
    out.tainted = labels.counts().corrupt + labels.counts().suspect;
    STEWARD_CHECK(labels.withdraw(mark).ok());
  }
  return out;
}

}  // namespace steward::studies
