// How items and marks are named on the command line of `steward graph`, and nodes in its answers.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "accountability/catalogue.h"

namespace steward::cli {

// Finds items by name. The catalogue outlives it.
class ItemNames {
 public:
  explicit ItemNames(const accountability::Catalogue& catalogue);

  // NAME=VERSION@RELEASE in full, or the beginning up to '=' or '@': then the one that comes last
  // in the order, the newest, and standard error says which that is of how many. kNotFound with
  // names that begin alike.
  Result<accountability::ItemIndex> find(const std::string& name) const;

  // What one says that somebody did:
  //   X                    only this is bad
  //   corrupt:X            and its client malicious from then on
  //   client:NAME[@TIME]   the client is malicious, from TIME on
  //   cleared:X            it was looked at and is right
  Result<accountability::Mark> find_mark(const std::string& text) const;
  Result<std::vector<accountability::Mark>> find_marks(const std::vector<std::string>& texts) const;

  // The item whose own node this is; nullopt for gates, that of a circle as a whole included.
  std::optional<accountability::ItemIndex> item_of(accountability::Node node) const;

  // For people: the item, "any of these: …" for a gate of alternatives, "circle of N: …".
  std::string describe(accountability::Node node) const;

 private:
  Result<accountability::Mark> find_client(const std::string& text) const;

  const accountability::Catalogue& catalogue_;
  std::map<std::string, std::vector<accountability::ItemIndex>> by_name_;  // full and base names
  std::map<accountability::Node, accountability::ItemIndex> by_node_;
  std::map<accountability::Node, std::uint32_t> circle_sizes_;  // by whole node
};

// Items with this label, in order.
std::vector<accountability::ItemIndex> items_labelled(const accountability::Catalogue& catalogue,
                                                      const accountability::Classification& labels,
                                                      accountability::Label label);

}  // namespace steward::cli
