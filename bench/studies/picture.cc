#include "studies/picture.h"

#include <algorithm>
#include <random>

#include "accountability/risk.h"

namespace steward::studies {

using namespace accountability;

namespace {

constexpr std::size_t kWitnesses = 3;
constexpr std::uint32_t kPlanKeptMinutes = 60;
constexpr std::uint32_t kCoordinationMinutes = 30;
constexpr std::size_t kSeedsOfAPass = 255;

// std::shuffle draws otherwise from library to library.
void shuffle(std::vector<std::uint32_t>& values, std::mt19937_64& random) {
  for (std::size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[random() % i]);
}

class Maker {
 public:
  explicit Maker(const PictureOptions& options)
      : options_(options),
        per_sector_(options.observers + options.planners),
        random_(options.seed),
        last_(options.units(), kUnresolvable) {
    for (std::uint32_t unit = 0; unit < options.units(); ++unit) {
      STEWARD_CHECK(out_.graph.add_client().ok());
      out_.is_planner.push_back(unit % per_sector_ >= options.observers);
      order_.push_back(unit);
    }
    shuffle(order_, random_);
  }

  Picture run(const StudyProgress& progress) {
    for (minute_ = 1; minute_ <= options_.minutes; ++minute_) {
      for (const std::uint32_t unit : order_) {
        if (out_.is_planner[unit]) {
          add_plan(unit);
        } else {
          add(unit, {}, 0);
        }
      }
      if (progress) progress(minute_, options_.minutes);
    }
    return std::move(out_);
  }

 private:
  std::uint32_t below(std::uint32_t limit) { return static_cast<std::uint32_t>(random_() % limit); }

  void add(std::uint32_t unit, std::span<const Node> needs, std::uint32_t is_plan) {
    const auto node = out_.graph.append(unit, minute_, needs);
    STEWARD_CHECK(node.ok());
    last_[unit] = *node;
    out_.plans.push_back(is_plan);
    ++out_.updates;
  }

  void add_plan(std::uint32_t unit) {
    const std::uint32_t sector = unit / per_sector_;
    needs_.clear();
    need_sighting(sector);
    need_sighting(beside(sector));
    if (below(kCoordinationMinutes) == 0) {
      const std::uint32_t where = below(2) == 0 ? sector : beside(sector);
      const std::uint32_t other =
          where * per_sector_ + options_.observers + below(options_.planners);
      if (other != unit) need(last_[other]);
    }
    if ((minute_ + unit) % kPlanKeptMinutes != 0) need(last_[unit]);
    add(unit, needs_, 1);
  }

  // Nothing is needed of who has not written yet.
  void need(Node node) {
    if (node != kUnresolvable) needs_.push_back(node);
  }

  std::uint32_t beside(std::uint32_t sector) {
    const std::uint32_t side = options_.side;
    const bool along = below(2) == 0;
    const bool forward = below(2) == 0;
    const std::uint32_t stride = along ? 1 : side;
    const std::uint32_t place = along ? sector % side : sector / side;
    // At an edge there is only one way.
    const bool up = place == 0 || (place + 1 < side && forward);
    return up ? sector + stride : sector - stride;
  }

  void need_sighting(std::uint32_t sector) {
    const std::uint32_t first = sector * per_sector_;
    const bool is_witnessed = below(100) < options_.witnessed_percent;
    if (!is_witnessed || options_.observers < kWitnesses) {
      need(last_[first + below(options_.observers)]);
      return;
    }
    // Observers who stand at equal distances in the list of their sector: different ones.
    const std::uint32_t start = below(options_.observers);
    Cells witnesses;
    for (std::uint32_t i = 0; i < kWitnesses; ++i) {
      const std::uint32_t step = i * options_.observers / static_cast<std::uint32_t>(kWitnesses);
      const Node seen = last_[first + (start + step) % options_.observers];
      if (seen != kUnresolvable) witnesses.push_back({seen});
    }
    if (witnesses.empty()) return;
    const auto gate = out_.graph.append_gate(witnesses);
    STEWARD_CHECK(gate.ok());
    out_.plans.push_back(0);
    needs_.push_back(*gate);
  }

  const PictureOptions options_;
  const std::uint32_t per_sector_;
  std::mt19937_64 random_;
  std::vector<std::uint32_t> order_;
  std::vector<Node> last_;  // update of each unit
  std::vector<Node> needs_;
  std::uint32_t minute_ = 0;
  Picture out_;
};

// All that a unit wrote after the hour. Timestamps are minutes from 1, so the place is the time.
Seed written_after(const Picture& picture, Client unit, std::uint32_t hour) {
  const std::span<const std::uint32_t> nodes = picture.graph.nodes_of(unit);
  return Seed(nodes.begin() + std::ptrdiff_t{60} * hour, nodes.end());
}

}  // namespace

Picture make_picture(const PictureOptions& options, const StudyProgress& progress) {
  STEWARD_CHECK(options.side >= 2 && options.observers > 0 && options.planners > 0);
  return Maker(options).run(progress);
}

std::vector<PictureAnswer> ask_picture(const Picture& picture, const PictureOptions& options,
                                       bool planners, const StudyProgress& progress) {
  const std::uint32_t hours = options.minutes / 60;
  STEWARD_CHECK(hours > 0 && hours <= kSeedsOfAPass);
  std::vector<std::uint32_t> units;
  for (std::uint32_t unit = 0; unit < picture.is_planner.size(); ++unit) {
    if (picture.is_planner[unit] == planners) units.push_back(unit);
  }
  std::mt19937_64 random(options.seed);
  shuffle(units, random);
  units.resize(std::min(units.size(), kSeedsOfAPass / hours));

  std::vector<Seed> seeds;
  for (std::uint32_t hour = 0; hour < hours; ++hour) {
    for (const std::uint32_t unit : units) seeds.push_back(written_after(picture, unit, hour));
  }
  const auto with = blast_radii(picture.graph, seeds, picture.plans);
  if (progress) progress(1, 2);
  const auto without = blast_radii(picture.graph, seeds, picture.plans, {true, {}});
  if (progress) progress(2, 2);

  std::vector<PictureAnswer> out;
  const auto tried = static_cast<double>(units.size());
  for (std::size_t i = 0; i < seeds.size(); ++i) {
    if (i % units.size() == 0) {
      out.push_back({static_cast<std::uint32_t>(i / units.size()), 0, 0, 0});
    }
    out.back().corrupt += static_cast<double>(seeds[i].size()) / tried;
    out.back().tainted_plans += static_cast<double>(with[i]) / tried;
    out.back().tainted_without_alternatives += static_cast<double>(without[i]) / tried;
  }
  return out;
}

}  // namespace steward::studies
