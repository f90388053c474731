// A graph of things with names: packages, components, updates of a log. What the offline tool
// imports, keeps in a folder, and asks questions of.
//
// Cycles. Packages need each other in circles, which updates cannot. The items of a circle become:
// one node each, its *own*, without dependencies, and one gate for all of them, their *whole*, that
// rests on every own node and on whatever any of them needs outside. So they fall together. A
// need with an alternative inside the circle is taken as met there: that alternative cannot
// exonerate. For an item outside of circles the two nodes are one. An item is corrupt if its own
// node is, else suspect if its whole is tainted.
//
// Not thread-safe.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "accountability/classification.h"
#include "accountability/graph.h"
#include "common/bytes.h"

namespace steward::accountability {

using ItemIndex = std::uint32_t;

inline constexpr std::size_t kMaxNameBytes = 1024;
inline constexpr std::size_t kMaxItems = 1U << 27;

struct Item {
  std::string name;
  Node own = 0;
  Node whole = 0;
};

// What an import saw and had to decide, for the person who ordered it.
struct ImportNotes {
  std::uint64_t unresolved = 0;  // needs that nothing in the files meets; left out
  std::string unresolved_example;
  std::uint64_t circles = 0;
  std::uint64_t in_circles = 0;  // items
  std::uint64_t largest_circle = 0;
  std::uint64_t dropped_alternatives = 0;  // needs with an alternative in their own circle
  std::uint64_t duplicates = 0;            // items that were given twice alike; the first counts
};

struct Catalogue {
  Graph graph;
  std::vector<Item> items;
  std::vector<std::string> clients;
  ImportNotes notes;

  Label label(const Classification& labels, ItemIndex item) const;

  // For each node of the graph, how many items are tainted when it is: for blast_radii().
  std::vector<std::uint32_t> weights() const;
};

// Items with their needs, in any order and with circles; what importers make.
struct Draft {
  using Need = std::vector<ItemIndex>;  // any of these

  struct Entry {
    std::string name;
    Client client = 0;
    std::uint32_t release = 0;  // does not fall from one entry to what needs it
    std::vector<Need> needs;    // all of these
  };

  std::vector<Entry> entries;
  std::vector<std::string> clients;
  ImportNotes notes;

  Client client_named(const std::string& name);  // made if there is none yet

 private:
  std::map<std::string, Client> client_numbers_;
};

// Called now and then with what is done, of how much.
using ImportProgress = std::function<void(std::uint64_t done, std::uint64_t total)>;

// An item's timestamp is its release times 2^32 plus a count. kBadInput for needs on items that do
// not exist and for releases in the wrong order, kTooLarge beyond the limits.
Result<Catalogue> build_catalogue(Draft draft, const ImportProgress& progress = {});

// Plain characters only, and no more than kMaxNameBytes: what files call things may be anything.
std::string clean_name(std::string_view name);

}  // namespace steward::accountability
