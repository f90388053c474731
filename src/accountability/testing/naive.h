// The Accountability Graph once more, as directly as it can be written, to compare with. It keeps
// what it was told, and recomputes everything by going round until nothing changes any more.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "accountability/classification.h"

namespace steward::accountability::testing {

struct NaiveUpdate {
  Client client = kGate;
  Timestamp time = 0;
  Cells cells;
};

// Updates and marks; the answer takes O(n² d), and does not use that dependencies are earlier.
struct Naive {
  std::vector<NaiveUpdate> updates;
  std::vector<Mark> marks;

  std::vector<Label> labels() const;
};

struct RandomGraphOptions {
  std::size_t nodes = 60;
  Client clients = 5;
  std::size_t max_cells = 3;
  std::size_t max_cell = 3;
  double gates = 0.2;
  double unresolvable = 0.02;
};

// The same graph in both forms, drawn from `random`.
void draw(std::mt19937_64& random, const RandomGraphOptions& options, Graph& graph, Naive& naive);

// A mark that the graph accepts. Of all kinds; never a malicious client for a gate.
Mark draw_mark(std::mt19937_64& random, const Graph& graph);

std::vector<Label> labels_of(const Classification& classification);

}  // namespace steward::accountability::testing
