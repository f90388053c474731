#include "accountability/regeneration.h"

#include <fmt/format.h>

#include <algorithm>

namespace steward::accountability {
namespace {

// The first node that is not in the view: no valid snapshot is after it.
Node first_excluded(const Classification& labels, View view) {
  const Graph& graph = labels.graph();
  for (Node node = graph.horizon(); node < graph.end(); ++node) {
    if (is_excluded(view, labels.label(node)) && !graph.at(node).is_gate()) return node;
  }
  return graph.end();
}

}  // namespace

bool is_excluded(View view, Label label) {
  return label == Label::kCorrupt || (view == View::kClean && label == Label::kSuspect);
}

Result<RegenerationPlan> plan_regeneration(const Classification& labels, View view,
                                           std::span<const Node> snapshots) {
  const Graph& graph = labels.graph();
  const Node horizon = graph.horizon();
  if (labels.unbounded()) {
    return Error{ErrorCode::kNotFound,
                 fmt::format("a mark reaches before update {}, the first that is held: what it "
                             "tainted there is not known, and so no snapshot is known to be valid",
                             horizon)};
  }
  const Node limit = labels.is_tainted_before_horizon() ? 0 : first_excluded(labels, view);
  std::optional<Node> chosen;
  if (horizon == 0) chosen = 0;
  for (const Node snapshot : snapshots) {
    if (snapshot > limit || snapshot < horizon || snapshot > graph.end()) continue;
    chosen = std::max(chosen.value_or(snapshot), snapshot);
  }
  if (!chosen) {
    return Error{ErrorCode::kNotFound,
                 fmt::format("no snapshot from update {} to {} is there, and older ones cannot be "
                             "carried forward: what came after them is forgotten",
                             horizon, std::max(horizon, limit))};
  }
  RegenerationPlan plan{*chosen, graph.end(), {}, 0};
  if (*chosen == graph.end()) return plan;
  for (Node node = *chosen; node < graph.end(); ++node) {
    if (graph.at(node).is_gate()) continue;
    if (is_excluded(view, labels.label(node))) {
      plan.excluded.push_back(node);
    } else {
      ++plan.permitted;
    }
  }
  return plan;
}

Result<Regenerated> regenerate(const Graph& graph, RegenerationPlan plan, Replayer& replayer) {
  Regenerated out{std::move(plan), {}};
  if (Status status = replayer.restore(out.plan.snapshot); !status) return status.error();
  auto excluded = out.plan.excluded.begin();
  for (Node node = out.plan.snapshot; node < out.plan.upto; ++node) {
    if (excluded != out.plan.excluded.end() && *excluded == node) {
      ++excluded;
      continue;
    }
    if (graph.at(node).is_gate()) continue;
    const auto result = replayer.execute(node);
    if (!result) return result.error();
    const auto original = replayer.original_result(node);
    if (!original) return original.error();
    if (*result != *original) out.different.push_back(node);
  }
  return out;
}

Result<Epochs::Step> Epochs::end_epoch(Node node) {
  if (node <= last_end_) {
    return bad_input(fmt::format("an epoch cannot end before update {}: the last one ended at {}",
                                 node, last_end_));
  }
  const Step step{last_end_, last_end_};
  last_end_ = node;
  return step;
}

}  // namespace steward::accountability
