#include "cli/graph.h"

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "accountability/image.h"
#include "cli/commands.h"
#include "cli/exit_code.h"

namespace steward::cli {

using namespace accountability;

namespace {

constexpr const char* kGraphFile = "graph.bin";
constexpr const char* kItemsFile = "items.tsv";
constexpr const char* kClientsFile = "clients.txt";

Status write_file(const std::filesystem::path& path, BytesView content) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(content.data(), static_cast<std::streamsize>(content.size()));
  out.close();
  if (out) return {};
  return Error{ErrorCode::kIo, "cannot write " + path.string()};
}

Result<Bytes> read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    return Error{ErrorCode::kNotFound, "cannot read " + path.string() +
                                           ": is this a folder made by `steward graph import`?"};
  }
  std::ostringstream content;
  content << in.rdbuf();
  if (!in.good() && !in.eof()) return Error{ErrorCode::kIo, "cannot read " + path.string()};
  return std::move(content).str();
}

}  // namespace

Status save_catalogue(const Catalogue& catalogue, const std::string& folder) {
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  if (failed) return Error{ErrorCode::kIo, "cannot make " + folder + ": " + failed.message()};
  const CatalogueImage image = to_image(catalogue, show_graph_progress("writing"));
  const std::filesystem::path path = folder;
  // The graph last: without it the folder is none.
  std::filesystem::remove(path / kGraphFile, failed);
  if (Status status = write_file(path / kItemsFile, image.items); !status) return status;
  if (Status status = write_file(path / kClientsFile, image.clients); !status) return status;
  return write_file(path / kGraphFile, image.graph);
}

Result<Catalogue> load_catalogue(const std::string& folder) {
  const std::filesystem::path path = folder;
  auto graph = read_file(path / kGraphFile);
  if (!graph) return graph.error();
  auto items = read_file(path / kItemsFile);
  if (!items) return items.error();
  auto clients = read_file(path / kClientsFile);
  if (!clients) return clients.error();
  auto catalogue = from_image({std::move(*graph), std::move(*items), std::move(*clients)},
                              show_graph_progress("reading " + folder));
  if (!catalogue) return Error{catalogue.error().code, folder + ": " + catalogue.error().message};
  return catalogue;
}

void add_graph_folder_option(CLI::App& verb, std::string& folder) {
  verb.add_option("--graph", folder, "Folder that `steward graph import` made")
      ->envname("STEWARD_GRAPH")
      ->required();
}

void add_graph(CLI::App& app, int& exit_code) {
  CLI::App* graph = app.add_subcommand(
      "graph",
      "The Accountability Graph, offline: import who made what and what rests on what; then ask\n"
      "what a bad item or client taints, why, by which way, and what alternatives save.\n"
      "  steward graph import --format debian Packages --out g\n"
      "  steward graph blast --graph g liblzma5\n"
      "docs/accountability.md explains the model, the formats and the answers.");
  graph->require_subcommand(1);
  add_graph_import(*graph, exit_code);
  add_graph_blast(*graph, exit_code);
  add_graph_why(*graph, exit_code);
  add_graph_path(*graph, exit_code);
  add_graph_what_if(*graph, exit_code);
  add_graph_rank(*graph, exit_code);
  add_graph_cdf(*graph, exit_code);
  add_graph_export(*graph, exit_code);
}

}  // namespace steward::cli
