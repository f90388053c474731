#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/exit_code.h"
#include "cli/graph.h"

namespace steward::cli {

using namespace accountability;

namespace {

struct Flags {
  std::string folder;
  std::string format;
  std::string out;
  std::vector<std::string> marks;
};

using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

// What is written of each node, the same in all formats.
struct ExportNode {
  NodeView view;
  std::string name;
  std::string client;  // empty for gates
  Label label;
};

class Exporter {
 public:
  Exporter(const Catalogue& catalogue, const Classification& labels, std::FILE* out)
      : catalogue_(catalogue), labels_(labels), names_(catalogue), out_(out) {}

  template <class Visit>
  void for_each(Visit visit) const {
    const ImportProgress show = show_graph_progress("writing");
    catalogue_.graph.for_each(0, [&](const NodeView& view) {
      visit(ExportNode{view, names_.describe(view.node),
                       view.is_gate() ? std::string() : catalogue_.clients[view.client],
                       labels_.label(view.node)});
      if (show && view.node % 1024 == 0) show(view.node, catalogue_.graph.end());
    });
  }

  // An edge from each node to each dependency, with the number of the cell.
  template <class Visit>
  static void for_each_edge(const NodeView& view, Visit visit) {
    std::size_t number = 0;
    for (const Cell& cell : view.cells()) {
      for (const Node dependency : cell) {
        if (dependency != kUnresolvable) visit(dependency, number);
      }
      ++number;
    }
  }

  void json() const {
    fmt::print(out_, "{{\"format\": \"steward-graph\", \"nodes\": [");
    bool is_first = true;
    for_each([&](const ExportNode& node) {
      nlohmann::json value = {{"node", node.view.node},
                              {"name", node.name},
                              {"label", to_string(node.label)},
                              {"cells", nlohmann::json::array()}};
      if (!node.client.empty()) value["client"] = node.client;
      for (const Cell& cell : node.view.cells()) {
        nlohmann::json all = nlohmann::json::array();
        for (const Node dependency : cell) {
          all.push_back(dependency == kUnresolvable ? nlohmann::json()
                                                    : nlohmann::json(dependency));
        }
        value["cells"].push_back(std::move(all));
      }
      fmt::print(out_, "{}\n{}", is_first ? "" : ",",
                 value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
      is_first = false;
    });
    fmt::print(out_, "\n]}}\n");
  }

  void dot() const {
    fmt::print(out_, "digraph steward {{\n  rankdir=BT; node [shape=box];\n");
    for_each([this](const ExportNode& node) {
      const char* colour = node.label == Label::kCorrupt   ? "#e08070"
                           : node.label == Label::kSuspect ? "#f0d080"
                                                           : "#ffffff";
      fmt::print(out_, "  n{} [label=\"{}\", style=filled, fillcolor=\"{}\"{}];\n", node.view.node,
                 quoted(node.name), colour, node.view.is_gate() ? ", shape=ellipse" : "");
      for_each_edge(node.view, [this, &node](Node to, std::size_t cell) {
        fmt::print(out_, "  n{} -> n{} [label=\"{}\"];\n", node.view.node, to, cell + 1);
      });
    });
    fmt::print(out_, "}}\n");
  }

  void graphml() const {
    fmt::print(out_,
               "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
               "<graphml xmlns=\"http://graphml.graphdrawing.org/xmlns\">\n"
               "<key id=\"name\" for=\"node\" attr.name=\"name\" attr.type=\"string\"/>\n"
               "<key id=\"client\" for=\"node\" attr.name=\"client\" attr.type=\"string\"/>\n"
               "<key id=\"label\" for=\"node\" attr.name=\"label\" attr.type=\"string\"/>\n"
               "<key id=\"cell\" for=\"edge\" attr.name=\"cell\" attr.type=\"int\"/>\n"
               "<graph edgedefault=\"directed\">\n");
    for_each([this](const ExportNode& node) {
      fmt::print(out_,
                 "<node id=\"n{}\"><data key=\"name\">{}</data><data key=\"client\">{}</data>"
                 "<data key=\"label\">{}</data></node>\n",
                 node.view.node, escaped(node.name), escaped(node.client), to_string(node.label));
      for_each_edge(node.view, [this, &node](Node to, std::size_t cell) {
        fmt::print(out_,
                   "<edge source=\"n{}\" target=\"n{}\"><data key=\"cell\">{}</data></edge>\n",
                   node.view.node, to, cell);
      });
    });
    fmt::print(out_, "</graph>\n</graphml>\n");
  }

 private:
  static std::string quoted(const std::string& text) {
    std::string out;
    for (const char c : text) {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
    return out;
  }

  static std::string escaped(const std::string& text) {
    std::string out;
    for (const char c : text) {
      if (c == '<') {
        out += "&lt;";
      } else if (c == '>') {
        out += "&gt;";
      } else if (c == '&') {
        out += "&amp;";
      } else {
        out += c;
      }
    }
    return out;
  }

  const Catalogue& catalogue_;
  const Classification& labels_;
  ItemNames names_;
  std::FILE* out_;
};

int run(const Flags& flags) {
  const auto catalogue = load_catalogue(flags.folder);
  if (!catalogue) return report(catalogue.error());
  const ItemNames names(*catalogue);
  const auto marks = names.find_marks(flags.marks);
  if (!marks) return report(marks.error());
  Classification labels(catalogue->graph);
  if (Status status = labels.mark_all(*marks); !status) return report(status.error());
  File file(nullptr, &std::fclose);
  std::FILE* out = stdout;
  if (!flags.out.empty()) {
    file.reset(std::fopen(flags.out.c_str(), "w"));
    if (file == nullptr) return report({ErrorCode::kIo, "cannot write " + flags.out});
    out = file.get();
  }
  const Exporter exporter(*catalogue, labels, out);
  if (flags.format == "json") exporter.json();
  if (flags.format == "dot") exporter.dot();
  if (flags.format == "graphml") exporter.graphml();
  if (std::fflush(out) != 0 || std::ferror(out) != 0) {
    return report({ErrorCode::kIo, "cannot write all of it"});
  }
  return kExitOk;
}

}  // namespace

void add_graph_export(CLI::App& graph, int& exit_code) {
  auto flags = std::make_shared<Flags>();
  CLI::App* verb = graph.add_subcommand(
      "export",
      "Write the graph for other tools. Edges lead from what rests to what it rests on and carry\n"
      "the number of their cell; gates are nodes without a client.");
  add_graph_folder_option(*verb, flags->folder);
  verb->add_option("--format", flags->format, "graphml, dot or json")
      ->check(CLI::IsMember({"graphml", "dot", "json"}))
      ->required();
  verb->add_option("--out", flags->out, "File to write; without it, standard output");
  verb->add_option("--if", flags->marks, "Labels as if this were so; as for what-if");
  verb->callback([flags, &exit_code] { exit_code = run(*flags); });
}

}  // namespace steward::cli
