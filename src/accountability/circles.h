// Strongly connected components, in an order in which what is needed comes first (Tarjan, without
// recursion: chains of packages are deeper than a stack).
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace steward::accountability {

namespace detail {

template <class Entries>
class Circles {
 public:
  explicit Circles(const Entries& entries)
      : entries_(entries), number_(entries.size(), 0), low_(entries.size(), 0) {}

  template <class Visit>
  void run(Visit& visit) {
    for (std::uint32_t i = 0; i < entries_.size(); ++i) {
      if (number_[i] == 0) from(i, visit);
    }
  }

 private:
  struct Frame {
    std::uint32_t entry;
    std::uint32_t need;
    std::uint32_t alternative;
  };
  static constexpr std::uint32_t kFinished = ~std::uint32_t{0};

  void enter(std::uint32_t entry) {
    number_[entry] = low_[entry] = ++counter_;
    open_.push_back(entry);
    frames_.push_back({entry, 0, 0});
  }

  template <class Visit>
  void from(std::uint32_t start, Visit& visit) {
    enter(start);
    while (!frames_.empty()) {
      Frame& frame = frames_.back();
      const std::uint32_t entry = frame.entry;
      const auto& needs = entries_[entry].needs;
      if (frame.need < needs.size()) {
        const auto& need = needs[frame.need];
        if (frame.alternative >= need.size()) {
          ++frame.need;
          frame.alternative = 0;
          continue;
        }
        const std::uint32_t next = need[frame.alternative++];
        if (number_[next] == 0) {
          enter(next);
        } else if (low_[next] != kFinished) {
          low_[entry] = std::min(low_[entry], number_[next]);
        }
        continue;
      }
      frames_.pop_back();
      if (!frames_.empty()) {
        const std::uint32_t parent = frames_.back().entry;
        low_[parent] = std::min(low_[parent], low_[entry]);
      }
      if (low_[entry] == number_[entry]) close(entry, visit);
    }
  }

  template <class Visit>
  void close(std::uint32_t entry, Visit& visit) {
    std::vector<std::uint32_t> circle;
    do {
      circle.push_back(open_.back());
      low_[open_.back()] = kFinished;
      open_.pop_back();
    } while (circle.back() != entry);
    visit(circle);
  }

  const Entries& entries_;
  std::vector<std::uint32_t> number_;  // in the order of discovery, from 1
  std::vector<std::uint32_t> low_;
  std::vector<std::uint32_t> open_;
  std::vector<Frame> frames_;
  std::uint32_t counter_ = 0;
};

}  // namespace detail

// Calls `visit(const std::vector<std::uint32_t>&)` with the entries of each component. `entries[i]`
// has `needs`, a list of lists of indices into `entries`. O(entries + indices).
template <class Entries, class Visit>
void for_each_circle(const Entries& entries, Visit visit) {
  detail::Circles<Entries>(entries).run(visit);
}

}  // namespace steward::accountability
