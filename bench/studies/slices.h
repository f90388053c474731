// The random graph of the report's evaluation (Section V): in each time slice each client submits
// one update, which depends on updates of the slices before it, drawn evenly. Those of the first
// slice depend on nothing.
#pragma once

#include <vector>

#include "accountability/graph.h"

namespace steward::studies {

struct Slices {
  std::uint64_t updates = 4'000'000;
  std::uint64_t clients = 20;
  std::uint64_t slices = 20;     // how far back dependencies reach
  std::size_t dependencies = 5;  // of an update

  friend auto operator<=>(const Slices&, const Slices&) = default;
};

// Of all updates one after the other; kUnresolvable for those of the first slice, which have none.
// The same for the same shape.
std::vector<accountability::Node> draw_dependencies(const Slices& shape);

// Of what was drawn for this shape.
accountability::Graph build(const Slices& shape,
                            const std::vector<accountability::Node>& dependencies);

}  // namespace steward::studies
