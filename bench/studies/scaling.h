// The three experiments of Section V of the report on the cost of following a taint: as a function
// of the number of updates, of clients, and of dependencies. On its random graph (slices.h): the
// first update of the client in the middle turns out to be corrupt.
#pragma once

#include <string>
#include <vector>

#include "studies/picture.h"
#include "studies/slices.h"

namespace steward::studies {

enum class Experiment { kUpdates, kClients, kDependencies };

struct Measured {
  Slices shape;
  double build_seconds = 0;  // processor time, as all times here
  double mark_seconds = 0;   // the least of three
  std::uint64_t tainted = 0;
  std::uint64_t bytes = 0;  // of the arrays, labels among them
};

// The report's figures 5, 6 and 7, with at most `updates` updates (4,000,000 there).
std::vector<Slices> shapes_of(Experiment experiment, std::uint64_t updates);

Measured measure(const Slices& shape);

}  // namespace steward::studies
