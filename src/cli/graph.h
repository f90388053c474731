// What the verbs of `steward graph` share: the folder of an imported catalogue.
#pragma once

#include <string>

#include "accountability/catalogue.h"
#include "cli/graph_names.h"
#include "cli/graph_progress.h"

namespace CLI {
class App;
}

namespace steward::cli {

void add_graph_import(CLI::App& graph, int& exit_code);
void add_graph_blast(CLI::App& graph, int& exit_code);
void add_graph_why(CLI::App& graph, int& exit_code);
void add_graph_path(CLI::App& graph, int& exit_code);
void add_graph_what_if(CLI::App& graph, int& exit_code);
void add_graph_rank(CLI::App& graph, int& exit_code);
void add_graph_cdf(CLI::App& graph, int& exit_code);
void add_graph_export(CLI::App& graph, int& exit_code);

void add_graph_folder_option(CLI::App& verb, std::string& folder);  // --graph, STEWARD_GRAPH

Status save_catalogue(const accountability::Catalogue& catalogue, const std::string& folder);
Result<accountability::Catalogue> load_catalogue(const std::string& folder);

}  // namespace steward::cli
