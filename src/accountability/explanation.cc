#include "accountability/explanation.h"

#include <algorithm>
#include <set>

namespace steward::accountability {
namespace {

// Breadth first from `start` over dependencies not before `lowest`.
template <class Admit, class Goal>
std::vector<Node> shortest(const Graph& graph, Node start, Node lowest, Admit admit, Goal goal) {
  if (goal(start)) return {start};
  // How much later the node is from which each was reached; 0: not reached.
  std::vector<std::uint32_t> reached(start - lowest, 0);
  std::vector<Node> queue = {start};
  for (std::size_t next = 0; next < queue.size(); ++next) {
    const NodeView view = graph.at(queue[next]);
    for (const std::uint32_t word : view.words) {
      const Node dependency = view.dependency(word);
      if (dependency == kUnresolvable || dependency < lowest) continue;
      std::uint32_t& from = reached[dependency - lowest];
      if (from != 0 || !admit(dependency)) continue;
      from = static_cast<std::uint32_t>(view.node - dependency);
      if (!goal(dependency)) {
        queue.push_back(dependency);
        continue;
      }
      std::vector<Node> path = {dependency};
      while (path.back() != start) path.push_back(path.back() + reached[path.back() - lowest]);
      std::reverse(path.begin(), path.end());
      return path;
    }
  }
  return {};
}

bool is_tainted(const Classification& labels, Node node) {
  return node == kUnresolvable || labels.label(node) != Label::kNotAffected;
}

std::vector<Node> witnesses_of(const Classification& labels, const NodeView& view) {
  std::vector<Node> out;
  for (const Cell& cell : view.cells()) {
    Node chosen = kUnresolvable;
    for (const Node node : cell) {
      if (!is_tainted(labels, node)) continue;
      if (chosen == kUnresolvable) chosen = node;
      if (node == kUnresolvable || labels.label(node) != Label::kCorrupt) continue;
      chosen = node;
      break;
    }
    out.push_back(chosen);
  }
  return out;
}

Step step_of(const Classification& labels, Node node) {
  Step step{node, labels.label(node), Cause::kNone, {}};
  if (step.label == Label::kNotAffected) return step;
  if (node < labels.graph().horizon()) {
    step.cause = Cause::kForgotten;
    return step;
  }
  const NodeView view = labels.graph().at(node);
  if (step.label == Label::kCorrupt) {
    step.cause = labels.is_marked(node, MarkKind::kHonestBad) ? Cause::kMarked : Cause::kClient;
    return step;
  }
  step.cause = Cause::kDependencies;
  step.witnesses = witnesses_of(labels, view);
  return step;
}

}  // namespace

Proof explain(const Classification& labels, Node node, std::size_t max_steps) {
  Proof proof;
  std::vector<Node> queue = {node};
  std::set<Node> seen = {node};
  for (std::size_t next = 0; next < queue.size(); ++next) {
    if (proof.steps.size() == max_steps) {
      proof.cut_short = true;
      break;
    }
    proof.steps.push_back(step_of(labels, queue[next]));
    for (const Node witness : proof.steps.back().witnesses) {
      if (witness != kUnresolvable && seen.insert(witness).second) queue.push_back(witness);
    }
  }
  return proof;
}

std::vector<Node> taint_path(const Classification& labels, Node node) {
  if (labels.label(node) == Label::kNotAffected) return {};
  const Node lowest = labels.graph().horizon();
  if (node < lowest) return {};
  return shortest(
      labels.graph(), node, lowest, [&labels](Node at) { return is_tainted(labels, at); },
      [&labels](Node at) { return labels.label(at) == Label::kCorrupt; });
}

std::vector<Node> dependency_path(const Graph& graph, Node node, Node origin) {
  STEWARD_CHECK(origin >= graph.horizon() && node < graph.end());
  if (node < origin) return {};
  return shortest(
      graph, node, origin, [](Node) { return true; }, [origin](Node at) { return at == origin; });
}

}  // namespace steward::accountability
