// graph_study: the studies of the Accountability Graph whose data is made, as tables on standard
// output and pictures in a folder. tools/case-study runs it; docs/accountability.md says what came
// out.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <ctime>
#include <filesystem>
#include <fstream>

#include "accountability/classification.h"
#include "cli/curve.h"
#include "cli/graph_progress.h"
#include "studies/board.h"
#include "studies/picture.h"
#include "studies/scaling.h"

namespace steward::studies {
namespace {

using namespace accountability;
using cli::Curve;
using cli::Scale;

struct Flags {
  std::string out = "build/case-study";
  PictureOptions picture;
  BoardOptions board;
  std::uint32_t from_day = 2;
  std::uint64_t updates = 4'000'000;
};

constexpr double kMega = 1e6;

bool draw(const Flags& flags, const std::string& name, const cli::CurveTexts& texts,
          const std::vector<Curve>& curves, Scale x_scale) {
  const std::filesystem::path path = std::filesystem::path(flags.out) / name;
  std::ofstream out(path);
  out << cli::draw_lines(texts, curves, x_scale);
  out.close();
  if (out) {
    fmt::print("{}\n", path.string());
  } else {
    fmt::print(stderr, "graph_study: cannot write {}\n", path.string());
  }
  return static_cast<bool>(out);
}

// How long the answer takes for one unit that is compromised from the middle on.
double seconds_of_mark(const Picture& picture, const PictureOptions& options) {
  Classification labels(picture.graph);
  const std::clock_t start = std::clock();
  STEWARD_CHECK(labels.mark(client_from(0, options.minutes / 2)).ok());
  return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
}

void print_picture(const std::vector<PictureAnswer>& answers, double plans, const char* who) {
  fmt::print("\n{} is compromised; means over those tried, of {:.0f} plans\n", who, plans);
  fmt::print("{:>10}  {:>12}  {:>14}  {:>7}  {:>20}  {:>14}\n", "from hour", "own updates",
             "tainted plans", "share", "without alternatives", "saved by them");
  for (const PictureAnswer& it : answers) {
    fmt::print("{:>10}  {:>12.0f}  {:>14.0f}  {:>5.1f} %  {:>20.0f}  {:>14.0f}\n", it.hour,
               it.corrupt, it.tainted_plans, 100 * it.tainted_plans / plans,
               it.tainted_without_alternatives, it.tainted_without_alternatives - it.tainted_plans);
  }
}

int picture(const Flags& flags) {
  PictureOptions options = flags.picture;
  std::vector<Curve> curves;
  for (const std::uint32_t percent : {flags.picture.witnessed_percent, 90U, 97U}) {
    options.witnessed_percent = percent;
    const std::string what = fmt::format("{} % witnessed", percent);
    const std::clock_t start = std::clock();
    const Picture made = make_picture(options, cli::show_graph_progress(what + ", writing"));
    const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
    const double plans =
        static_cast<double>(options.side * options.side * options.planners) * options.minutes;
    fmt::print(
        "{}: {} updates of {} units, {} nodes, {} dependencies, {:.0f} MB; made in {:.1f} s, "
        "an answer takes {:.2f} s\n",
        what, made.updates, options.units(), made.graph.end(), made.graph.dependencies(),
        static_cast<double>(made.graph.memory_bytes()) / kMega, seconds,
        seconds_of_mark(made, options));
    const auto observers =
        ask_picture(made, options, false, cli::show_graph_progress(what + ", asking"));
    print_picture(observers, plans, "An observer");
    Curve curve{what, {}};
    Curve without{"no alternatives", {}};
    for (const PictureAnswer& it : observers) {
      const auto hour = static_cast<double>(it.hour);
      curve.points.push_back({hour, 100 * it.tainted_plans / plans});
      without.points.push_back({hour, 100 * it.tainted_without_alternatives / plans});
    }
    if (curves.empty()) {
      const auto planners =
          ask_picture(made, options, true, cli::show_graph_progress(what + ", asking"));
      print_picture(planners, plans, "A planner");
      curves.push_back(without);
    }
    curves.push_back(curve);
    fmt::print("\n");
  }
  const bool drawn = draw(flags, "picture.svg",
                          {"What one compromised observer taints", "compromised from this hour on",
                           "% of the plans of 12 hours"},
                          curves, Scale::kLinear);
  return drawn ? 0 : 1;
}

int board(const Flags& flags) {
  const Graph made = make_board(flags.board);
  fmt::print("{} messages of {} accounts, {} dependencies\n", made.end(), made.clients(),
             made.dependencies());
  const auto answers = ask_board(made, flags.board, flags.from_day);
  fmt::print("\naccounts that spread rumours together from day {} on; means over those tried\n",
             flags.from_day);
  fmt::print("{:>8}  {:>8}  {:>8}  {:>7}  {:>20}  {:>14}\n", "accounts", "rumours", "suspect",
             "share", "without alternatives", "saved by them");
  Curve with{"with alternatives", {}};
  Curve without{"without", {}};
  const auto messages = static_cast<double>(made.end());
  for (const BoardAnswer& it : answers) {
    fmt::print("{:>8}  {:>8.0f}  {:>8.0f}  {:>5.1f} %  {:>20.0f}  {:>14.0f}\n", it.accounts,
               it.corrupt, it.suspect, 100 * it.suspect / messages, it.suspect_without_alternatives,
               it.suspect_without_alternatives - it.suspect);
    const auto accounts = static_cast<double>(it.accounts);
    with.points.push_back({accounts, 100 * it.suspect / messages});
    without.points.push_back({accounts, 100 * it.suspect_without_alternatives / messages});
  }
  fmt::print("\n");
  const bool drawn = draw(flags, "board.svg",
                          {"What rumours reach", "compromised accounts (logarithmic)",
                           "% of all messages, by others, that rest on a rumour"},
                          {with, without}, Scale::kLogarithmic);
  return drawn ? 0 : 1;
}

struct Kind {
  Experiment experiment;
  const char* name;  // of its pictures
  const char* x;
  Scale scale;
};

double x_of(const Kind& kind, const Slices& shape) {
  switch (kind.experiment) {
    case Experiment::kUpdates:
      return static_cast<double>(shape.updates) / kMega;
    case Experiment::kClients:
      return static_cast<double>(shape.clients);
    case Experiment::kDependencies:
      return static_cast<double>(shape.dependencies);
  }
  return 0;
}

std::vector<Measured> measure_all(const Flags& flags, const Kind& kind) {
  const auto show = cli::show_graph_progress(fmt::format("number of {}", kind.name));
  const std::vector<Slices> shapes = shapes_of(kind.experiment, flags.updates);
  std::vector<Measured> out;
  for (const Slices& shape : shapes) {
    if (show) show(out.size(), shapes.size());
    out.push_back(measure(shape));
  }
  return out;
}

bool scale(const Flags& flags, const Kind& kind) {
  const std::vector<Measured> measured = measure_all(flags, kind);
  fmt::print("\nby the number of {}\n{:>9}  {:>8}  {:>7}  {:>12}  {:>8}  {:>8}  {:>9}  {:>7}\n",
             kind.name, "updates", "clients", "slices", "dependencies", "build s", "mark ms",
             "tainted", "MB");
  Curve time{"mark", {}};
  Curve tainted{"tainted", {}};
  for (const Measured& it : measured) {
    const Slices& shape = it.shape;
    fmt::print("{:>9}  {:>8}  {:>7}  {:>12}  {:>8.2f}  {:>8.1f}  {:>9}  {:>7.1f}\n", shape.updates,
               shape.clients, shape.slices, shape.dependencies, it.build_seconds,
               1000 * it.mark_seconds, it.tainted, static_cast<double>(it.bytes) / kMega);
    time.points.push_back({x_of(kind, shape), 1000 * it.mark_seconds});
    tainted.points.push_back({x_of(kind, shape), static_cast<double>(it.tainted) / kMega});
  }
  const std::string file = fmt::format("scaling-{}", kind.name);
  return draw(flags, file + "-time.svg", {"Marking all that is tainted", kind.x, "ms"}, {time},
              kind.scale) &&
         draw(flags, file + "-tainted.svg", {"Updates tainted", kind.x, "million updates"},
              {tainted}, kind.scale);
}

int scaling(const Flags& flags) {
  for (const Kind& kind :
       {Kind{Experiment::kUpdates, "updates", "million updates", Scale::kLinear},
        Kind{Experiment::kClients, "clients", "clients (logarithmic)", Scale::kLogarithmic},
        Kind{Experiment::kDependencies, "dependencies", "dependencies of an update",
             Scale::kLinear}}) {
    if (!scale(flags, kind)) return 1;
  }
  return 0;
}

}  // namespace

int run(int argc, char** argv) {
  CLI::App app(
      "Studies of the Accountability Graph on data that is made, the same from the same seed.\n"
      "Tables go to standard output, pictures (SVG) into the folder --out.");
  app.require_subcommand(1);
  Flags flags;
  app.add_option("--out", flags.out, "Folder for the pictures")->capture_default_str();

  CLI::App* verb = app.add_subcommand(
      "picture",
      "A common operating picture: 5,000 units, an update a minute each, 12 hours; what\n"
      "one compromised unit taints, by the hour.");
  verb->add_option("--minutes", flags.picture.minutes, "How long; at least an hour")
      ->check(CLI::Range(60, 1440))
      ->capture_default_str();
  verb->add_option("--witnessed", flags.picture.witnessed_percent,
                   "Percent of sightings that have three witnesses; 90 and 97 are shown, too")
      ->check(CLI::Range(0, 100))
      ->capture_default_str();
  verb->add_option("--seed", flags.picture.seed, "What is drawn")->capture_default_str();

  verb = app.add_subcommand("board",
                            "An emergency bulletin board: what rumours reach, by the number of "
                            "compromised accounts");
  verb->add_option("--corroborated", flags.board.corroborated_percent,
                   "Percent of bulletins that any of several reports carries")
      ->check(CLI::Range(0, 100))
      ->capture_default_str();
  verb->add_option("--from-day", flags.from_day, "When the rumours begin, of 10 days from 0")
      ->check(CLI::Range(0, 9))
      ->capture_default_str();
  verb->add_option("--seed", flags.board.seed, "What is drawn")->capture_default_str();

  verb = app.add_subcommand("scaling",
                            "The three experiments of the report's evaluation: time and tainted "
                            "updates by the\nnumber of updates, of clients, and of dependencies");
  verb->add_option("--updates", flags.updates, "At most so many")
      ->check(CLI::Range(1000, 16'000'000))
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);

  std::error_code failed;
  std::filesystem::create_directories(flags.out, failed);
  if (failed) {
    fmt::print(stderr, "graph_study: cannot make {}: {}\n", flags.out, failed.message());
    return 1;
  }
  if (app.got_subcommand("picture")) return picture(flags);
  return app.got_subcommand("board") ? board(flags) : scaling(flags);
}

}  // namespace steward::studies

int main(int argc, char** argv) { return steward::studies::run(argc, argv); }
