// A common operating picture, after Section IV-B of the report: 5,000 units write one update a
// minute for 12 hours. Who is tainted when one of them is compromised at some hour?
//
// The terrain is a square of 10 by 10 sectors. Of 50 units in each, 40 observe and 10 plan.
// An observer's update is what it sees; it depends on nothing. A planner's update is its plan of
// this minute. That depends on
//   - a sighting in its own sector of the last minute, and one in a sector beside it,
//   - once in half an hour, on average, a plan of another planner, in its own sector or beside it,
//   - its own plan of the minute before, which it revises; each hour it begins one anew.
// A sighting has one witness, or, in `witnessed_percent` of the cases, any of three, which are
// alternatives: independent observers of the same sector.
//
// Units write in an order that is drawn for the whole run. All is drawn from the seed, alike on
// every machine.
#pragma once

#include <vector>

#include "accountability/catalogue.h"

namespace steward::studies {

struct PictureOptions {
  std::uint32_t side = 10;       // sectors; at least 2
  std::uint32_t observers = 40;  // of a sector
  std::uint32_t planners = 10;   // of a sector
  std::uint32_t minutes = 720;
  std::uint32_t witnessed_percent = 70;
  std::uint64_t seed = 1;

  std::uint32_t units() const { return side * side * (observers + planners); }
};

struct Picture {
  accountability::Graph graph;       // clients are units; timestamps minutes, from 1
  std::vector<bool> is_planner;      // by client
  std::vector<std::uint32_t> plans;  // by node: 1 for a plan, else 0
  std::uint64_t updates = 0;         // nodes without the gates of alternatives
};

using StudyProgress = accountability::ImportProgress;

Picture make_picture(const PictureOptions& options, const StudyProgress& progress = {});

// What an hour's compromises taint: means over the units that were tried.
struct PictureAnswer {
  std::uint32_t hour = 0;
  double corrupt = 0;                       // updates that the unit itself wrote from then on
  double tainted_plans = 0;                 // of all plans, its own among them
  double tainted_without_alternatives = 0;  // if each witness were needed
};

// For each whole hour, `tried` observers (or planners), each compromised from then on by itself:
// drawn from the seed, the same for each hour. At most 255 divided by the hours are tried.
std::vector<PictureAnswer> ask_picture(const Picture& picture, const PictureOptions& options,
                                       bool planners, const StudyProgress& progress = {});

}  // namespace steward::studies
