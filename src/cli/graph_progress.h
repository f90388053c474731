// Progress on the terminal, of what `steward graph` and the studies of the graph do.
#pragma once

#include <string>

#include "accountability/catalogue.h"

namespace steward::cli {

// One line on a terminal that says how far something is, rewritten at each percent; nothing
// elsewhere. The line is gone when the function is.
accountability::ImportProgress show_graph_progress(const std::string& what);

}  // namespace steward::cli
