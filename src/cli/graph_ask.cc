#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "accountability/explanation.h"
#include "accountability/risk.h"
#include "cli/exit_code.h"
#include "cli/graph.h"

namespace steward::cli {

using namespace accountability;

namespace {

struct Flags {
  std::string folder;
  std::vector<std::string> names;
  std::string target;
  std::size_t top = 20;
  bool all = false;
  bool json = false;
};

constexpr const char* kMarkHelp =
    "X: only this item is bad; corrupt:X: and its client from then on; client:NAME[@TIME]; "
    "cleared:X";

void add_common(CLI::App& verb, Flags& flags) {
  add_graph_folder_option(verb, flags.folder);
  verb.add_option("--top", flags.top, "How many to list")->capture_default_str();
  verb.add_flag("--all", flags.all, "List all");
  verb.add_flag("--json", flags.json, "The answer as JSON, with everything listed");
}

void print_items(const Catalogue& catalogue, const std::vector<ItemIndex>& items,
                 const Flags& flags) {
  const std::size_t shown = flags.all ? items.size() : std::min(flags.top, items.size());
  for (std::size_t i = 0; i < shown; ++i) fmt::print("  {}\n", catalogue.items[items[i]].name);
  if (shown < items.size()) fmt::print("  … and {} more (--all)\n", items.size() - shown);
}

nlohmann::json names_of(const Catalogue& catalogue, const std::vector<ItemIndex>& items) {
  nlohmann::json out = nlohmann::json::array();
  for (const ItemIndex item : items) out.push_back(catalogue.items[item].name);
  return out;
}

// What the mark makes corrupt by itself.
Seed seed_of(const Catalogue& catalogue, const Mark& mark) {
  if (mark.kind == MarkKind::kHonestBad) return {mark.node};
  Classification labels(catalogue.graph);
  Seed out;
  if (!labels.mark(mark)) return out;
  for (Node node = 0; node < catalogue.graph.end(); ++node) {
    if (labels.label(node) == Label::kCorrupt) out.push_back(node);
  }
  return out;
}

// Items whose whole or own node is among `nodes`, which are in order.
std::vector<ItemIndex> items_of(const Catalogue& catalogue, const std::vector<Node>& nodes) {
  std::vector<ItemIndex> out;
  for (ItemIndex i = 0; i < catalogue.items.size(); ++i) {
    if (std::binary_search(nodes.begin(), nodes.end(), catalogue.items[i].whole)) out.push_back(i);
  }
  return out;
}

struct Blast {
  std::vector<ItemIndex> tainted;
  std::vector<ItemIndex> saved;  // by an alternative
};

Blast blast_of(const Catalogue& catalogue, const Seed& seed) {
  Blast out;
  out.tainted = items_of(catalogue, tainted_by(catalogue.graph, seed));
  const auto without = items_of(catalogue, tainted_by(catalogue.graph, seed, {true, {}}));
  std::set_difference(without.begin(), without.end(), out.tainted.begin(), out.tainted.end(),
                      std::back_inserter(out.saved));
  return out;
}

int blast(const Flags& flags) {
  const auto catalogue = load_catalogue(flags.folder);
  if (!catalogue) return report(catalogue.error());
  const ItemNames names(*catalogue);
  nlohmann::json answers = nlohmann::json::array();
  for (const std::string& name : flags.names) {
    const auto mark = names.find_mark(name);
    if (!mark) return report(mark.error());
    if (mark->kind == MarkKind::kCleared) {
      return report(bad_input("what is cleared taints nothing; see `steward graph what-if`"));
    }
    const Seed seed = seed_of(*catalogue, *mark);
    const Blast found = blast_of(*catalogue, seed);
    if (flags.json) {
      answers.push_back({{"seed", name},
                         {"corrupt", seed.size()},
                         {"tainted", names_of(*catalogue, found.tainted)},
                         {"saved_by_alternatives", names_of(*catalogue, found.saved)}});
      continue;
    }
    const double share = 100.0 * static_cast<double>(found.tainted.size()) /
                         static_cast<double>(std::max<std::size_t>(catalogue->items.size(), 1));
    fmt::print("{}: {} of {} items are tainted ({:.1f} %), {} of them corrupt itself\n", name,
               found.tainted.size(), catalogue->items.size(), share, seed.size());
    print_items(*catalogue, found.tainted, flags);
    fmt::print("alternatives save {} that would be tainted without\n", found.saved.size());
    print_items(*catalogue, found.saved, flags);
  }
  if (flags.json) fmt::print("{}\n", answers.dump(2));
  return kExitOk;
}

int what_if(const Flags& flags) {
  const auto catalogue = load_catalogue(flags.folder);
  if (!catalogue) return report(catalogue.error());
  const ItemNames names(*catalogue);
  const auto marks = names.find_marks(flags.names);
  if (!marks) return report(marks.error());
  Classification labels(catalogue->graph);
  if (Status status = labels.mark_all(*marks); !status) return report(status.error());
  const auto corrupt = items_labelled(*catalogue, labels, Label::kCorrupt);
  const auto suspect = items_labelled(*catalogue, labels, Label::kSuspect);
  const std::size_t clean = catalogue->items.size() - corrupt.size() - suspect.size();
  if (flags.json) {
    const nlohmann::json answer = {{"corrupt", names_of(*catalogue, corrupt)},
                                   {"suspect", names_of(*catalogue, suspect)},
                                   {"not_affected", clean}};
    fmt::print("{}\n", answer.dump(2));
    return kExitOk;
  }
  fmt::print("corrupt: {}\n", corrupt.size());
  print_items(*catalogue, corrupt, flags);
  fmt::print("suspect: {}\n", suspect.size());
  print_items(*catalogue, suspect, flags);
  fmt::print("not affected: {}\n", clean);
  return kExitOk;
}

const char* reason_of(Cause cause) {
  switch (cause) {
    case Cause::kNone:
      return "is not affected";
    case Cause::kMarked:
      return "is marked as bad";
    case Cause::kClient:
      return "is corrupt: its client is malicious";
    case Cause::kDependencies:
      return "rests on";
    case Cause::kForgotten:
      return "is beyond what is known";
  }
  return "";
}

// The whole proof, an item or gate a line.
void print_proof(const Proof& proof, const ItemNames& names) {
  for (const Step& step : proof.steps) {
    const std::size_t count = step.witnesses.size();
    const std::string because =
        count > 1 ? fmt::format("has {} alternatives, and all are tainted:", count)
                  : std::string(reason_of(step.cause));
    fmt::print("  {} {}", names.describe(step.node), because);
    for (std::size_t i = 0; i < count; ++i) {
      fmt::print("{}{}", i == 0 ? " " : "; ", names.describe(step.witnesses[i]));
    }
    fmt::print("\n");
  }
  if (proof.cut_short) fmt::print("  … and more\n");
}

int why_tainted(const Catalogue& catalogue, const ItemNames& names, ItemIndex item,
                const std::vector<Mark>& marks, const Flags& flags) {
  Classification labels(catalogue.graph);
  if (Status status = labels.mark_all(marks); !status) return report(status.error());
  const Label label = catalogue.label(labels, item);
  const Item& it = catalogue.items[item];
  const Node node = label == Label::kCorrupt ? it.own : it.whole;
  const std::vector<Node> path = taint_path(labels, node);
  const Proof proof =
      explain(labels, node, flags.all ? 1'000'000 : std::max<std::size_t>(flags.top, 1));
  if (flags.json) {
    nlohmann::json answer = {{"item", it.name}, {"label", to_string(label)}};
    answer["path"] = nlohmann::json::array();
    for (const Node step : path) answer["path"].push_back(names.describe(step));
    for (const Step& step : proof.steps) {
      nlohmann::json witnesses = nlohmann::json::array();
      for (const Node witness : step.witnesses) witnesses.push_back(names.describe(witness));
      answer["proof"].push_back({{"node", names.describe(step.node)},
                                 {"because", reason_of(step.cause)},
                                 {"witnesses", witnesses}});
    }
    fmt::print("{}\n", answer.dump(2));
    return kExitOk;
  }
  fmt::print("{} is {}\n", it.name, to_string(label));
  if (label == Label::kNotAffected) return kExitOk;
  fmt::print("the shortest way:\n");
  for (const Node step : path) fmt::print("  {}\n", names.describe(step));
  fmt::print("all of the reason:\n");
  print_proof(proof, names);
  return kExitOk;
}

// Without marks: what it stands and falls with.
int why_at_all(const Catalogue& catalogue, ItemIndex item, const Flags& flags) {
  std::vector<Node> candidates;
  std::map<Node, ItemIndex> by_own;
  for (ItemIndex i = 0; i < catalogue.items.size(); ++i) {
    if (catalogue.items[i].own > catalogue.items[item].whole) continue;
    candidates.push_back(catalogue.items[i].own);
    by_own[catalogue.items[i].own] = i;
  }
  std::vector<ItemIndex> found;
  for (const Node node :
       single_points_of_failure(catalogue.graph, catalogue.items[item].whole, candidates)) {
    if (by_own.at(node) != item) found.push_back(by_own.at(node));
  }
  if (flags.json) {
    const nlohmann::json answer = {{"item", catalogue.items[item].name},
                                   {"single_points_of_failure", names_of(catalogue, found)}};
    fmt::print("{}\n", answer.dump(2));
    return kExitOk;
  }
  fmt::print("{} is tainted when any one of these {} is:\n", catalogue.items[item].name,
             found.size());
  print_items(catalogue, found, flags);
  return kExitOk;
}

int why(const Flags& flags) {
  const auto catalogue = load_catalogue(flags.folder);
  if (!catalogue) return report(catalogue.error());
  const ItemNames names(*catalogue);
  const auto item = names.find(flags.target);
  if (!item) return report(item.error());
  const auto marks = names.find_marks(flags.names);
  if (!marks) return report(marks.error());
  if (marks->empty()) return why_at_all(*catalogue, *item, flags);
  return why_tainted(*catalogue, names, *item, *marks, flags);
}

int path(const Flags& flags) {
  const auto catalogue = load_catalogue(flags.folder);
  if (!catalogue) return report(catalogue.error());
  const ItemNames names(*catalogue);
  const auto from = names.find(flags.target);
  if (!from) return report(from.error());
  const auto to = names.find(flags.names.front());
  if (!to) return report(to.error());
  const Item& origin = catalogue->items[*to];
  std::vector<Node> steps =
      dependency_path(catalogue->graph, catalogue->items[*from].whole, origin.whole);
  // Within a circle each rests on each.
  if (steps.empty() && origin.own != origin.whole) {
    steps = dependency_path(catalogue->graph, catalogue->items[*from].whole, origin.own);
  }
  if (flags.json) {
    nlohmann::json answer = nlohmann::json::array();
    for (const Node step : steps) answer.push_back(names.describe(step));
    fmt::print("{}\n", answer.dump(2));
    return kExitOk;
  }
  if (steps.empty()) {
    fmt::print("{} does not rest on {}\n", catalogue->items[*from].name, origin.name);
    return kExitOk;
  }
  for (const Node step : steps) fmt::print("{}\n", names.describe(step));
  return kExitOk;
}

}  // namespace

void add_graph_blast(CLI::App& graph, int& exit_code) {
  auto flags = std::make_shared<Flags>();
  CLI::App* verb = graph.add_subcommand(
      "blast",
      "What is tainted if X is bad, for each X on its own; and what would be, had nothing an\n"
      "alternative.");
  add_common(*verb, *flags);
  verb->add_option("X", flags->names, kMarkHelp)->required();
  verb->callback([flags, &exit_code] { exit_code = blast(*flags); });
}

void add_graph_what_if(CLI::App& graph, int& exit_code) {
  auto flags = std::make_shared<Flags>();
  CLI::App* verb = graph.add_subcommand(
      "what-if", "What is corrupt, suspect and not affected if all of this is so together.");
  add_common(*verb, *flags);
  verb->add_option("X", flags->names, kMarkHelp)->required();
  verb->callback([flags, &exit_code] { exit_code = what_if(*flags); });
}

void add_graph_why(CLI::App& graph, int& exit_code) {
  auto flags = std::make_shared<Flags>();
  CLI::App* verb = graph.add_subcommand(
      "why",
      "Why ITEM is tainted if what follows it is so: the shortest way, and each alternative that\n"
      "failed. With nothing after it: everything that taints it alone.");
  add_common(*verb, *flags);
  verb->add_option("ITEM", flags->target, "Whose taint is to be explained")->required();
  verb->add_option("X", flags->names, kMarkHelp);
  verb->callback([flags, &exit_code] { exit_code = why(*flags); });
}

void add_graph_path(CLI::App& graph, int& exit_code) {
  auto flags = std::make_shared<Flags>();
  CLI::App* verb = graph.add_subcommand(
      "path", "The shortest chain by which A rests on B, alternatives counting as dependencies.");
  add_graph_folder_option(*verb, flags->folder);
  verb->add_option("A", flags->target, "What rests")->required();
  verb->add_option("B", flags->names, "On what")->required()->expected(1);
  verb->add_flag("--json", flags->json, "The answer as JSON");
  verb->callback([flags, &exit_code] { exit_code = path(*flags); });
}

}  // namespace steward::cli
