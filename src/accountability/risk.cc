#include "accountability/risk.h"

#include <algorithm>
#include <bit>

namespace steward::accountability {
namespace {

constexpr std::size_t kWords = 4;
constexpr std::size_t kLanes = 64 * kWords - 1;  // of seeds; the last is what no seed taints
constexpr std::uint64_t kNoSeedBit = std::uint64_t{1} << 63;
using Lanes = std::array<std::uint64_t, kWords>;

void add(Lanes& to, const Lanes& from) {
  for (std::size_t i = 0; i < kWords; ++i) to[i] |= from[i];
}

// One pass: which of the seeds taint each node.
class Pass {
 public:
  explicit Pass(const Graph& graph)
      : graph_(graph), base_(graph.horizon()), lanes_(graph.end() - graph.horizon()) {}

  // The first node that can be tainted.
  Node begin(std::span<const Seed> seeds) {
    std::fill(lanes_.begin(), lanes_.end(), Lanes{});
    Node first = graph_.end();
    for (std::size_t lane = 0; lane < seeds.size(); ++lane) {
      for (const Node node : seeds[lane]) {
        if (node < base_ || node >= graph_.end()) continue;
        lanes_[node - base_][lane / 64] |= std::uint64_t{1} << (lane % 64);
        first = std::min(first, node);
      }
    }
    if (graph_.has_unresolvable()) return base_;
    return first;
  }

  void run(Node from, bool without_alternatives) {
    if (from >= graph_.end()) return;
    graph_.for_each(from, [this, without_alternatives](const NodeView& view) {
      if (view.words.empty()) return;
      add(lanes_[view.node - base_], without_alternatives ? any_of(view) : all_cells_of(view));
    });
  }

  const Lanes& at(Node node) const { return lanes_[node - base_]; }

 private:
  void add_dependency(Lanes& to, const NodeView& view, std::uint32_t word) const {
    const Node dependency = view.dependency(word);
    if (dependency == kUnresolvable) {
      to.fill(~std::uint64_t{0});
    } else if (dependency >= base_) {
      add(to, lanes_[dependency - base_]);
    }
  }

  Lanes any_of(const NodeView& view) const {
    Lanes any{};
    for (const std::uint32_t word : view.words) add_dependency(any, view, word);
    return any;
  }

  Lanes all_cells_of(const NodeView& view) const {
    Lanes all;
    all.fill(~std::uint64_t{0});
    Lanes cell{};
    for (const std::uint32_t word : view.words) {
      add_dependency(cell, view, word);
      if ((word & NodeView::kEndsCell) == 0) continue;
      for (std::size_t i = 0; i < kWords; ++i) all[i] &= cell[i];
      cell = {};
    }
    return all;
  }

  const Graph& graph_;
  Node base_;
  std::vector<Lanes> lanes_;
};

// `visit(lane)` for each seed that taints what would not be tainted anyway.
template <class Visit>
void for_each_lane(const Lanes& lanes, Visit visit) {
  if ((lanes[kWords - 1] & kNoSeedBit) != 0) return;
  for (std::size_t i = 0; i < kWords; ++i) {
    for (std::uint64_t bits = lanes[i]; bits != 0; bits &= bits - 1) {
      visit(i * 64 + static_cast<std::size_t>(std::countr_zero(bits)));
    }
  }
}

}  // namespace

std::vector<std::uint64_t> blast_radii(const Graph& graph, std::span<const Seed> seeds,
                                       std::span<const std::uint32_t> weights,
                                       const RiskOptions& options) {
  STEWARD_CHECK(weights.size() == graph.end() - graph.horizon());
  std::vector<std::uint64_t> radii(seeds.size(), 0);
  Pass pass(graph);
  for (std::size_t done = 0; done < seeds.size(); done += kLanes) {
    const auto now = seeds.subspan(done, std::min(kLanes, seeds.size() - done));
    const Node first = pass.begin(now);
    pass.run(first, options.without_alternatives);
    for (Node node = first; node < graph.end(); ++node) {
      const std::uint32_t weight = weights[node - graph.horizon()];
      if (weight == 0) continue;
      for_each_lane(pass.at(node),
                    [&radii, done, weight](std::size_t lane) { radii[done + lane] += weight; });
    }
    if (options.progress) options.progress(done + now.size());
  }
  return radii;
}

std::vector<Node> tainted_by(const Graph& graph, const Seed& seed, const RiskOptions& options) {
  Pass pass(graph);
  const Node first = pass.begin(std::span(&seed, 1));
  pass.run(first, options.without_alternatives);
  std::vector<Node> out;
  for (Node node = first; node < graph.end(); ++node) {
    for_each_lane(pass.at(node), [&out, node](std::size_t) { out.push_back(node); });
  }
  return out;
}

std::vector<Node> single_points_of_failure(const Graph& graph, Node target,
                                           std::span<const Node> candidates) {
  STEWARD_CHECK(target >= graph.horizon() && target < graph.end());
  std::vector<Node> out;
  Pass pass(graph);
  std::vector<Seed> seeds;
  for (std::size_t done = 0; done < candidates.size(); done += kLanes) {
    const auto now = candidates.subspan(done, std::min(kLanes, candidates.size() - done));
    seeds.clear();
    for (const Node node : now) seeds.push_back({node});
    pass.run(pass.begin(seeds), false);
    for_each_lane(pass.at(target), [&out, &now](std::size_t lane) { out.push_back(now[lane]); });
  }
  return out;
}

}  // namespace steward::accountability
