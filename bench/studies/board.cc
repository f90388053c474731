#include "studies/board.h"

#include <algorithm>
#include <random>

#include "accountability/risk.h"

namespace steward::studies {

using namespace accountability;

namespace {

constexpr std::size_t kWitnesses = 3;
constexpr std::uint32_t kAnsweredMessages = 1000;
constexpr std::uint32_t kGroups = 30;
constexpr std::uint32_t kMostAccounts = 128;

struct Report {
  Node node = 0;
  Client account = 0;
};

struct Case {
  std::vector<Report> reports;  // the latest of up to kWitnesses accounts, the oldest first
  Node bulletin = kUnresolvable;
};

class Maker {
 public:
  explicit Maker(const BoardOptions& options)
      : options_(options), random_(options.seed), cases_(options.cases) {
    times_.resize(options.accounts, 0);
    for (std::uint32_t i = 0; i < options.accounts; ++i) STEWARD_CHECK(graph_.add_client().ok());
  }

  Graph run() {
    for (std::uint32_t i = 0; i < options_.messages(); ++i) {
      const Client account = below(options_.accounts);
      Case& topic = cases_[below(options_.cases)];
      const std::uint32_t kind = below(4);
      if (kind == 0 || topic.reports.empty()) {
        report(account, topic);
      } else if (kind == 1) {
        topic.bulletin = add(account, bulletin_on(topic));
      } else {
        add(account, {answered()});
      }
    }
    return std::move(graph_);
  }

 private:
  std::uint32_t below(std::uint32_t limit) { return static_cast<std::uint32_t>(random_() % limit); }

  Node add(Client account, const Cells& cells) {
    const auto node = graph_.append(account, ++times_[account], cells);
    STEWARD_CHECK(node.ok());
    return *node;
  }

  void report(Client account, Case& topic) {
    std::erase_if(topic.reports, [account](const Report& it) { return it.account == account; });
    if (topic.reports.size() == kWitnesses) topic.reports.erase(topic.reports.begin());
    topic.reports.push_back({add(account, {}), account});
  }

  Cells bulletin_on(const Case& topic) {
    const bool is_corroborated = below(100) < options_.corroborated_percent;
    const bool goes_on = below(2) == 0 && topic.bulletin != kUnresolvable;
    Cells cells;
    const std::size_t first = is_corroborated ? 0 : topic.reports.size() - 1;
    for (std::size_t i = first; i < topic.reports.size(); ++i) {
      cells.push_back({topic.reports[i].node});
      if (goes_on) cells.back().push_back(topic.bulletin);
    }
    return cells;
  }

  // The nearer of two draws: newer ones are likelier.
  Node recent() {
    const auto reach = static_cast<std::uint32_t>(std::min<Node>(graph_.end(), kAnsweredMessages));
    const std::uint32_t one = below(reach);
    const std::uint32_t other = below(reach);
    return graph_.end() - 1 - std::min(one, other);
  }

  Cell answered() {
    Cell cell{recent()};
    if (below(4) == 0) cell.push_back(recent());
    return cell;
  }

  const BoardOptions options_;
  std::mt19937_64 random_;
  std::vector<Case> cases_;
  std::vector<Timestamp> times_;
  Graph graph_;
};

}  // namespace

Graph make_board(const BoardOptions& options) {
  STEWARD_CHECK(options.accounts > 0 && options.cases > 0);
  return Maker(options).run();
}

std::vector<BoardAnswer> ask_board(const Graph& board, const BoardOptions& options,
                                   std::uint32_t from_day) {
  const Node begin = std::uint64_t{from_day} * options.messages_a_day;
  std::mt19937_64 random(options.seed);
  std::vector<Seed> seeds;
  std::vector<BoardAnswer> out;
  for (std::uint32_t size = 1; size <= std::min(kMostAccounts, options.accounts); size *= 2) {
    out.push_back({size, 0, 0, 0});
    for (std::uint32_t group = 0; group < kGroups; ++group) {
      std::vector<bool> is_member(options.accounts, false);
      for (std::uint32_t chosen = 0; chosen < size;) {
        const std::size_t account = random() % options.accounts;
        if (is_member[account]) continue;
        is_member[account] = true;
        ++chosen;
      }
      Seed& seed = seeds.emplace_back();
      board.for_each(begin, [&](const NodeView& view) {
        if (is_member[view.client]) seed.push_back(view.node);
      });
    }
  }
  const std::vector<std::uint32_t> weights(board.end(), 1);
  const auto with = blast_radii(board, seeds, weights);
  const auto without = blast_radii(board, seeds, weights, {true, {}});
  for (std::size_t i = 0; i < seeds.size(); ++i) {
    BoardAnswer& answer = out[i / kGroups];
    const auto corrupt = static_cast<double>(seeds[i].size());
    answer.corrupt += corrupt / kGroups;
    answer.suspect += (static_cast<double>(with[i]) - corrupt) / kGroups;
    answer.suspect_without_alternatives += (static_cast<double>(without[i]) - corrupt) / kGroups;
  }
  return out;
}

}  // namespace steward::studies
