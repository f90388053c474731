// How much would be tainted if …: the blast radius of many seeds, each on its own.
//
// A pass goes over the nodes in order once for 255 seeds, one bit each: a node's bits are its own
// seeds, or what all of its cells have in common, where a cell has what any of its dependencies
// has. So a pass costs little more than one classification, 32 bytes a node. Not for seeds
// together: alternatives fail together that hold apart; that is what a Classification is for.
//
// Thread-safe as long as nobody writes to the graph.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "accountability/graph.h"

namespace steward::accountability {

using Seed = std::vector<Node>;  // these are corrupt, together

struct RiskOptions {
  // Read alternatives as if all were needed: what redundancy is worth is the difference.
  bool without_alternatives = false;
  // Called after each pass with the seeds done.
  std::function<void(std::size_t done)> progress;
};

// For each seed, the weight of all nodes that it taints, its own among them, and those not that are
// tainted without any (for an unresolvable dependency). `weights` has an entry for each node that
// the graph holds: checked. Nodes of seeds that are not held do nothing.
std::vector<std::uint64_t> blast_radii(const Graph& graph, std::span<const Seed> seeds,
                                       std::span<const std::uint32_t> weights,
                                       const RiskOptions& options = {});

// The nodes that one seed taints beyond what is tainted without any, in order.
std::vector<Node> tainted_by(const Graph& graph, const Seed& seed, const RiskOptions& options = {});

// Of the candidates, in order, those that taint `target` alone.
std::vector<Node> single_points_of_failure(const Graph& graph, Node target,
                                           std::span<const Node> candidates);

}  // namespace steward::accountability
